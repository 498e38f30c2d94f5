"""The whole platform, as `make demo DEMO_SECONDS=60` runs it: trades, survives a kill and a halt, and ends where its targets are."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.e2e.demo.show import Show

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

SECONDS = 60


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Show]:
    made = Show(tmp_path_factory.mktemp("show") / "state", "--seconds", str(SECONDS))
    try:
        yield made
    finally:
        made.close()


def orders_since(show: Show, moment: datetime) -> list[str]:
    """Creation times of the orders that the database holds."""
    with sqlite3.connect(f"file:{show.state}/3t.db?mode=ro", uri=True) as database:
        rows = database.execute("SELECT created_at FROM orders").fetchall()
    database.close()
    return [at for (at,) in rows if datetime.fromisoformat(at).replace(tzinfo=UTC) > moment]


def test_it_trades_survives_and_ends_at_its_targets(show: Show) -> None:
    show.wait_until_up()
    _status_shows_everything(show)
    show.wait_until(lambda: orders_since(show, datetime.min.replace(tzinfo=UTC)), 60, "the first order")
    _killed_parts_come_back(show)
    _nothing_is_sent_while_halted(show)
    assert show.end(SECONDS + 90) == 0, show.said
    _the_summary_is_one_line(show)
    assert show.left_over() == []


def _status_shows_everything(show: Show) -> None:
    status = show.wait_until(lambda: (s := show.status())["last_decision"] and len(s["queues"]) == 3 and s, 40, "a decision and canaries")
    assert {name.partition("/")[0] for name in status["services"]} >= {"celery_worker", "celery_worker_reconcile", "providence-0"}
    assert [observer["answers"] for observer in status["observers"].values()] == [True, True, True]
    assert float(status["account_value"]["value"]) > 9000
    for view in status["symbols"].values():
        assert set(view["sources"]) == {"local", "a", "b", "c"}
        assert float(view["price"]["value"]) > 0
    text = show.command("status").stdout
    assert "BTC/USDC:USDC" in text


def _killed_parts_come_back(show: Show) -> None:
    """An observer and Providence are killed at once: trading goes on with two observers, the runs are resumed."""
    show.child("threet.observer", "--name b").kill()
    show.child("3T-PROVIDENCE-v2").kill()
    show.wait_until(lambda: "observer_b is up again" in show.said and "providence is up again" in show.said, 30, "both are up again")
    assert "observer_b died of SIGKILL; it is started again" in show.said
    show.wait_until(lambda: not show.status()["problems"] or None, 40, "no problem is left")


def _nothing_is_sent_while_halted(show: Show) -> None:
    halted = show.command("halt", "a", "test")
    moment = datetime.now(UTC)
    assert halted.returncode == 0, halted.stderr
    assert "Nothing that adds risk is sent" in halted.stdout
    assert show.command("halt").returncode == 0  # may be given again
    cycle = show.status()["last_decision"]["cycle_id"]
    blocked = show.wait_until(lambda: (d := show.status()["last_decision"])["cycle_id"] >= cycle + 2 and d, 20, "two cycles under the halt")
    assert blocked["status"] == "blocked"
    assert "a test" in blocked["reason"]
    assert orders_since(show, moment) == []
    assert any("halted" in problem["what"] and "3t resume" in problem["cure"] for problem in show.status()["problems"])
    assert "resumed" in show.command("resume").stdout
    assert "was not halted" in show.command("resume").stdout


def _the_summary_is_one_line(show: Show) -> None:
    (line,) = show.printed.splitlines()
    summary = json.loads(line)
    assert set(summary) == {
        "fills",
        "orders",
        "unresolved",
        "decisions",
        "consensus_cycles",
        "runs",
        "live_pnl",
        "account_value",
        "symbols",
    }
    assert summary["unresolved"] == 0
    assert summary["fills"] >= summary["orders"] - 1 > 0
    assert summary["runs"] >= 64
    assert summary["consensus_cycles"] > 0.5 * summary["decisions"]
    assert sum(symbol["max_abs_target"] > 0 for symbol in summary["symbols"].values()) >= 2
    assert sum(symbol["reductions"] for symbol in summary["symbols"].values()) >= 1


def test_every_error_in_a_log_is_one_that_was_asked_for(show: Show) -> None:
    """After the show: what the parts logged as an error can only come from the two kills."""
    errors = [
        f"{log.name}: {line}"
        for log in sorted((show.state / "logs").glob("*.log"))
        for line in log.read_text(errors="replace").splitlines()
        if " ERROR " in line or "CRITICAL" in line or "Traceback" in line
    ]
    assert errors == []


def test_what_the_show_wrote_is_for_its_owner_only(show: Show) -> None:
    files = [path for path in Path(show.state).rglob("*") if path.is_file() and path.suffix in (".yml", ".conf", ".txt")]
    assert files
    assert [path for path in files if path.stat().st_mode & 0o077] == []
    assert show.state.stat().st_mode & 0o077 == 0
