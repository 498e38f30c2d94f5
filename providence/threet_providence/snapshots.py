"""The file of one run: everything it takes to resume it, checked by replay. See docs/providence.md for its keys."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from gzip import BadGzipFile
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from threet.engine.entries import FUNDING, KIND_NAMES, TRADE, Entry, EntryLog
from threet.engine.runs import RunImage, RunSpec
from threet.engine.voms import Voms
from threet_providence import soundness
from threet_providence.files import read_plain
from threet_providence.soundness import UNREADABLE

FORMAT_VERSION = 3
"""3: entries by columns. 2: the run's parent, each entry a list. 1 is read as well: there nothing descended."""
_COLUMNS_SINCE = 3
_KINDS = {name: kind for kind, name in enumerate(KIND_NAMES)}
_LETTERS = "".join(name[0] for name in KIND_NAMES).encode()
_TO_LETTERS = bytes.maketrans(bytes(range(len(_LETTERS))), _LETTERS)
_FROM_LETTERS = bytes(_LETTERS.find(letter) & 0xFF for letter in range(256))
"""A letter of no kind becomes -1, which VOMS refuses."""
_HEAD = b'{"checksum":"'


Told = tuple[Sequence[Any], dict[str, Any], dict[str, Any], EntryLog]
"""What one file says: its single values as ``values_of`` takes them, its parameters, the strategy's state, its history."""


class SnapshotError(Exception):
    """A snapshot that fails its check; the text is the reason that goes into the quarantine."""


class NewerFormat(SnapshotError):
    """A whole file of a later release: nothing is wrong with it, so that nothing may happen to it."""


def to_bytes(image: RunImage) -> bytes:
    """The first line holds the checksum: SHA-256 of all bytes behind it. The whole is one JSON object.

    Raises ValueError where the image is none that could be read again.
    """
    soundness.check(image)
    spec, (kinds, *numbers) = image.spec, image.entries.arrays(0, image.entry_count)
    times_ms, prices, sizes = map(np.asarray, numbers)
    if not (np.isfinite(prices).all() and np.isfinite(sizes).all()):
        soundness.check_entries(image)
    body = {
        "format_version": FORMAT_VERSION,
        "run_id": spec.id,
        "number": spec.number,
        "seed": spec.seed,
        "strategy": spec.strategy,
        "symbol": spec.symbol,
        "parameters": dict(spec.parameters),
        "start_balance": spec.start_balance,
        "leverage": spec.leverage,
        "fee_rate": spec.fee_rate,
        "max_loss_usd": spec.max_loss_usd,
        "target_usd": spec.target_usd,
        "parent": spec.parent,
        "started_ms": spec.started_ms,
        "ends_ms": spec.ends_ms,
        "status": image.status,
        "exit_reason": image.exit_reason,
        "ended_ms": image.ended_ms,
        "journal_tick": image.tick,
        "position_direction": image.direction,
        "live_pnl": image.live_pnl,
        "last_price": image.last_price,
        "risen": image.risen,
        "votes": image.votes,
        "strategy_state": dict(image.state),
        "voms_state": {
            "kinds": kinds.tobytes().translate(_TO_LETTERS).decode(),
            "times_ms": times_ms,
            "prices": prices,
            "sizes": sizes,
        },
    }
    text = orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)[1:]
    return _first_line(text) + text


def load(path: Path) -> tuple[RunImage, Voms]:
    """The run and its replayed VOMS, which equals the saved ``live_pnl`` bit for bit; an archive is read like a run's file.

    Raises SnapshotError.
    """
    try:
        image = read(read_plain(path))
    except BadGzipFile as error:
        raise SnapshotError(f"expected a whole archive, found {error}") from error
    return verified(image)


def read(data: bytes) -> RunImage:
    """What the bytes of a file say, by their checksum and format; not replayed. Raises SnapshotError."""
    body = _body(data)
    try:
        (image,) = images([_told(body)])
        soundness.check(image)
    except UNREADABLE as error:
        raise _no_run(error) from error
    return image


def verified(image: RunImage) -> tuple[RunImage, Voms]:
    """The run, proven by its replay. Raises SnapshotError."""
    try:
        soundness.check_entries(image)
        voms = replayed(image)
    except UNREADABLE as error:
        raise _no_run(error) from error
    voms.update_price(image.last_price)
    if voms.live_pnl.hex() != image.live_pnl.hex():
        raise SnapshotError(f"expected live_pnl {image.live_pnl!r} after the replay, was {voms.live_pnl!r}")
    if voms.direction != image.direction:
        raise SnapshotError(f"expected position_direction {image.direction} after the replay, was {voms.direction}")
    return image._replace(closed_trades=voms.closed_trades), voms


def _no_run(error: Exception) -> SnapshotError:
    return SnapshotError(f"expected a run of format {FORMAT_VERSION}, found {type(error).__name__}: {error}")


def named_in(path: Path | None) -> tuple[str, str]:
    """Symbol and strategy as a file that failed its check still says them, else empty: to count it, never to trust it."""
    try:
        body = json.loads(read_plain(path)) if path is not None else {}
        return str(body["symbol"]), str(body["strategy"])
    except (OSError, *UNREADABLE):
        return "", ""


