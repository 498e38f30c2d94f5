"""Drives a real `3t demo` and a real `3t` beside it, as a person would from two terminals."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from tests.support import children

PROJECT = Path(__file__).parents[3]
THREET = [sys.executable, "-m", "threet.cli.main"]


class Show:
    """`3t demo` with ``flags`` on a state folder of its own; what it writes is read as it comes."""

    def __init__(self, state: Path, *flags: str) -> None:
        self.state = state
        self._out: list[str] = []
        self._err: list[str] = []
        command = [*THREET, "demo", "--config", str(PROJECT / "config.yml"), "--state", str(state), *flags]
        environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        self.process = children.start(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=state.parent, start_new_session=True
        )
        self._threads = [
            threading.Thread(target=self._read, args=(self.process.stdout, self._out), daemon=True),
            threading.Thread(target=self._read, args=(self.process.stderr, self._err), daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        self._family: dict[int, psutil.Process] = {}

    def _read(self, pipe: Any, lines: list[str]) -> None:
        lines.extend(iter(pipe.readline, ""))

    @property
    def said(self) -> str:
        return "".join(self._err)

    @property
    def printed(self) -> str:
        return "".join(self._out)

    def wait_until(self, condition: Callable[[], Any], seconds: float, what: str) -> Any:
        """The first truthy answer of ``condition``."""
        end = time.monotonic() + seconds
        while True:
            self.remember_children()
            if answer := condition():
                return answer
            assert self.process.poll() is None, f"the show ended before {what}:\n{self.said}"
            assert time.monotonic() < end, f"not within {seconds} s: {what}\n{self.said}"
            time.sleep(0.2)

    def wait_until_up(self) -> None:
        self.wait_until(lambda: "all parts are up" in self.said, 110, "all parts are up")

    def remember_children(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            self._family |= {child.pid: child for child in psutil.Process(self.process.pid).children(recursive=True)}

    def child(self, *words: str) -> psutil.Process:
        """The running part whose command line has all of ``words``."""
        found = []
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):  # also one that died just now
                line = " ".join(child.cmdline())
                if "launch.py" not in line and all(word in line for word in words):
                    found.append(child)
        (one,) = found
        return one

    def left_over(self, seconds: float = 10) -> list[str]:
        """The processes that the show ever had and that still run after ``seconds``."""
        _, alive = psutil.wait_procs(list(self._family.values()), timeout=seconds)
        return [" ".join(process.cmdline()) for process in alive if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]

    def end(self, seconds: float) -> int:
        """Waits for its own end; the exit code."""
        code = self.process.wait(seconds)
        for thread in self._threads:
            thread.join(10)
        return code

    def close(self) -> None:
        """For a test that failed half-way: ends what is left."""
        self.remember_children()
        self.process.kill()
        for process in self._family.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait(10)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()

    def command(self, *arguments: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """`3t ARGUMENTS` on this show."""
        command = [*THREET, *arguments, "--config", str(self.state / "config.yml")]
        return children.run(command, timeout=seconds, cwd=self.state.parent)

    def status(self) -> dict[str, Any]:
        done = self.command("status", "--json")
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer
