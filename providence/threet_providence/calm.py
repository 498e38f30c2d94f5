"""What must not wait goes first: a tick, and the votes that it changed. Background work takes the pauses between them."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

_SWITCH_SECONDS = 0.001  # for so long a thread that computes keeps the interpreter from one that was woken
_NEVER = 1_000_000


class Deadline:
    """Seconds of this process's own clock, from now on."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left(self) -> float:
        return max(0.0, self._at - time.monotonic())


class Calm:
    """Threads that go ``first`` say so; others ask for a pause before each small piece of their work."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._busy = 0
        self._expected = False
        self._ended = 0

    @contextmanager
    def first(self) -> Iterator[None]:
        with self._changed:
            self._busy += 1
        try:
            yield
        finally:
            with self._changed:
                self._busy -= 1
                self._ended += 1
                self._changed.notify_all()

    def expect(self) -> None:
        """Somebody was woken who goes first: until ``done`` there is no pause, though he may not run yet."""
        with self._changed:
            self._expected = True

    def done(self) -> None:
        with self._changed:
            self._expected = False
            self._changed.notify_all()

    def wait_for_pause(self, seconds: float) -> bool:
        """Returns where nobody goes first, or after so many seconds: then False."""
        with self._changed:
            return self._changed.wait_for(self._is_pause, seconds)

    def wait_for_next_pause(self, seconds: float) -> bool:
        """Returns when somebody who went first is done: the next one is as far away as can be. Else as ``wait_for_pause``."""
        with self._changed:
            ended = self._ended
            return self._changed.wait_for(lambda: self._is_pause() and self._ended != ended, seconds)

    def _is_pause(self) -> bool:
        return not self._busy and not self._expected


def spread_pauses() -> None:
    """No thread holds the interpreter for long: what a start made is never looked through for garbage again, and all that came since only
    by ``collect``, at a moment that suits. To be called once a process."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, _NEVER)


def collect() -> None:
    gc.collect()
