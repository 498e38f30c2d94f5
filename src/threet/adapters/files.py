"""The state folder. The halt file: whatever else is down, its presence stops what adds risk (I7)."""

from __future__ import annotations

import os
from pathlib import Path

from threet.adapters.clock import SystemClock
from threet.application.ports import Clock

NAME = "HALT"
NONCE = "nonce"


def emergency_lock(nonce_file: Path) -> Path:
    """The file that a running emergency has locked."""
    return nonce_file.with_name(f"{nonce_file.name}.emergency")


class FileHalt:
    """Fulfils the port ``HaltFile`` with a file ``HALT`` in the state folder; its text says who, when and why.

    Only a folder that could be looked into and holds no such file means "not halted".
    """

    def __init__(self, state_folder: Path, clock: Clock | None = None) -> None:
        self._path = state_folder / NAME
        self._clock = clock or SystemClock()

    def is_halted(self) -> bool:
        """Raises OSError where nobody can tell, such as a missing or unreadable folder."""
        return NAME in os.listdir(self._path.parent)

    def reason(self) -> str:
        """The text of the file; "" where there is none."""
        try:
            return self._path.read_text("utf-8", errors="replace").strip()
        except FileNotFoundError:
            return ""

    def halt(self, who: str, reason: str) -> None:
        """On the disk when this returns. A halt that is there already keeps its text.

        Where the disk is full an empty file halts as well: the reason is worth less than the halt.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self.is_halted():
            return
        at = self._clock.now().isoformat(timespec="seconds")
        try:
            write_durably(self._path, f"{who} at {at}: {reason}\n")
        except OSError:
            self._path.touch()

    def resume(self) -> None:
        self._path.unlink(missing_ok=True)
        fsync_folder(self._path.parent)


def write_durably(path: Path, text: str) -> None:
    """The whole text or the old file, never a part of it, also after a power cut."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    fsync_folder(path.parent)


def fsync_folder(folder: Path) -> None:
    """Makes a rename or removal in ``folder`` last."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
