"""The whole platform as a person starts it (`3t demo`), for tests that hurt one part and look at the rest.

Reads what the parts themselves record: the database, the simulator's own ledger, the logs. Ends only what it started.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
from tests.support import children

from threet.adapters.sql import SqlCycleStore, make_engine
from threet.application.store import DecisionRecord
from threet.settings import load_secrets, load_settings

PROJECT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("3t")

MARKS = {
    "redis": ("redis-server",),
    "simulator": ("threet.simulator",),
    "observer_a": ("threet.observer", "--name a"),
    "observer_b": ("threet.observer", "--name b"),
    "observer_c": ("threet.observer", "--name c"),
    "celery_worker": ("celery", "-Q market,account"),
    "celery_worker_reconcile": ("celery", "-Q reconcile"),
    "celery_beat": ("celery", " beat"),
    "flower": ("threet_workers.flower",),
    "providence": ("3T-PROVIDENCE-v2.py",),
}


class Platform:
    """As a context manager: started and trading on entry, stopped with nothing left on exit."""

    def __init__(self, folder: Path, flags: Sequence[str] = ()) -> None:
        self.folder = folder
        self._flags = list(flags)
        self._process: subprocess.Popen[bytes] | None = None
        self._engine: Any = None

    def __enter__(self) -> Platform:
        output = (self.folder.parent / f"{self.folder.name}.out").open("ab")
        command = [str(COMMAND), "demo", "--state", str(self.folder), *self._flags]
        self._process = children.start(command, stdout=output, stderr=output, cwd=PROJECT, start_new_session=True)
        output.close()
        try:
            written = [self.folder / name for name in ("config.yml", "secrets.yml")]
            self.wait(lambda: all(file.exists() for file in written) and bool(self._decisions_or_none()), 120, "a first decision")
            self.wait(self.is_well, 90, "a decision on consensus")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *unused: object) -> None:
        left = self.stop()
        assert not left, f"left running: {left}"

    def stop(self) -> list[str]:
        """Ctrl-C, then the names of what is still there."""
        process = self._process
        assert process is not None
        parts = self._children()
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
        _, alive = psutil.wait_procs(parts, timeout=5)
        for child in alive:
            child.kill()
        if self._engine is not None:
            self._engine.dispose()
        return [f"{child.pid} {child.name()}" for child in alive]

    @property
    def output(self) -> str:
        return (self.folder.parent / f"{self.folder.name}.out").read_text(errors="replace")

    @property
    def store(self) -> SqlCycleStore:
        if self._engine is None:
            settings = load_settings(self.folder / "config.yml")
            self._engine = make_engine(settings, load_secrets(self.folder / "secrets.yml", settings))
        return SqlCycleStore(self._engine)

    @property
    def engine(self) -> Any:
        _ = self.store  # opens it
        return self._engine

    def log(self, part: str) -> str:
        return (self.folder / "logs" / f"{part}.log").read_text(errors="replace")

    def part(self, name: str) -> psutil.Process:
        """The process of one part, or LookupError."""
        for child in self._children():
            try:
                line = " ".join(child.cmdline())
            except psutil.Error:
                continue
            if all(mark in line for mark in MARKS[name]):
                return child
        raise LookupError(name)

    def kill(self, name: str) -> int:
        """SIGKILL to one part; returns the id that it had."""
        process = self.part(name)
        process.kill()
        return process.pid

    def wait_for_restart(self, name: str, old: int, seconds: float = 60) -> None:
        def restarted() -> bool:
            try:
                return self.part(name).pid != old
            except LookupError:
                return False

        self.wait(restarted, seconds, f"{name} to come back")

    def command(self, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """`3t ARGUMENTS` against this platform's config."""
        line = [str(COMMAND), *arguments, "--config", str(self.folder / "config.yml")]
        return children.run(line, timeout=timeout, cwd=PROJECT)

    def decision(self) -> DecisionRecord:
        return self.store.decisions(1)[0]

    def next_decisions(self, count: int = 1, seconds: float = 60) -> list[DecisionRecord]:
        """Waits for ``count`` decisions that were begun after this call; newest first."""
        last = self.decision().cycle_id
        self.wait(lambda: len(self._later(last)) >= count + 1, seconds, f"{count} more decisions")
        return self._later(last)[:-1]

    def is_well(self) -> bool:
        """The last decision had consensus on every symbol, and nothing of ours is unsettled."""
        newest = self._decisions_or_none()
        return bool(newest) and newest[0].status in ("traded", "idle") and not self.store.unsettled_orders()

    def ledger(self) -> dict[str, Any]:
        return self.simulator_get("/sim/ledger")

    def simulator_get(self, path: str) -> dict[str, Any]:
        with urllib.request.urlopen(self._simulator() + path, timeout=10) as answer:
            return dict(json.loads(answer.read()))

    def simulator_post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(self._simulator() + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return dict(json.loads(answer.read()))

    def wait(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Until the condition holds. Fails with the end of the platform's own output."""
        end = time.monotonic() + seconds
        while not condition():
            assert self._process is not None
            assert self._process.poll() is None, f"the platform ended while waiting for {what}:\n{self.output[-3000:]}"
            assert time.monotonic() < end, f"waited {seconds:g} s for {what}:\n{self.output[-3000:]}"
            time.sleep(0.2)

    def _later(self, cycle_id: int) -> list[DecisionRecord]:
        return [decision for decision in self.store.decisions(50) if decision.cycle_id > cycle_id]

    def _decisions_or_none(self) -> list[DecisionRecord]:
        if not (self.folder / "3t.db").exists() and "DATABASE_URL" not in os.environ:
            return []
        try:
            return self.store.decisions(1)
        except Exception as error:
            # While it starts there may be no table yet; anything else shows up as the time-out of the wait.
            if "no such table" in str(error) or "not there" in str(error):
                return []
            raise

    def _simulator(self) -> str:
        return str(load_settings(self.folder / "config.yml").exchange.base_url)

    def _children(self) -> list[psutil.Process]:
        assert self._process is not None
        try:
            return psutil.Process(self._process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
