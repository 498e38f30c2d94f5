"""Records of the journal as bytes: one line of JSON for what is small, then the arrays as they lie in memory (little-endian)."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from functools import lru_cache
from itertools import chain, islice
from typing import Any

import numpy as np

from threet.engine.descent import Ancestor
from threet.engine.effects import ENTRY, state_dtype
from threet.engine.market import CANDLE_COLUMNS, CandleRow, SymbolMarket
from threet.engine.runs import RunSpec
from threet_providence.soundness import UNREADABLE, strict_json
from threet_providence.steps import BaseRecord, BaseRun, Changes, EndedMark, Step, TickRecord

FORMAT_VERSION = 3
"""3: marks and candles of a tick as arrays. 2: parents of runs, ancestors. Both older ones are read as well: in 1 nothing descended."""

_JSON = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_COUNT = np.dtype("<i4")
_FLOAT = np.dtype("<f8")
_Block = bytes | memoryview


class RecordError(Exception):
    """Bytes that are no record of this format."""


class NewerFormat(RecordError):
    """A whole record of a later release."""


def encode(record: TickRecord | BaseRecord) -> bytes:
    head, blocks = _tick(record) if isinstance(record, TickRecord) else _base(record)
    return b"".join([_JSON.encode(head).encode(), b"\n", *blocks])


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

    def names(self, size: int) -> list[str]:
        """Symbols, written in ``size`` bytes."""
        text = self._data[self._at : self._at + size]
        self._at += size
        found: list[str] = strict_json(text)
        return found


def _tick(record: TickRecord) -> tuple[dict[str, Any], list[_Block]]:
    blocks: list[_Block] = []
    steps = [_step(step, blocks) for step in record.steps]
    return {"type": "tick", "format": FORMAT_VERSION, "tick": record.tick, "steps": steps}, blocks


def _step(step: Step, blocks: list[_Block]) -> dict[str, Any]:
    """What is small; the arrays are appended to ``blocks``."""
    head: dict[str, Any] = {"kind": step.kind, "ids": step.ids, "market_ms": step.market_ms}
    if step.marks:
        names = _names(tuple(step.marks))
        head["priced"] = len(step.marks), len(names)
        blocks += names, np.fromiter(step.marks.values(), dtype=_FLOAT, count=len(step.marks)).data
    if step.funding:
        head["funding"] = dict(step.funding)
    if step.candles:
        names, each = _names(tuple(step.candles)), step.candles.values()
        head["closed"] = len(each), len(names)
        numbers = chain.from_iterable(chain.from_iterable(each))
        blocks += names, np.array(list(map(len, each)), dtype=_COUNT).data, np.fromiter(numbers, dtype=_FLOAT).data
    changes = step.changes
    if changes.ended:
        head["ended"] = [[e.run_id, e.reason, e.ended_ms] for e in changes.ended]
    if changes.started:
        head["started"] = [spec._asdict() for spec in changes.started]
    if changes.ancestors:
        head["ancestors"] = [asdict(one) for one in changes.ancestors]
    if step.products is not None:
        head["products"] = step.products
    if len(changes.entries):
        head["entries"] = len(changes.entries)
        blocks.append(changes.entries.data)
    if len(changes.states):
        head |= {"states": len(changes.states), "state_width": changes.states.dtype["state"].shape[0]}
        blocks.append(changes.states.data)
    return head


@lru_cache
def _names(names: tuple[str, ...]) -> bytes:
    """Symbols in their order; the same ones come tick after tick."""
    return _JSON.encode(names).encode()


def _read_tick(head: dict[str, Any], blocks: _Blocks) -> TickRecord:
    return TickRecord(tick=int(head["tick"]), steps=tuple(_read_step(step, blocks) for step in head["steps"]))


def _read_step(head: dict[str, Any], blocks: _Blocks) -> Step:
    products = head.get("products")
    return Step(
        kind=head["kind"],
        ids=tuple((stream, entry_id) for stream, entry_id in head["ids"]),
        market_ms=int(head["market_ms"]),
        marks=_read_marks(head, blocks),
        funding={str(symbol): float(rate) for symbol, rate in head.get("funding", {}).items()},
        candles=_read_candles(head, blocks),
        products=None if products is None else tuple(products),
        changes=_read_changes(head, blocks),
    )


def _read_marks(head: dict[str, Any], blocks: _Blocks) -> dict[str, float]:
    if "priced" not in head:
        return dict(head.get("marks", {}))  # of format 2
    count, name_bytes = head["priced"]
    names = blocks.names(name_bytes)
    return dict(zip(names, blocks.take(_FLOAT, int(count)).tolist(), strict=True))


def _read_candles(head: dict[str, Any], blocks: _Blocks) -> dict[str, tuple[CandleRow, ...]]:
    if "closed" not in head:
        return {symbol: tuple(tuple(row) for row in rows) for symbol, rows in head.get("candles", {}).items()}  # of format 2
    count, name_bytes = head["closed"]
    names, counts = blocks.names(name_bytes), blocks.take(_COUNT, int(count)).tolist()
    rows = iter(blocks.take(_FLOAT, sum(counts) * CANDLE_COLUMNS).reshape(-1, CANDLE_COLUMNS).tolist())
    return {symbol: tuple(tuple(row) for row in islice(rows, many)) for symbol, many in zip(names, counts, strict=True)}


def _read_changes(head: dict[str, Any], blocks: _Blocks) -> Changes:
    return Changes(
        entries=blocks.take(ENTRY, int(head.get("entries", 0))),
        states=blocks.take(state_dtype(int(head.get("state_width", 0))), int(head.get("states", 0))),
        ended=tuple(EndedMark(*ended) for ended in head.get("ended", [])),
        started=tuple(RunSpec(**spec) for spec in head.get("started", [])),
        ancestors=tuple(Ancestor(**one) for one in head.get("ancestors", [])),
    )


def _base(record: BaseRecord) -> tuple[dict[str, Any], list[_Block]]:
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
