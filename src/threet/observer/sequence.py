"""The number that rises with each report and survives restarts, so that no report can be shown twice."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path


class SequenceUnusable(Exception):
    """The file cannot be used; the message says what to do."""


class SequenceFile:
    """The last sequence given out, in a file under a lock: two nodes of one name would refuse each other's reports."""

    def __init__(self, path: Path, wall_ms: Callable[[], int]) -> None:
        self._path = path
        self._wall_ms = wall_ms
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = _lock(path)
        self._last = _read(path)

    def next(self) -> int:
        """max(last + 1, wall milliseconds), on the disk before it is used."""
        number = max(self._last + 1, self._wall_ms())
        temporary = self._path.with_name(self._path.name + ".tmp")
        with temporary.open("w", encoding="ascii") as file:
            file.write(f"{number}\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)
        self._sync_folder()
        self._last = number
        return number

    def close(self) -> None:
        os.close(self._descriptor)

    def _sync_folder(self) -> None:
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _lock(path: Path) -> int:
    descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise SequenceUnusable(f"{path}: another node with this name runs on this state folder; stop it, or name another --state") from None
    return descriptor


def _read(path: Path) -> int:
    if not path.exists():
        return 0
    text = path.read_text(encoding="ascii", errors="replace").strip()
    if not text.isascii() or not text.isdigit():
        raise SequenceUnusable(
            f"{path}: expected the last sequence as digits, found {text[:40]!r}; delete the file if this clock was never ahead"
        )
    return int(text)
