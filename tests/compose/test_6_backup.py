"""Down and up, backup and restore: every run goes on where it was, and the database is the one that was saved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.stack import Stack, wait_for


def _runs(folder: Path) -> dict[str, tuple[float, int]]:
    """Live PnL and number of entries by run, as saved."""
    found = {}
    for path in (folder / "providence" / "saved_runs").glob("run_*.json"):
        saved = json.loads(path.read_text())
        found[saved["run_id"]] = (saved["live_pnl"], len(saved["voms_state"]["entries"]))
    return found


def test_down_and_up_keep_the_pnl_of_every_run_to_the_bit(stack: Stack) -> None:
    stack.simulator("/sim/market", {"action": "pause"})  # no price, no change: what is saved at the end is what is resumed
    wait_for("the last prices are worked off", lambda: _still(stack), 60)
    stack.compose("down", "--timeout", "60", seconds=300)
    saved = _runs(stack.folder)
    assert len(saved) > 50
    assert any(pnl for pnl, _ in saved.values())
    for services in (("mariadb", "redis"), ("providence",)):  # without a market, so that no new price moves what is compared
        stack.compose("up", "--detach", "--no-deps", *services, seconds=300)
        stack.wait_until_well(*services)
    log = wait_for("it resumed", lambda: _line(stack.compose("logs", "providence"), "resumed "))
    assert "0 quarantined" in log
    shown = {row[0]: float(row[1]) for row in stack.sql("SELECT id, live_pnl FROM runs WHERE status = 'active'")}
    assert {run: pnl for run, pnl in shown.items() if run in saved} == {run: pnl for run, (pnl, _) in saved.items() if run in shown}
    assert len(set(shown) & set(saved)) > 50
    stack.compose("up", "--detach", *_services(stack), seconds=300)
    stack.wait_until_well(seconds=180)
    stack.wait_until_trading()
    stack.prove_books_agree()


def _services(stack: Stack) -> list[str]:
    left_out = {"grafana", "tempo", "otel-collector"}
    return [service for service in stack.compose("config", "--services").split() if service not in left_out]


def _still(stack: Stack) -> bool:
    before = stack.sql("SELECT id, live_pnl FROM runs WHERE status = 'active' ORDER BY id")
    return wait_for("a moment", lambda: True) and before == stack.sql("SELECT id, live_pnl FROM runs WHERE status = 'active' ORDER BY id")


def _line(text: str, words: str) -> str | None:
    return next((line for line in text.splitlines() if words in line), None)


@pytest.fixture(scope="module")
def backup(stack: Stack) -> str:
    stack.make("backup")
    (file,) = (stack.folder / "backups").glob("3t-*.tar")
    assert file.stat().st_mode & 0o077 == 0
    return f"backups/{file.name}"


def test_a_restore_over_what_is_there_is_refused(stack: Stack, backup: str) -> None:
    assert "Cure" in stack.make("restore", f"FILE={backup}", fails=True)


def test_a_backup_brings_back_what_was_destroyed(stack: Stack, backup: str) -> None:
    epoch = stack.sql("SELECT value FROM platform_state WHERE name = 'epoch'")
    orders = {row[0] for row in stack.sql("SELECT client_order_id FROM orders")}
    stack.make("clean")
    stack.run("docker", "volume", "rm", f"{stack.name}_mariadb_data")
    runs = stack.folder / "providence" / "saved_runs"
    runs.rename(runs.with_name("destroyed"))
    runs.mkdir()
    output = stack.make("restore", f"FILE={backup}")
    assert "tables are equal" in output
    assert "files of saved runs are equal" in output
    stack.install()
    assert stack.sql("SELECT value FROM platform_state WHERE name = 'epoch'") != epoch
    restored = {row[0] for row in stack.sql("SELECT client_order_id FROM orders")}
    assert len(restored & orders) > 0.9 * len(orders)
    log = wait_for("the runs are resumed", lambda: _line(stack.compose("logs", "providence"), "resumed "))
    assert "0 quarantined" in log
    # What was traded between backup and restore is in no order of ours, so a person has to look: that is what adopt is for.
    stack.compose("run", "--rm", "--no-deps", "cli", "adopt")
    stack.wait_until_trading(240)


def test_clean_removes_containers_and_networks_and_keeps_what_is_worth_something(stack: Stack) -> None:
    stack.make("clean")
    here = f"label=com.docker.compose.project={stack.name}"
    assert stack.run("docker", "ps", "-aq", "--filter", here) == ""
    assert stack.run("docker", "network", "ls", "-q", "--filter", here) == ""
    assert f"{stack.name}_mariadb_data" in stack.run("docker", "volume", "ls", "-q").split()
    assert _runs(stack.folder)
    assert (stack.folder / "secrets.yml").exists()
