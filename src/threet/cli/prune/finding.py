"""What `3t prune` may remove: archives of ended runs, and what lies in the quarantine where that is asked for. Nothing else has a rule."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

ENDED, QUARANTINE = "ended", "quarantine"

_ARCHIVE = re.compile(r"run_[0-9a-f-]{36}\.json(\.gz)?")


@dataclass(frozen=True, slots=True)
class Removable:
    """A file that is older than was asked for; ``written`` is wall time."""

    path: Path
    size: int
    written: datetime


def removable(saved_runs: Path, older_than: timedelta, now: datetime, quarantine: bool) -> list[Removable]:
    """The oldest first. A run that is active or whose end is not published lies in no folder that is looked at."""
    found = [one for one in _files(saved_runs / ENDED, now) if _ARCHIVE.fullmatch(one.path.name)]
    if quarantine:
        found += _files(saved_runs / QUARANTINE, now)
    return sorted((one for one in found if now - one.written > older_than), key=lambda one: (one.written, one.path))


def remove(found: list[Removable]) -> None:
    """Makes the removal durable, folder by folder."""
    for one in found:
        one.path.unlink(missing_ok=True)
    for folder in sorted({one.path.parent for one in found}):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _files(folder: Path, now: datetime) -> Iterator[Removable]:
    for path in folder.glob("*") if folder.is_dir() else ():
        told = path.lstat()
        if path.is_file() and not path.is_symlink():
            yield Removable(path, told.st_size, datetime.fromtimestamp(told.st_mtime, now.tzinfo))
