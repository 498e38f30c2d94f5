"""Files that failed their check: moved aside with the reason beside them, never deleted, and counted per symbol.

Nothing takes the place of what was put aside before: a second file of one name is ``name.2``, the next ``name.3``.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, count
from pathlib import Path
from typing import Any

from threet.engine.population import is_of_shard
from threet_providence.files import run_name, sync_folder, write_whole
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
    name = file.name if file is not None else run_name(found.run_id)
    place = _noted(quarantine, name, _content(file) if file is not None else None, note)
    if file is not None:
        os.replace(file, place)
    sync_folder(quarantine)


def keep_segment(quarantine: Path, segment: Path, reason: str, now: datetime, *, move: bool) -> Path:
    """A segment of the journal with its reason; it stays where it is besides, unless ``move``. Returns where it is kept."""
    content = segment.read_bytes()
    kept = _noted(quarantine, segment.name, content, {"reason": reason, "at": now.isoformat()})
    if move:
        os.replace(segment, kept)
    else:
        write_whole(kept, content)
    sync_folder(quarantine)
    return kept


def move_beside(quarantine: Path, file: Path) -> None:
    """What belongs to a file that is put aside or missing, and has no reason of its own."""
    os.replace(file, _place(quarantine, file.name, _content(file)))
    sync_folder(quarantine)


def cut_file(path: Path, good_bytes: int, quarantine: Path) -> int:
    """Cuts what follows the first ``good_bytes`` and keeps it in ``quarantine``; returns how many bytes."""
    rest = path.read_bytes()[good_bytes:]
    write_whole(_place(quarantine, f"{path.name}.cut-at-{good_bytes}", rest), rest)
    sync_folder(quarantine)
    with open(path, "r+b") as file:
        file.truncate(good_bytes)
        os.fsync(file.fileno())
    return len(rest)


def _noted(quarantine: Path, name: str, content: bytes | None, note: dict[str, Any]) -> Path:
    """Where the content goes, its note there already."""
    place = _place(quarantine, name, content, str(note["reason"]))
    if _reason(place) is None:
        write_whole(_note_of(place), json.dumps(note, indent=2).encode() + b"\n")
    return place


def _place(quarantine: Path, name: str, content: bytes | None, reason: str = "") -> Path:
    """The first that is free, or that has this content already: a kill came before the rest was done, or it was put back."""
    return next(place for place in _places(quarantine, name) if _is_free(place, content, reason))


def _places(quarantine: Path, name: str) -> Iterator[Path]:
    return (quarantine / one for one in chain([name], (f"{name}.{number}" for number in count(2))))


def _is_free(place: Path, content: bytes | None, reason: str) -> bool:
    if place.exists():
        return content is not None and _content(place) == content
    return _reason(place) in (None, reason)


def _content(file: Path) -> bytes | None:
    """None where it cannot be read: then it is like no other."""
    try:
        return file.read_bytes()
    except OSError:
        return None


def _note_of(place: Path) -> Path:
    return place.with_name(f"{place.name}.reason.json")


def _reason(place: Path) -> str | None:
    """None where there is no note."""
    try:
        return str(json.loads(_note_of(place).read_bytes())["reason"])
    except FileNotFoundError:
        return None
    except UNREADABLE:
        return ""


def notes(quarantine: Path) -> list[Quarantined]:
    """Runs that lie in the quarantine now, an unreadable note counting too; a damaged archive is of a run that had ended well."""
    patterns = ("run_*.json.reason.json", "run_*.json.[0-9]*.reason.json")
    return [_note(path) for pattern in patterns for path in sorted(quarantine.glob(pattern))]


def _note(path: Path) -> Quarantined:
    try:
        note = json.loads(path.read_bytes())
        return Quarantined(str(note["run_id"]), str(note["symbol"]), str(note["strategy"]), str(note["reason"]))
    except (OSError, *UNREADABLE) as error:
        # Its run still counts, by what the run's own file says of itself.
        return Quarantined("", *named_in(path.with_name(path.name.removesuffix(".reason.json"))), f"{path}: {error}")


def per_symbol(quarantine: Path, shard: int = 0, shards: int = 1) -> Counter[str]:
    """What one shard counts: each quarantined run once, in the shard that its id falls to."""
    runs = {note.run_id or note.reason: note for note in notes(quarantine)}
    return Counter(note.symbol for note in runs.values() if is_of_shard(note.run_id, shard, shards))
