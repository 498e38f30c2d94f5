"""Nonces of signed actions: one signer process, numbers that only rise, also over restarts and beside an emergency."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from threet.adapters.files import emergency_lock, write_durably
from threet.adapters.venue import turns
from threet.adapters.venue.reading import to_ms
from threet.adapters.venue.turns import Turns
from threet.application.ports import Clock

_LOOKS = 5  # each of a cycle is far shorter than the pause between two of ours


class SignerLocked(Exception):
    """Another process holds the signer's lock."""


class NonceUnreadable(Exception):
    """The nonce file holds no number: going on could reuse a nonce."""


class NonceFile:
    """The highest nonce given out, in a file beside its two locks: that of the signer, held as long as this lives, and that of the turn.

    An emergency (``emergency_after`` seconds) does not ask for the first, which the signer has: it takes the turn for good, away from one
    that has not given it back after so long. ``took_from`` names that one.

    Raises SignerLocked where another process is the signer (of an emergency: the other emergency), NonceUnreadable where the file is
    damaged.
    """

    def __init__(self, path: Path, clock: Clock, *, emergency_after: float | None = None) -> None:
        self._path = path
        self._clock = clock
        self._guard = threading.Lock()
        self._descriptor = -1
        self.took_from: str | None = None
        is_emergency = emergency_after is not None
        path.parent.mkdir(parents=True, exist_ok=True)
        self._turns = Turns(path.with_name(path.name + ".turn"), "an emergency" if is_emergency else "the signer")
        self._descriptor = _lock_of_an_emergency(path) if is_emergency else _lock(path.with_name(path.name + ".lock"))
        try:
            if emergency_after is not None:
                self.took_from = self._turns.take(emergency_after)
            self._last = _read(path)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Nobody else signs before the end of the block. Raises TurnTaken where another process has the turn."""
        with self._guard, self._turns.turn():
            yield

    def next(self) -> int:
        """A nonce above all before it, another process's too, and at least wall milliseconds; on the disk when this returns.

        Call it in a turn.
        """
        nonce = max(self._last + 1, _read(self._path) + 1, to_ms(self._clock.now()))
        write_durably(self._path, f"{nonce}\n")
        self._last = nonce
        return nonce

    def close(self) -> None:
        """Gives the right to sign away. May be repeated."""
        self._turns.close()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _lock_of_an_emergency(nonce_file: Path) -> int:
    """A cycle that looks whether one runs has it for a moment: that must not keep one from running."""
    for _ in range(_LOOKS):
        try:
            return _lock(emergency_lock(nonce_file))
        except SignerLocked:
            turns.pause()
    return _lock(emergency_lock(nonce_file))


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
