"""The adapter in the workers' kind of concurrency."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.contracts.venue_adapter.conftest import Desk
from tests.support import children
from tests.support.venue_settings import PROJECT


def test_fifty_slow_questions_overlap_in_greenlets(desk: Desk, tmp_path: Path) -> None:
    desk.simulator.fault("slow", match={"type": "exchangeStatus"}, seconds=0.5)
    command = [sys.executable, "-W", "ignore", "-m", "tests.contracts.venue_adapter.under_eventlet", str(tmp_path), desk.simulator.url]
    done = children.run(command, timeout=60, cwd=PROJECT)
    assert done.returncode == 0, done.stderr
    answered, seconds = done.stdout.split()
    assert int(answered) == 50
    assert float(seconds) < 8  # one after the other: 25
