"""Processes that tests start: the kernel ends them with pytest, however that ends, and the last look at a run names what still lives.

A time-out, SIGTERM or SIGKILL ends pytest before any fixture is taken down, so that no ``finally`` is a cure for it.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import subprocess
import sys
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import psutil

_LAUNCHER = Path(__file__).parents[2] / "src" / "threet" / "cli" / "demo" / "launch.py"
_RUN = "THREET_TEST_RUN"
_TEST = "PYTEST_CURRENT_TEST"  # pytest's own; a child inherits that of the test, or of the first one of its fixture, that started it
_PR_SET_PDEATHSIG = 1


def start(command: Sequence[str | Path], **options: Any) -> subprocess.Popen[Any]:
    """``subprocess.Popen``, but the child dies with the thread that calls this."""
    return subprocess.Popen(_bound(command), **options)


def run(command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
    """``subprocess.run`` with what it writes as text, never raising for its exit code, but the child dies with the caller."""
    return subprocess.run(_bound(command), capture_output=True, text=True, check=False, **options)


def as_user(name: str, command: Sequence[str | Path]) -> list[str | Path]:
    """``command`` as another user, for ``start`` by root: the kernel forgets its promise where a process changes its user by itself."""
    group = pwd.getpwnam(name).pw_gid
    return ["setpriv", f"--reuid={name}", f"--regid={group}", "--init-groups", "--pdeathsig=KILL", "--", *command]


def _bound(command: Sequence[str | Path]) -> list[str]:
    return [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), *map(str, command)]


def die_with_parent() -> None:
    """For a process of pytest's own that runs the tests of another."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Survivor:
    """A process that outlived the tests."""

    pid: int
    command: str
    test: str  # that started it, as far as it can be told


class Run:
    """What one process of pytest starts carries its mark, and so does what that starts, also when its parent is gone."""

    def __init__(self) -> None:
        self._mark = f"{os.environ.get(_RUN, '')}/{uuid.uuid4().hex[:12]}"
        os.environ[_RUN] = self._mark

    def end_survivors(self, seconds: float = 2) -> list[Survivor]:
        """Kills what still lives after ``seconds``, which what is about to end is given, and tells it."""
        _, alive = psutil.wait_procs(self._living(), timeout=seconds)
        told = [_told(process) for process in alive]
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(alive, timeout=5)
        return told

    def _living(self) -> list[psutil.Process]:
        """Its descendants, since some child has an environment of its own; and by the mark, since some child's parent is gone."""
        found = {process.pid: process for process in psutil.Process().children(recursive=True)}
        for process in psutil.process_iter():
            if process.pid != os.getpid() and f"{_environment(process).get(_RUN, '')}/".startswith(f"{self._mark}/"):
                found[process.pid] = process
        return [process for process in found.values() if _counts(process)]


def _counts(process: psutil.Process) -> bool:
    """Not one that has ended and was not asked for; not Python's own helper, which ends with pytest."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE and "multiprocessing.resource_tracker" not in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False


def _environment(process: psutil.Process) -> dict[str, str]:
    """As it was given; nothing of another user's process, and of one that has written over it."""
    try:
        return process.environ()
    except (psutil.Error, OSError):
        return {}


def _told(process: psutil.Process) -> Survivor:
    family = [process]
    with suppress(psutil.NoSuchProcess):
        family += takewhile(lambda parent: parent.pid != os.getpid(), process.parents())
    # Its own environment may be another one, or written over: then that of who started it.
    test = next(filter(None, (_environment(each).get(_TEST) for each in family)), "").rpartition(" (")[0]
    try:
        command = " ".join(process.cmdline())[:300]
    except psutil.NoSuchProcess:
        command = "which has ended just now"
    return Survivor(process.pid, command, test or "a test that left no trace")
