"""The virtual runs, added up by the database for the screen and the summary."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tests.support.settings import example_secrets, settings_with

from threet.adapters.sql import SqlRunsPublisher, create_schema, make_engine
from threet.adapters.sql.run_totals import RunTotals, read_run_totals
from threet.application.facts import RunRow, ShardHeartbeat
from threet.domain.values import symbol

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def run(number: int, status: str, votes: bool, live_pnl: float) -> RunRow:
    return RunRow(str(number), 0, "trend", symbol("BTC/USDC:USDC"), {}, 1, live_pnl, 0, votes, 1e4, status, None, NOW, None)


def test_only_active_runs_count(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, {"database.url": f"sqlite:///{tmp_path}/3t.db"})
    engine = make_engine(settings, example_secrets(settings))
    create_schema(engine)
    assert read_run_totals(engine) == RunTotals(0, 0, 0.0)
    rows = [run(1, "active", True, 1.5), run(2, "active", False, -0.5), run(3, "ended", True, 99.0), run(4, "active", True, 1.0)]
    SqlRunsPublisher(engine).publish(rows, ShardHeartbeat(0, 1, NOW, NOW, 7, {}))
    assert read_run_totals(engine) == RunTotals(3, 2, 2.0)
    engine.dispose()
