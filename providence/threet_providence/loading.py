"""The files of all runs of a shard at once: read one by one, replayed together, by columns."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import simdjson

from threet.engine.entries import EntryLog
from threet.engine.histories import Books, replayed
from threet.engine.runs import RunImage, by_fields
from threet.engine.voms import Voms
from threet_providence import snapshots
from threet_providence.snapshots import FORMAT_VERSION, SnapshotError, Told, columns_of, kinds_of, read, values_of, verified
from threet_providence.soundness import UNREADABLE, are_sound

_ARRAYS = 3
"""Of numbers in a file: in one with more of them an array may lie in an array, which the parser's buffers do not tell."""
_BYTES_AT_ONCE = 65_536
_FILES_AT_ONCE = 4_096
"""So few that what was read of them is still in the processor's cache when it is replayed."""
Loaded = tuple[RunImage, Voms]
"""A run and its VOMS, proven by the replay, as ``snapshots.load`` gives them, but for ``closed_trades``, which the VOMS alone has here."""


def load_all(paths: Sequence[str]) -> list[Loaded | SnapshotError | OSError]:
    """In the order of ``paths``; of each that fails the error that ``snapshots.load`` would raise."""
    parts = (paths[first : first + _FILES_AT_ONCE] for first in range(0, len(paths), _FILES_AT_ONCE))
    return [found for part in parts for found in _together(part)]


def _together(paths: Sequence[str]) -> list[Loaded | SnapshotError | OSError]:
    parser = simdjson.Parser()
    told = [_told(path, parser) for path in paths]
    found = iter(_proven([one for one in told if one is not None]))
    return [(None if one is None else next(found, None)) or _alone(path) for path, one in zip(paths, told, strict=True)]


def _alone(path: str) -> Loaded | SnapshotError | OSError:
    """What does not go together, so that its error says why."""
    image = read_image(path)
    try:
        return image if isinstance(image, Exception) else verified(image)
    except SnapshotError as error:
        return error


def _told(path: str, parser: Any) -> Told | None:
    """What ``snapshots`` would read, without a Python object for each number; None of all that is not as we write it."""
    try:
        data = _content(path)
        snapshots.check_sum(data)
        body = parser.parse(data)
        version = body["format_version"]
        if type(version) is not int or version != FORMAT_VERSION or _arrays(data) != _ARRAYS:
            return None
        kinds, times_ms, prices, sizes = columns_of(body["voms_state"])
        times, money = times_ms.as_buffer(of_type="i"), (prices.as_buffer(of_type="d"), sizes.as_buffer(of_type="d"))
        log = EntryLog.of_bytes(kinds_of(kinds), times, *money)
        return values_of(body), body["parameters"].as_dict(), body["strategy_state"].as_dict(), log
    except (SnapshotError, OSError, RuntimeError, *UNREADABLE):  # a RuntimeError: a number that fits no 64 bits
        return None


def _arrays(data: bytes) -> int:
    """How many begin in it; ``bytes.count`` takes three times as long."""
    count = at = 0
    while at := data.find(b"[", at) + 1:
        count += 1
    return count


def read_image(path: str) -> RunImage | SnapshotError | OSError:
    try:
        return read(_content(path))
    except (SnapshotError, OSError) as error:
        return error


def _content(path: str) -> bytes:
    """Of a small file, with the least of calls."""
    handle = os.open(path, os.O_RDONLY)
    try:
        data = os.read(handle, _BYTES_AT_ONCE)
        if len(data) < _BYTES_AT_ONCE:
            return data
        with open(handle, "rb", buffering=0, closefd=False) as rest:
            return data + rest.readall()
    finally:
        os.close(handle)


def _proven(told: Sequence[Told]) -> list[Loaded | None]:
    """None where the replay does not prove it; nothing where one of them is none of a sound run."""
    try:
        images = snapshots.images(told)
        fields = by_fields(images)
        if not are_sound(fields):
            return []
    except UNREADABLE:
        return []
    prices, live_pnl = np.array(fields["last_price"], dtype=np.float64), np.array(fields["live_pnl"], dtype=np.float64)
    books = replayed(fields["entries"], np.array(fields["fee_rate"], dtype=np.float64))
    with np.errstate(all="ignore"):
        same = books.live_pnl(prices).view(np.int64) == live_pnl.view(np.int64)  # to the bit
    right = books.sound & same & (np.sign(books.size) == np.array(fields["direction"], dtype=np.int64))
    voms = _voms(books, fields)
    return [(image, one) if is_right else None for image, one, is_right in zip(images, voms, right.tolist(), strict=True)]


def _voms(books: Books, fields: Mapping[str, Sequence[Any]]) -> list[Voms]:
    rows = [getattr(books, name).tolist() for name in ("size", "entry", "realised", "fees", "funding", "closed_trades")]
    made = []
    born_with = (fields["start_balance"], fields["leverage"], fields["fee_rate"])
    for start_balance, leverage, fee_rate, price, size, entry, realised, fees, funding, closed in zip(
        *born_with, fields["last_price"], *rows, strict=True
    ):
        voms = Voms(start_balance=start_balance, leverage=leverage, fee_rate=fee_rate)
        voms.size, voms.entry, voms.realised, voms.fees, voms.funding = size, entry, realised, fees, funding
        voms.closed_trades, voms.mark = closed, price
        made.append(voms)
    return made
