"""A show that nobody can see any more ends by itself: a closed terminal's signal may reach make alone, which waits for its child."""

from __future__ import annotations

import os
import pty
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tests.e2e.demo.show import PROJECT, THREET
from tests.support import children

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(180)]


def start(state: Path, stdout: int, stderr: int) -> subprocess.Popen[bytes]:
    command = [*THREET, "demo", "--config", str(PROJECT / "config.yml"), "--state", str(state)]
    return children.start(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, cwd=state.parent, start_new_session=True)


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_closed_terminal_ends_the_show_though_no_signal_came(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    show = start(tmp_path / "state", slave, slave)
    os.close(slave)
    try:
        seen = b""
        while b"simulator is up" not in seen:
            seen += os.read(master, 65536)
        family = psutil.Process(show.pid).children(recursive=True)
        os.close(master)
        assert show.wait(60) == 0
    finally:
        show.kill()
    assert psutil.wait_procs(family, timeout=10)[1] == []


def test_a_pipe_that_nobody_reads_any_more_ends_the_show_in_order(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    show = start(tmp_path / "state", subprocess.DEVNULL, writer)
    os.close(writer)
    log = tmp_path / "state" / "logs" / "providence.log"
    try:
        wait_until(lambda: log.exists() and "a new population" in log.read_text())
        family = psutil.Process(show.pid).children(recursive=True)
        os.close(reader)
        assert show.wait(60) == 0
    finally:
        show.kill()
    assert psutil.wait_procs(family, timeout=10)[1] == []
    assert "all runs are saved" in log.read_text()
