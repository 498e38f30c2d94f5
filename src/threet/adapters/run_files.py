"""Reads one run's file for a person to look at, wherever it lies under ``saved_runs/``, compressed or not."""

from __future__ import annotations

import gzip
import hashlib
import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from threet.domain.values import Unknown
from threet.engine.entries import KIND_NAMES

_NEWEST_FORMAT, _COLUMNS_SINCE = 3, 3
_HEAD = b'{"checksum":"'
_TAIL_FRAME, _TAIL_MAGIC = struct.Struct("<4sII"), b"3TT1"
_TAIL_ENTRY = struct.Struct("<Bqdd")


class RunEntry(NamedTuple):
    """A trade (price, signed contracts) or a funding payment (per contract, contracts that paid it); market time in ms."""

    kind: str
    time_ms: int
    price: float
    size: float


@dataclass(frozen=True, slots=True)
class RunFile:
    """What a run's file says, as of ``written`` (wall time); what came after is in Providence's journal."""

    written: datetime
    journal_tick: int
    start_balance: float
    leverage: float
    fee_rate: float
    max_loss_usd: float
    target_usd: float
    started_ms: int
    ends_ms: int
    live_pnl: float
    last_price: float
    parent: str | None
    parameters: Mapping[str, float]
    entries: tuple[RunEntry, ...]


def read_run_file(saved_runs: Path, run_id: str) -> RunFile | Unknown:
    """Unknown with the reason where there is none that can be read."""
    name = f"run_{run_id}.json"
    if not saved_runs.is_dir():
        return Unknown(f"{saved_runs}: expected the folder of saved runs (config.yml: providence.saved_runs), found none")
    # In the order in which a run's file moves, so that one that moves meanwhile is met.
    for path in (saved_runs / name, saved_runs / "ending" / name, saved_runs / "ended" / f"{name}.gz", saved_runs / "ended" / name):
        try:
            return _with_tail(_parsed(path.read_bytes(), path), path.with_suffix(".tail"))
        except FileNotFoundError:
            continue
        except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
            return Unknown(f"{path}: cannot be read: {error}")
    if (saved_runs / "quarantine" / f"{name}.reason.json").exists():
        return Unknown(f"{saved_runs / 'quarantine'}: the run is quarantined, its file is not to be trusted")
    return Unknown(f"{saved_runs}: no file of the run yet, or none any more")


def _parsed(data: bytes, path: Path) -> RunFile:
    plain = gzip.decompress(data) if path.suffix == ".gz" else data
    line, _, rest = plain.partition(b"\n")
    if hashlib.sha256(rest).hexdigest().encode() != line.removeprefix(_HEAD)[:64]:
        raise ValueError("its checksum does not fit")
    body: dict[str, Any] = json.loads(plain)
    if body["format_version"] > _NEWEST_FORMAT:
        raise ValueError(f"expected format_version {_NEWEST_FORMAT} or older, was {body['format_version']}")
    return RunFile(
        written=_written(path),
        journal_tick=int(body["journal_tick"]),
        start_balance=float(body["start_balance"]),
        leverage=float(body["leverage"]),
        fee_rate=float(body["fee_rate"]),
        max_loss_usd=float(body["max_loss_usd"]),
        target_usd=float(body["target_usd"]),
        started_ms=int(body["started_ms"]),
        ends_ms=int(body["ends_ms"]),
        live_pnl=float(body["live_pnl"]),
        last_price=float(body["last_price"]),
        parent=body.get("parent"),
        parameters=body["parameters"],
        entries=_entries(body["voms_state"], by_columns=body["format_version"] >= _COLUMNS_SINCE),
    )


def _entries(told: dict[str, Any], by_columns: bool) -> tuple[RunEntry, ...]:
    if not by_columns:
        return tuple(RunEntry(*entry) for entry in told["entries"])
    names = {name[0]: name for name in KIND_NAMES}
    columns = ([names[letter] for letter in told["kinds"]], told["times_ms"], told["prices"], told["sizes"])
    return tuple(RunEntry(*entry) for entry in zip(*columns, strict=True))


def _with_tail(file: RunFile, tail: Path) -> RunFile:
    """A long history goes on in a second file, up to its last whole record: the one behind may be being written."""
    try:
        data, written = tail.read_bytes(), _written(tail)
    except FileNotFoundError:
        return file
    for payload in _records(data):
        line, _, block = payload.partition(b"\n")
        head = json.loads(line)
        if head["journal_tick"] <= file.journal_tick:
            continue
        if head["entries_before"] != len(file.entries):
            break  # of another file than the one that was read a moment ago
        new = tuple(RunEntry(KIND_NAMES[kind], *rest) for kind, *rest in _TAIL_ENTRY.iter_unpack(block))
        file = replace(
            file,
            written=written,
            journal_tick=head["journal_tick"],
            live_pnl=float(head["live_pnl"]),
            last_price=float(head["last_price"]),
            entries=file.entries + new,
        )
    return file


def _records(data: bytes) -> Iterator[bytes]:
    at = 0
    while at + _TAIL_FRAME.size <= len(data):
        magic, length, checksum = _TAIL_FRAME.unpack_from(data, at)
        at += _TAIL_FRAME.size
        payload = data[at : at + length]
        if magic != _TAIL_MAGIC or len(payload) != length or zlib.crc32(payload) != checksum:
            return
        yield payload
        at += length


def _written(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
