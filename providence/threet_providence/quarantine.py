"""Files that failed their check: moved aside with the reason beside them, never deleted, and counted per symbol."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from threet.engine.population import is_of_shard
from threet_providence.files import sync_folder, write_whole
from threet_providence.snapshots import named_in
from threet_providence.soundness import UNREADABLE


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A run that could not be resumed. ``symbol`` and ``strategy`` are empty where nothing readable says them."""

    run_id: str
    symbol: str
    strategy: str
    reason: str


def put_aside(quarantine: Path, found: Quarantined, file: Path | None, now: datetime) -> None:
    """Moves ``file`` (None: it is missing) into the quarantine; the reason goes there first."""
    note = {"run_id": found.run_id, "symbol": found.symbol, "strategy": found.strategy, "reason": found.reason, "at": now.isoformat()}
    name = file.name if file is not None else f"run_{found.run_id}.json"
    write_whole(quarantine / f"{name}.reason.json", json.dumps(note, indent=2).encode() + b"\n")
    if file is not None:
        os.replace(file, quarantine / name)
    sync_folder(quarantine)


def keep_segment(quarantine: Path, segment: Path, reason: str, now: datetime, *, move: bool) -> Path:
    """A segment of the journal with its reason; it stays where it is besides, unless ``move``. Returns where it is kept."""
    kept = quarantine / segment.name
    note = json.dumps({"reason": reason, "at": now.isoformat()}, indent=2)
    write_whole(quarantine / f"{segment.name}.reason.json", note.encode() + b"\n")
    if move:
        os.replace(segment, kept)
    else:
        write_whole(kept, segment.read_bytes())
    sync_folder(quarantine)
    return kept


def notes(quarantine: Path) -> list[Quarantined]:
    """Runs that lie in the quarantine now, an unreadable note counting too; a damaged archive is of a run that had ended well."""
    return [_note(path) for path in sorted(quarantine.glob("run_*.json.reason.json"))]


def _note(path: Path) -> Quarantined:
    try:
        note = json.loads(path.read_bytes())
        return Quarantined(str(note["run_id"]), str(note["symbol"]), str(note["strategy"]), str(note["reason"]))
    except (OSError, *UNREADABLE) as error:
        # Its run still counts, by what the run's own file says of itself.
        return Quarantined("", *named_in(path.with_name(path.name.removesuffix(".reason.json"))), f"{path}: {error}")


def per_symbol(quarantine: Path, shard: int = 0, shards: int = 1) -> Counter[str]:
    """What one shard counts: each quarantined run once, in the shard that its id falls to."""
    return Counter(note.symbol for note in notes(quarantine) if is_of_shard(note.run_id, shard, shards))
