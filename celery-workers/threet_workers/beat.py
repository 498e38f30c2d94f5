"""Beat's scheduler: in memory, and alone. Two beats would double every tick."""

from __future__ import annotations

import fcntl
import os
from datetime import timedelta
from pathlib import Path
from typing import Any, TextIO

from celery.beat import Scheduler

from threet.adapters.signs_of_life import SignsOfLife
from threet_workers.configuration import configuration


class LockedScheduler(Scheduler):  # type: ignore[misc]  # celery ships no types
    """Holds ``beat.lock`` in the state folder for as long as the process lives."""

    _lock: TextIO
    _signs: SignsOfLife
    _silent_seconds: float

    def setup_schedule(self) -> None:
        settings, _ = configuration()
        self._lock = hold(settings.state_folder / "beat.lock")
        self._signs = SignsOfLife.from_environment()
        self._silent_seconds = settings.freshness.max_canary_age_seconds  # canaries are sent too
        super().setup_schedule()
        for entry in self.schedule.values():  # all are due at once: a start shows within seconds that its queues work
            entry.last_run_at -= timedelta(seconds=entry.schedule.run_every.total_seconds())

    def apply_async(self, entry: Any, producer: Any = None, advance: bool = True, **kwargs: Any) -> Any:
        """Raises where the broker did not take the message, as Celery's own does: only a message that is out is a sign of life."""
        result = super().apply_async(entry, producer=producer, advance=advance, **kwargs)
        self._signs.show("sent", self._silent_seconds)
        return result


def hold(path: Path) -> TextIO:
    """Locks the file and writes this process's id into it. Ends the process where another one holds the lock."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        raise SystemExit(f"another beat (process {holder}) holds {path}; two would double every tick: stop one of them") from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file