def replayed(image: RunImage) -> Voms:
    """A fresh VOMS with every entry of the run, not yet marked."""
    spec = image.spec
    voms = Voms(start_balance=spec.start_balance, leverage=spec.leverage, fee_rate=spec.fee_rate)
    for kind, _, price, size in zip(*image.entries.arrays(0, image.entry_count), strict=True):
        _book(voms, kind, price, size)
    return voms


def book(voms: Voms, entry: Entry) -> None:
    _book(voms, entry.kind, entry.price, entry.size)


def _book(voms: Voms, kind: int, price: float, size: float) -> None:
    if kind == TRADE:
        voms.add_trade(price, size)
    elif kind == FUNDING:
        voms.add_funding(price, size)
    else:
        raise ValueError(f"expected an entry of kind {' or '.join(KIND_NAMES)}, was {kind}")


def check_sum(data: bytes) -> None:
    """Raises SnapshotError where the bytes are not those that were written."""
    behind = data.find(b"\n") + 1
    line = data[:behind]
    if line != _first_line(memoryview(data)[behind:]):
        if not line.startswith(_HEAD) or not line.endswith(b'",\n'):
            raise SnapshotError(f"expected a first line with a checksum, was {(line or data)[:60]!r}")
        raise SnapshotError("the checksum does not fit the content: the file was torn or changed")


def _first_line(text: bytes | memoryview) -> bytes:
    return _HEAD + hashlib.sha256(text).hexdigest().encode() + b'",\n'


def _body(data: bytes) -> dict[str, Any]:
    check_sum(data)
    try:
        body: dict[str, Any] = orjson.loads(data)
    except UNREADABLE as error:
        raise SnapshotError(f"expected JSON, found {error}") from error
    version = body.get("format_version")
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise NewerFormat(f"expected format_version 1 to {FORMAT_VERSION}, was {version}; start the release that wrote the file")
    if not isinstance(version, int) or not version >= 1:
        raise SnapshotError(f"expected format_version 1 to {FORMAT_VERSION}, was {version!r}; start the release that wrote the file")
    return body


def kinds_of(letters: str) -> bytes:
    return letters.encode().translate(_FROM_LETTERS)


def _told(body: dict[str, Any]) -> Told:
    body.setdefault("parent", None)
    return values_of(body), body["parameters"], body["strategy_state"], _history(body)


def _history(body: dict[str, Any]) -> EntryLog:
    told = body["voms_state"]
    if body["format_version"] >= _COLUMNS_SINCE:
        kinds, *numbers = columns_of(told)
        return EntryLog.of(kinds_of(kinds), *numbers)
    log = EntryLog()
    for kind, time_ms, price, size in told["entries"]:
        log.add(_KINDS[kind], time_ms, price, size)
    return log


def images(files: Sequence[Told]) -> list[RunImage]:
    """Of one file or of many, key by key. Raises one of ``UNREADABLE`` where a value of any of them is of another kind."""
    if not files:
        return []
    rows, parameters, states, logs = zip(*files, strict=True)
    columns = zip(*rows, strict=True)
    values = [_of_kind(kind, key, column) for (key, kind), column in zip(_KINDS_OF_VALUES.items(), columns, strict=True)]
    before, behind, early, late = (values[part] for part in _PARTS)
    specs = map(RunSpec, *before, _numbers(parameters), *behind)
    return list(map(RunImage, specs, *early, _numbers(states), logs, map(len, logs), *late))


def _of_kind(kind: type | None, key: str, column: Sequence[Any]) -> Sequence[Any]:
    if kind is int or kind is float:
        return list(map(kind, column))
    if kind is not None and not {kind}.issuperset(map(type, column)):
        raise TypeError(f"expected {key} as {kind.__name__}, found {next(repr(value) for value in column if type(value) is not kind)}")
    return column


def _numbers(column: Sequence[dict[str, Any]]) -> Sequence[dict[str, float]]:
    if {float}.issuperset(map(type, chain.from_iterable(map(dict.values, column)))):
        return column
    return [{name: float(value) for name, value in told.items()} for told in column]


_KINDS_OF_VALUES: dict[str, type | None] = {
    # Of the RunSpec before its parameters
    "run_id": str,
    "number": int,
    "seed": int,
    "strategy": str,
    "symbol": str,
    # and behind them,
    "start_balance": float,
    "leverage": float,
    "fee_rate": float,
    "started_ms": int,
    "ends_ms": int,
    "max_loss_usd": float,
    "target_usd": float,
    "parent": None,
    # of the RunImage before its state
    "journal_tick": int,
    "position_direction": int,
    "live_pnl": float,
    "last_price": float,
    "risen": bool,
    "votes": bool,
    # and behind its entries.
    "status": str,
    "exit_reason": None,
    "ended_ms": None,
}
"""In the order of the fields that they become: made numbers, or refused where they are no such thing; None: seen to by ``soundness``."""
_PARTS = (slice(0, 5), slice(5, 13), slice(13, 19), slice(19, None))
values_of = itemgetter(*_KINDS_OF_VALUES)
columns_of = itemgetter("kinds", "times_ms", "prices", "sizes")
