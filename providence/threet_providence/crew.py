"""Threads that stand and fall together: where one dies, the process ends with its reason, and the supervisor starts it again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event, Thread

log = logging.getLogger("providence")


class Crew:
    """``stop`` is set when a thread died or when the process was asked to end; ``failure`` names the first that died."""

    def __init__(self, stop: Event) -> None:
        self.failure: str | None = None
        self._stop = stop
        self._threads: dict[str, Thread] = {}

    def start(self, name: str, work: Callable[[], None]) -> None:
        # Daemons, so that one that hangs cannot keep a process alive that should end.
        thread = Thread(target=self._guarded, args=(name, work), name=name, daemon=True)
        self._threads[name] = thread
        thread.start()

    def join(self, name: str, seconds: float) -> bool:
        """False where the thread did not end in time."""
        self._threads[name].join(seconds)
        return not self._threads[name].is_alive()

    def _guarded(self, name: str, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # the thread's edge: nobody else would hear of it
            log.exception("%s died", name)
            self.failure = self.failure or f"{name}: {type(error).__name__}: {error}"
        finally:
            if not self._stop.is_set():
                self.failure = self.failure or f"{name} ended by itself"
            self._stop.set()
