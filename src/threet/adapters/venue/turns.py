"""Whose turn it is to sign. The signer takes the turn for each request; an emergency takes it once and keeps it.

A lock of the kernel's (flock) on a file that can be replaced: it goes with its holder's process, and can be taken away from one that hangs.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_POLL_SECONDS = 0.02


def pause() -> None:
    """Between two looks at a lock that another process has."""
    time.sleep(_POLL_SECONDS)


class TurnTaken(Exception):
    """Another process has the turn; the text says which."""


class Turns:
    """The turns at the file ``path``. Not for use by more than one thread at a time."""

    def __init__(self, path: Path, who: str) -> None:
        self._path = path
        self._text = f"process {os.getpid()} ({who})\n".encode()
        self._kept = -1

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Holds the turn until the end of the block; no more than a look where it was taken for good. Raises TurnTaken at once."""
        if self._kept >= 0:
            yield
            return
        descriptor = self._try()
        if descriptor is None:
            raise TurnTaken(self.holder())
        try:
            yield
        finally:
            os.close(descriptor)

    def take(self, patience_seconds: float) -> str | None:
        """Takes the turn for good. From a holder that has not given it back after ``patience_seconds`` it is taken away: who that was,
        else None. Such a one hangs: its request was sent, or will be refused by its expiry when it goes on."""
        end = time.monotonic() + patience_seconds
        while time.monotonic() < end:
            descriptor = self._try()
            if descriptor is not None:
                self._kept = descriptor
                return None
            pause()
        robbed = self.holder()
        self._kept = self._replace()
        return robbed

    def holder(self) -> str:
        """Who took the turn last, in its own words."""
        try:
            return self._path.read_text("utf-8", errors="replace").strip() or "an unnamed process"
        except FileNotFoundError:
            return "nobody"

    def close(self) -> None:
        """Gives a turn back that was taken for good. May be repeated."""
        if self._kept >= 0:
            os.close(self._kept)
            self._kept = -1

    def _try(self) -> int | None:
        """The locked file, or None where another has it."""
        while True:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return None
            if self._is_current(descriptor):  # else it was replaced between the two calls
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, self._text, 0)
                return descriptor
            os.close(descriptor)

    def _is_current(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self._path))
        except FileNotFoundError:
            return False

    def _replace(self) -> int:
        """A new file in the place of the old one, locked before anybody can see it."""
        fresh = self._path.with_name(f".{self._path.name}.{os.getpid()}.tmp")
        descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.pwrite(descriptor, self._text, 0)
        os.replace(fresh, self._path)
        return descriptor
