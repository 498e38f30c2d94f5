"""The journal of one shard: append-only segments of framed records, one fsync per record. See docs/providence.md.

A segment's name holds the shard, the number of shards and the tick of its base. Each record is framed by a magic word, its length
and its CRC-32, so that a record that was torn by a kill is seen and cut.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from threet_providence.codec import NewerFormat, RecordError, decode, encode
from threet_providence.files import Folders, is_full, named, sync_folder, write_whole
from threet_providence.quarantine import cut_file, keep_segment
from threet_providence.steps import BaseRecord, TickRecord

_FRAME = struct.Struct("<4sII")
_MAGIC = b"3TJ1"

_Placed = tuple[TickRecord | BaseRecord, int]
"""A record, and the byte behind it."""


@dataclass(frozen=True, slots=True)
class Segment:
    """What one file of the journal holds. ``damage`` is None, or what follows the last good record at ``good_bytes``.

    Where the ``base`` itself cannot be read it is None: ``tick`` is known by the name, and the ticks behind it have checksums of their own.
    """

    path: Path
    tick: int
    base: BaseRecord | None
    ticks: tuple[TickRecord, ...]
    good_bytes: int
    damage: str | None


class JournalError(Exception):
    """A journal that cannot be gone on with; says file, what was found, and the cure."""


def frame(record: TickRecord | BaseRecord) -> bytes:
    payload = encode(record)
    return _FRAME.pack(_MAGIC, len(payload), zlib.crc32(payload)) + payload


def segment_paths(folder: Path, shard: int, shards: int, names: Iterable[str] | None = None) -> list[Path]:
    """The shard's segments, the oldest first. ``names``: what lies in the folder, where that is known already."""
    return [folder / name for name in named(names or os.listdir(folder), f"journal-{shard}-of-{shards}-", ".3tj")]


def other_layouts(folder: Path, shards: int, names: Iterable[str] | None = None) -> list[Path]:
    """Segments that were written with another number of shards; ``names`` as above."""
    segments = (folder / name for name in named(names or os.listdir(folder), "journal-", ".3tj") if "-of-" in name)
    return [path for path in segments if shards_of_segment(path) != shards]


def shards_of_segment(path: Path) -> int:
    """0 where the name is none of ours."""
    number = path.name.split("-")[3]
    return int(number) if number.isdigit() else 0


def segment_name(shard: int, shards: int, tick: int) -> str:
    return f"journal-{shard}-of-{shards}-{tick:012d}.3tj"


def read_segment(path: Path) -> Segment:
    """Raises JournalError where it is of another format, which is no damage."""
    data = path.read_bytes()
    records: list[TickRecord | BaseRecord] = []
    good, damage = 0, None
    try:
        for record, end in _in_sequence(_records(data, 0), base_tick(path)):
            records.append(record)
            good = end
    except NewerFormat as error:
        raise JournalError(
            f"{path}: expected records of format {_MAGIC.decode()}, found {error}. Go on with the version of 3T that "
            f"wrote it, or move the folder {path.parent} away: a new population then begins, and the old one is kept there"
        ) from error
    except RecordError as error:
        damage = str(error)
    if not records:
        damage = damage or "no record"
        records, good = _behind_a_lost_base(data, base_tick(path))
    base = records[0] if records and isinstance(records[0], BaseRecord) else None
    return Segment(path, base_tick(path), base, tuple(r for r in records if isinstance(r, TickRecord)), good, damage)


def base_tick(path: Path) -> int:
    """Of the segment's base, by its name."""
    return int(path.stem.rsplit("-", 1)[1])


def _in_sequence(records: Iterator[_Placed], tick: int) -> Iterator[_Placed]:
    """The base of ``tick``, or the tick behind it; then ticks without a gap. Raises RecordError at the first that is neither."""
    for number, (record, end) in enumerate(records):
        expected = record.tick == tick + 1 if isinstance(record, TickRecord) else record.tick == tick and number == 0
        if not expected:
            raise RecordError(f"expected the record behind tick {tick}, found {type(record).__name__} of tick {record.tick}")
        yield record, end
        tick = record.tick


