"""One stack for all tests of this folder, started as a person would; the files run in the order of their numbers."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from types import FrameType

import pytest
from tests.support.needs import missing
from tests.support.stack import Stack, has_engine, wait_for

_HERE = "tests/compose/"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.nodeid.replace(os.sep, "/"):
            item.add_marker(pytest.mark.compose)
            item.add_marker(pytest.mark.timeout(900))


class Figures:
    """What was measured on the way; printed at the end, one JSON object per line, and never asserted."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, name: str, value: float, unit: str, goal: float) -> None:
        self.lines.append(json.dumps({"name": name, "ours": round(value, 1), "unit": unit, "goal": goal, "met": value <= goal}))


_FIGURES = pytest.StashKey[Figures]()


@pytest.fixture(scope="session")
def figures(pytestconfig: pytest.Config) -> Figures:
    return pytestconfig.stash.setdefault(_FIGURES, Figures())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(_FIGURES, Figures()).lines:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def engine() -> None:
    reason = None
    if not has_engine():
        reason = "no Docker engine answers: install Docker and start it, or leave these tests to a machine that has it"
    elif os.geteuid() != 0:
        reason = "the containers' processes are read and killed from the host: start these tests as root"
    if reason is not None:
        missing(reason)


def _end_on_sigterm(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt  # so that the fixtures below remove what they made


@pytest.fixture(scope="session")
def stack(engine: None, tmp_path_factory: pytest.TempPathFactory, figures: Figures) -> Iterator[Stack]:
    """Healthy, and with a first fill."""
    before = signal.signal(signal.SIGTERM, _end_on_sigterm)
    made = Stack(tmp_path_factory.mktemp("stack"), f"3t_test_{os.getpid()}")
    try:
        started = time.monotonic()
        made.install()
        well = time.monotonic()
        figures.add("install_to_healthy_s", well - started, "s", 180)
        wait_for("a first fill", made.fills, 180)
        figures.add("healthy_to_first_fill_s", time.monotonic() - well, "s", 90)
        yield made
    finally:
        made.remove()
        signal.signal(signal.SIGTERM, before)
