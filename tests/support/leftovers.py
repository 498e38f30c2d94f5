"""A pytest plugin: a run whose tests left a process behind fails, and says which process and which test."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import astuple
from typing import Any

import pytest
from tests.support.children import Run, Survivor, die_with_parent


class Leftovers:
    """In each process of a run; those of xdist hand what they found to the one that reports."""

    def __init__(self, config: pytest.Config) -> None:
        self._is_worker = hasattr(config, "workerinput")
        if self._is_worker:
            die_with_parent()
        self._run = Run()
        self._found: list[Survivor] = []

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """One that crashed left no list; what its tests had started died with it."""
        self._found += [Survivor(*values) for values in getattr(node, "workeroutput", {}).get("survivors", ())]

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        """After every fixture and every worker is gone, before the summary."""
        yield
        self._found += self._run.end_survivors()
        if self._is_worker:
            session.config.workeroutput["survivors"] = [astuple(each) for each in self._found]  # type: ignore[attr-defined]
        elif self._found:
            if session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
            terminal: Any = session.config.pluginmanager.getplugin("terminalreporter")
            terminal.stats.setdefault("error", []).extend(map(_report, self._found))


def _report(left: Survivor) -> pytest.TestReport:
    text = f"expected no process of a test alive at the end, was {left.pid}: {left.command}"
    return pytest.TestReport(left.test, (left.test.partition("::")[0], None, left.test), {}, "failed", text, "teardown")