def _behind_a_lost_base(data: bytes, tick: int) -> tuple[list[TickRecord | BaseRecord], int]:
    """The ticks behind a base that cannot be read: each has its own frame and checksum."""
    at = data.find(_MAGIC[:4], 1)
    while at >= 0:
        records, good = [], 0
        try:
            for record, end in _in_sequence(_records(data, at), tick):
                records.append(record)
                good = end
        except RecordError:
            pass  # what follows the last good one is lost, as behind any damage
        if records:
            return records, good
        at = data.find(_MAGIC[:4], at + 1)
    return [], 0


def _records(data: bytes, at: int) -> Iterator[_Placed]:
    """From byte ``at`` on, each with the byte behind it."""
    while at < len(data):
        if at + _FRAME.size > len(data):
            raise RecordError(f"{len(data) - at} bytes of a torn frame at byte {at}")
        magic, length, checksum = _FRAME.unpack_from(data, at)
        payload = data[at + _FRAME.size : at + _FRAME.size + length]
        whole = 0 < length == len(payload) and zlib.crc32(payload) == checksum
        if whole and magic[3:] > _MAGIC[3:] and magic.startswith(_MAGIC[:3]) and not _is_ours(payload):
            raise NewerFormat(f"a record of format {magic.decode('ascii', 'replace')} at byte {at}")
        if magic != _MAGIC or not whole:
            raise RecordError(f"a torn or damaged record at byte {at} of {len(data)}")
        yield decode(payload), at + _FRAME.size + length
        at += _FRAME.size + length


def _is_ours(payload: bytes) -> bool:
    """Then it is the magic word that is damaged, and not another format."""
    try:
        decode(payload)
    except RecordError:
        return False
    return True


class Journal:
    """The writing end. ``append`` returns when the record is on the disk."""

    def __init__(self, folders: Folders, shard: int, shards: int, now: Callable[[], datetime]) -> None:
        """``now`` stamps what goes into the quarantine."""
        self._folders, self._shard, self._shards, self._now = folders, shard, shards, now
        self._file: BinaryIO | None = None

    def begin_segment(self, base: BaseRecord) -> Path:
        """A new segment, whole with its base or not there at all; later records go to it.

        A segment of this tick is there already where nothing was consumed since it began, or where all that was could not be read
        and was cut by the start: it is gone on with where it says the same, else kept apart.
        """
        path = self._folders.root / segment_name(self._shard, self._shards, base.tick)
        if not path.exists() or not _is_only(path, base):
            if path.exists():
                keep_segment(self._folders.quarantine, path, "another base of the same tick took its place", self._now(), move=False)
            write_whole(path, frame(base))
        sync_folder(self._folders.root)
        self.close()
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115 - stays open for the records
        return path

    def append(self, record: TickRecord) -> None:
        if self._file is None:
            raise JournalError("expected a segment to be begun before a record is appended")
        data, end = frame(record), self._file.seek(0, os.SEEK_END)
        try:
            written = self._file.write(data)
            if written != len(data):
                self._file.write(data[written:])  # says why it did not take it all
                os.ftruncate(self._file.fileno(), end)
                raise OSError(f"{self._file.name}: the disk took a part of a record only")
            os.fdatasync(self._file.fileno())  # some disks say only here that they are full
        except OSError as error:
            if is_full(error):
                os.ftruncate(self._file.fileno(), end)  # as before, so that it can be tried again
            raise

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _is_only(path: Path, base: BaseRecord) -> bool:
    """Whether the segment holds this base and nothing else; a restart gives the runs other slots, and so another order."""
    there = read_segment(path)
    if there.base is None or there.ticks or there.damage is not None:
        return False
    first, second = (encode(replace(one, runs=tuple(sorted(one.runs)))) for one in (there.base, base))
    return first == second


def cut(segment: Segment, quarantine: Path) -> int:
    """Cuts what follows the last good record and keeps it in ``quarantine``; returns how many bytes."""
    return cut_file(segment.path, segment.good_bytes, quarantine)
