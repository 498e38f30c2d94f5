"""Nonces of signed actions: one signer process, numbers that only rise, also over restarts."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

from threet.adapters.files import write_durably
from threet.adapters.venue.reading import to_ms
from threet.application.ports import Clock


class SignerLocked(Exception):
    """Another process holds the signer's lock."""


class NonceUnreadable(Exception):
    """The nonce file holds no number: going on could reuse a nonce."""


class NonceFile:
    """The highest nonce given out, in a file beside its lock. Holding one of these is the right to sign.

    Raises SignerLocked where another process has it, NonceUnreadable where the file is damaged.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._guard = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = _lock(path.with_name(path.name + ".lock"))
        try:
            self._last = _read(path)
        except NonceUnreadable:
            self.close()
            raise

    def next(self) -> int:
        """A nonce above all before it and at least wall milliseconds; on the disk when this returns."""
        with self._guard:
            nonce = max(self._last + 1, to_ms(self._clock.now()))
            write_durably(self._path, f"{nonce}\n")
            self._last = nonce
            return nonce

    def close(self) -> None:
        """Gives the right to sign away. May be repeated."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _lock(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 100).decode("ascii", "replace").strip()
        os.close(descriptor)
        raise SignerLocked(f"{path}: process {holder or '?'} signs already; one process signs at a time, so stop that one first") from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))
    return descriptor


def _read(path: Path) -> int:
    try:
        text = path.read_text("utf-8", errors="replace").strip()
    except FileNotFoundError:
        return 0
    if not text.isascii() or not text.isdigit():
        raise NonceUnreadable(
            f"{path}: expected the last nonce as digits, found {text[:40]!r}; delete it only if no clock here was ever ahead"
        )
    return int(text)
