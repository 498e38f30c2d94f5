"""Asks running parts how they are, in a thread of its own, since asking may take a second."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from threet.cli.demo.health import Check
from threet.cli.demo.process import LogFile

_OFTEN_SECONDS = 0.2
_LOOK_SECONDS = 1.0


class Watch:
    """Asks running parts how they are. An answer belongs to the child that was asked, told apart by its pid."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[str, tuple[int, Check, LogFile]] = {}
        self._answers: dict[str, tuple[int, str | None]] = {}
        self._pause_seconds = _OFTEN_SECONDS
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def ask(self, asked: Mapping[str, tuple[int, Check, LogFile]], often: bool) -> None:
        """Whom to ask from now on; ``often`` while somebody waits for an answer."""
        with self._lock:
            self._asked = dict(asked)
            self._pause_seconds = _OFTEN_SECONDS if often else _LOOK_SECONDS

    def answer(self, name: str, pid: int) -> tuple[bool, str | None]:
        """(answered, None or what is wrong)."""
        with self._lock:
            who, detail = self._answers.get(name, (0, None))
        return (who == pid, detail)

    def forget(self, name: str) -> None:
        with self._lock:
            self._answers.pop(name, None)

    def _run(self) -> None:
        while not self._stop.wait(self._pause_seconds):
            with self._lock:
                asked = dict(self._asked)
            for name, (pid, check, log) in asked.items():
                detail = check(log)
                with self._lock:
                    self._answers[name] = (pid, detail)
