"""Behind the file of a run with a long history: what it did since, appended, so that the history is not written again for each trade.

``run_<id>.tail`` holds records, each framed by a magic word, its length and its CRC-32: one line of JSON that says how the run does
after it, then the new entries as they lie in memory (little-endian). When as much is appended as the file holds, the file is written anew.
"""

from __future__ import annotations

import errno
import json
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from threet.engine.entries import Entry
from threet.engine.runs import RunImage
from threet.engine.voms import Voms
from threet_providence import soundness
from threet_providence.files import Folders
from threet_providence.snapshots import SnapshotError, book
from threet_providence.soundness import UNREADABLE, strict_json

_FRAME = struct.Struct("<4sII")
_MAGIC = b"3TT1"
_ENTRY = np.dtype([("kind", "u1"), ("time_ms", "<i8"), ("price", "<f8"), ("size", "<f8")])
LONG_BYTES = 16_384
"""Of a run's file: a shorter one is written as fast as a record is appended."""


def tail_of(path: Path) -> Path:
    """Beside the run's file ``path``."""
    return path.with_suffix(".tail")


@dataclass(slots=True)
class _Written:
    """What this process has put on the disk of one run."""

    entries: int
    file_bytes: int
    tail_bytes: int = 0


class Tails:
    """The writing end. A run whose file this process did not write itself gets a whole one first."""

    def __init__(self, folders: Folders, long_bytes: int = LONG_BYTES) -> None:
        self._folders, self._long = folders, long_bytes
        self._written: dict[str, _Written] = {}
        self._superseded: set[Path] = set()

    def begin(self, image: RunImage, file_bytes: int) -> None:
        """The run's file was written as a whole. Its tail goes when ``drop_superseded`` is called, after the folder was synced."""
        self._written[image.spec.id] = _Written(image.entry_count, file_bytes)
        self._superseded.add(tail_of(self._folders.run(image.spec.id)))

    def append(self, image: RunImage) -> bool:
        """Puts what is new of the run behind its file, on the disk when this returns. False where a whole file is due."""
        written = self._written.get(image.spec.id)
        path = tail_of(self._folders.run(image.spec.id))
        if written is None or written.file_bytes < self._long or path in self._superseded:
            return False
        data = _record(image, written.entries)
        if written.tail_bytes + len(data) > written.file_bytes:
            return False
        del self._written[image.spec.id]  # until it is whole: behind half a record nothing could be read
        with open(path, "ab", buffering=0) as file:
            if file.write(data) != len(data):
                raise OSError(errno.ENOSPC, "the disk took a part of a record only", str(path))
            os.fdatasync(file.fileno())
        self._written[image.spec.id] = replace(written, entries=image.entry_count, tail_bytes=written.tail_bytes + len(data))
        return True

    def end(self, run_id: str) -> None:
        """The run has ended; its last file is whole."""
        self._written.pop(run_id, None)
        self._superseded.add(tail_of(self._folders.run(run_id)))

    def drop_superseded(self) -> None:
        for path in self._superseded:
            path.unlink(missing_ok=True)
        self._superseded.clear()


def _record(image: RunImage, entries_before: int) -> bytes:
    entries = image.entries.arrays(entries_before, image.entry_count)
    block = np.zeros(image.entry_count - entries_before, dtype=_ENTRY)
    for name, column in zip(_ENTRY.names or (), entries, strict=True):
        block[name] = column
    head = {
        "run_id": image.spec.id,
        "journal_tick": image.tick,
        "entries_before": entries_before,
        "position_direction": image.direction,
        "live_pnl": image.live_pnl,
        "last_price": image.last_price,
        "risen": image.risen,
        "votes": image.votes,
        "strategy_state": dict(image.state),
    }
    payload = json.dumps(head, separators=(",", ":"), allow_nan=False).encode() + b"\n" + block.tobytes()
    return _FRAME.pack(_MAGIC, len(payload), zlib.crc32(payload)) + payload


@dataclass(frozen=True, slots=True)
class Followed:
    """A run with its tail. ``damage`` is None, or what follows the last good record at ``good_bytes``."""

    image: RunImage
    good_bytes: int
    damage: str | None


def follow(path: Path, image: RunImage, voms: Voms) -> Followed:
    """The run of the file ``path``, its entries and ``voms`` led on by the tail beside it.

    Raises SnapshotError where the replay of a whole record gives another result than it says.
    """
    tail = tail_of(path)
    data, good = (tail.read_bytes() if tail.exists() else b""), 0
    try:
        for payload, end in _payloads(data):
            image = _after(payload, image, voms)
            good = end
    except UNREADABLE as error:
        return Followed(image, good, f"{type(error).__name__}: {error}")
    return Followed(image, good, None)


def _payloads(data: bytes) -> Iterator[tuple[bytes, int]]:
    at = 0
    while at < len(data):
        if at + _FRAME.size > len(data):
            raise ValueError(f"{len(data) - at} bytes of a torn frame at byte {at}")
        magic, length, checksum = _FRAME.unpack_from(data, at)
        payload = data[at + _FRAME.size : at + _FRAME.size + length]
        if magic != _MAGIC or len(payload) != length or zlib.crc32(payload) != checksum:
            raise ValueError(f"a torn or damaged record at byte {at} of {len(data)}")
        at += _FRAME.size + length
        yield payload, at


def _after(payload: bytes, image: RunImage, voms: Voms) -> RunImage:
    """The run after one record; one that the file contains already changes nothing."""
    line, _, block = payload.partition(b"\n")
    head: dict[str, Any] = strict_json(line)
    entries = np.frombuffer(block, dtype=_ENTRY)
    if head["run_id"] != image.spec.id or (head["journal_tick"] > image.tick and head["entries_before"] != image.entry_count):
        raise ValueError(f"expected a record of {image.spec.id} behind {image.entry_count} entries, found another")
    if head["journal_tick"] <= image.tick:
        return image
    try:
        return _led_on(image, voms, head, [Entry(*entry) for entry in entries.tolist()])
    except UNREADABLE as error:  # the record is whole: another damage than a kill can do
        raise SnapshotError(f"expected a tail that can be replayed, found {type(error).__name__}: {error}") from error


def _led_on(image: RunImage, voms: Voms, head: dict[str, Any], entries: list[Entry]) -> RunImage:
    for entry in entries:
        book(voms, entry)
        image.entries.append(entry)
    after = image._replace(
        tick=int(head["journal_tick"]),
        direction=int(head["position_direction"]),
        live_pnl=float(head["live_pnl"]),
        last_price=float(head["last_price"]),
        risen=bool(head["risen"]),
        votes=bool(head["votes"]),
        state={str(name): float(value) for name, value in head["strategy_state"].items()},
        entry_count=len(image.entries),
        closed_trades=voms.closed_trades,
    )
    soundness.check(after)
    voms.update_price(after.last_price)
    if voms.live_pnl.hex() != after.live_pnl.hex() or voms.direction != after.direction:
        raise SnapshotError(f"expected live_pnl {after.live_pnl!r} after the replay of its tail, was {voms.live_pnl!r}")
    return after
