"""One child process: started in a group of its own, its output in a bounded log, stopped with everything that it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_LAUNCHER = Path(__file__).with_name("launch.py")
_COPY_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Command:
    """What is run: ``argv`` in folder ``cwd`` with exactly the environment ``env``."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path


class LogFile:
    """A file that children append to. ``keep_small`` moves it to ``NAME.1`` once it is above ``max_bytes``, so that both stay bounded."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._start = 0

    def open(self) -> int:
        """A file descriptor for appending; what follows is what ``text`` calls this start's."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._start = os.fstat(descriptor).st_size
        return descriptor

    def text(self) -> str:
        """What was written since the last ``open``."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._start)
                return file.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def tail(self, lines: int) -> list[str]:
        return self.text().splitlines()[-lines:]

    def keep_small(self) -> None:
        """Copies and truncates, since the writers keep the file open; a line written in between may be lost."""
        if not self.path.exists() or self.path.stat().st_size <= self._max_bytes:
            return
        with self.path.open("rb+") as source, self.path.with_name(self.path.name + ".1").open("wb") as old:
            source.seek(max(0, self.path.stat().st_size - self._max_bytes))
            while chunk := source.read(_COPY_BYTES):
                old.write(chunk)
            source.truncate(0)
        self._start = 0


class Child:
    """A running process, leader of its own session, so that a Ctrl-C at the terminal reaches only the supervisor."""

    def __init__(self, command: Command, log: LogFile) -> None:
        """Starts it. Only for a thread that outlives the child: the kernel ends the child with the thread that started it."""
        descriptor = log.open()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), *command.argv],
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=subprocess.STDOUT,
                env=dict(command.env),
                cwd=command.cwd,
                start_new_session=True,
            )
        finally:
            os.close(descriptor)

    @property
    def pid(self) -> int:
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it runs; negative where a signal ended it."""
        return self._process.poll()

    def terminate(self) -> None:
        if self.exit_code() is None:
            self._signal_group(signal.SIGTERM)

    def kill(self) -> None:
        """Ends the whole group at once, also what a dead leader left behind."""
        self._signal_group(signal.SIGKILL)
        self._process.wait()

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
