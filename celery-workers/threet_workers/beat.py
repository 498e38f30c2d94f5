"""Beat's scheduler: in memory, and alone. Two beats would double every tick."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TextIO

from celery.beat import Scheduler

from threet_workers.configuration import configuration


class LockedScheduler(Scheduler):  # type: ignore[misc]  # celery ships no types
    """Holds ``beat.lock`` in the state folder for as long as the process lives."""

    _lock: TextIO

    def setup_schedule(self) -> None:
        settings, _ = configuration()
        self._lock = hold(settings.state_folder / "beat.lock")
        super().setup_schedule()


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
