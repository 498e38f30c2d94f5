"""Records of the journal as bytes: one line of JSON for what is small, then the arrays as they lie in memory (little-endian)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from threet.engine.descent import Ancestor
from threet.engine.effects import ENTRY, state_dtype
from threet.engine.market import CANDLE_COLUMNS, SymbolMarket
from threet.engine.runs import RunSpec
from threet_providence.soundness import UNREADABLE, strict_json
from threet_providence.steps import BaseRecord, BaseRun, Changes, EndedMark, Step, TickRecord

FORMAT_VERSION = 2
"""2: parents of runs, ancestors. 1 is read as well: there nothing descended."""


class RecordError(Exception):
    """Bytes that are no record of this format."""


class NewerFormat(RecordError):
    """A whole record of a later release."""


def encode(record: TickRecord | BaseRecord) -> bytes:
    head, blocks = _tick(record) if isinstance(record, TickRecord) else _base(record)
    return b"".join([json.dumps(head, separators=(",", ":"), allow_nan=False).encode(), b"\n", *blocks])


def decode(payload: bytes) -> TickRecord | BaseRecord:
    """Raises RecordError; a newer format version is refused by name."""
    line, _, blocks = payload.partition(b"\n")
    try:
        head = strict_json(line)
        if head["format"] > FORMAT_VERSION:
            raise NewerFormat(f"expected journal format {FORMAT_VERSION} or older, was {head['format']}; start the release that wrote it")
        reader = _Blocks(blocks)
        return _read_tick(head, reader) if head["type"] == "tick" else _read_base(head, reader)
    except UNREADABLE as error:
        raise RecordError(f"{type(error).__name__}: {error}") from error


class _Blocks:
    """Takes the arrays in the order in which they were written."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, dtype: np.dtype[Any], count: int) -> np.ndarray[Any, np.dtype[Any]]:
        array = np.frombuffer(self._data, dtype=dtype, count=count, offset=self._at) if count else np.zeros(0, dtype=dtype)
        self._at += array.nbytes
        return array


def _tick(record: TickRecord) -> tuple[dict[str, Any], list[bytes]]:
    head = {"type": "tick", "format": FORMAT_VERSION, "tick": record.tick, "steps": [_step(step) for step in record.steps]}
    return head, list(_step_blocks(record))


def _step(step: Step) -> dict[str, Any]:
    head: dict[str, Any] = {"kind": step.kind, "ids": step.ids, "market_ms": step.market_ms}
    small: dict[str, Any] = {
        "marks": step.marks,
        "candles": step.candles,
        "ended": [[e.run_id, e.reason, e.ended_ms] for e in step.changes.ended],
        "started": [asdict(spec) for spec in step.changes.started],
        "ancestors": [asdict(one) for one in step.changes.ancestors],
    }
    head |= {name: value for name, value in small.items() if value}
    if step.products is not None:
        head["products"] = step.products
    entries, states = step.changes.entries, step.changes.states
    if len(entries):
        head["entries"] = len(entries)
    if len(states):
        head |= {"states": len(states), "state_width": states.dtype["state"].shape[0]}
    return head


def _step_blocks(record: TickRecord) -> Iterator[bytes]:
    for step in record.steps:
        yield step.changes.entries.tobytes()
        yield step.changes.states.tobytes()


def _read_tick(head: dict[str, Any], blocks: _Blocks) -> TickRecord:
    return TickRecord(tick=int(head["tick"]), steps=tuple(_read_step(step, blocks) for step in head["steps"]))


def _read_step(head: dict[str, Any], blocks: _Blocks) -> Step:
    products = head.get("products")
    return Step(
        kind=head["kind"],
        ids=tuple((stream, entry_id) for stream, entry_id in head["ids"]),
        market_ms=int(head["market_ms"]),
        marks=head.get("marks", {}),
        candles={symbol: tuple(tuple(row) for row in rows) for symbol, rows in head.get("candles", {}).items()},
        products=None if products is None else tuple(products),
        changes=_read_changes(head, blocks),
    )


def _read_changes(head: dict[str, Any], blocks: _Blocks) -> Changes:
    return Changes(
        entries=blocks.take(ENTRY, int(head.get("entries", 0))),
        states=blocks.take(state_dtype(int(head.get("state_width", 0))), int(head.get("states", 0))),
        ended=tuple(EndedMark(*ended) for ended in head.get("ended", [])),
        started=tuple(RunSpec(**spec) for spec in head.get("started", [])),
        ancestors=tuple(Ancestor(**one) for one in head.get("ancestors", [])),
    )


def _base(record: BaseRecord) -> tuple[dict[str, Any], list[bytes]]:
    markets = [[name, None if math.isnan(m.mark) else m.mark, len(m.candles)] for name, m in record.markets.items()]
    head = {
        "type": "base",
        "format": FORMAT_VERSION,
        "tick": record.tick,
        "seed": record.seed,
        "interval_ms": record.interval_ms,
        "market_ms": record.market_ms,
        "ids": dict(record.ids),
        "products": record.products,
        "next_number": dict(record.next_number),
        "born_ms": dict(record.born_ms),
        "ancestors": [asdict(one) for one in record.ancestors],
        "runs": record.runs,
        "markets": markets,
    }
    return head, [market.candles.tobytes() for market in record.markets.values()]


def _read_base(head: dict[str, Any], blocks: _Blocks) -> BaseRecord:
    markets = {}
    for name, mark, bars in head["markets"]:
        candles = blocks.take(np.dtype("<f8"), int(bars) * CANDLE_COLUMNS).reshape(int(bars), CANDLE_COLUMNS)
        markets[name] = SymbolMarket(candles=candles, mark=math.nan if mark is None else float(mark))
    return BaseRecord(
        tick=int(head["tick"]),
        seed=int(head["seed"]),
        interval_ms=int(head["interval_ms"]),
        market_ms=int(head["market_ms"]),
        ids=dict(head["ids"]),
        products=tuple(head["products"]),
        next_number={symbol: int(number) for symbol, number in head["next_number"].items()},
        born_ms={symbol: int(born) for symbol, born in head["born_ms"].items()},
        ancestors=tuple(Ancestor(**one) for one in head.get("ancestors", [])),
        runs=tuple(BaseRun(*run) for run in head["runs"]),
        markets=markets,
    )
