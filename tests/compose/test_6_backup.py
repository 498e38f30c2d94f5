"""Down and up, backup and restore: every run goes on where it was, and the database is the one that was saved."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from tests.support import saved_runs
from tests.support.stack import OURS, Stack, wait_for


def test_down_and_up_keep_the_pnl_of_every_run_to_the_bit(stack: Stack) -> None:
    stack.simulator("/sim/market", {"action": "pause"})  # no price, no change: what is saved at the end is what is resumed
    wait_for("the last prices are worked off", lambda: _is_still(stack))
    stack.compose("stop", seconds=300)
    # Nobody had to be killed: 137 is what is left of that.
    assert {service: code for service in OURS if (code := stack.inspect(service)["State"]["ExitCode"]) not in {0, 143}} == {}
    stack.compose("down", seconds=300)
    _start(stack, "mariadb", "redis")
    # What was shown last. A file alone may be older: since it was written, prices that marked its run stand in the journal.
    saved = _shown(stack)
    assert set(saved) == set(saved_runs.active(stack.saved_runs))
    assert len(saved) > 50
    assert any(saved.values())
    # So that what is right below was written after this start.
    stack.sql("UPDATE runs SET live_pnl = live_pnl + 1000 WHERE status = 'active'")
    _start(stack, "providence")
    log = wait_for("it resumed", lambda: _line(stack.compose("logs", "providence"), "resumed "))
    assert f"resumed {len(saved)} runs, 0 quarantined" in log
    wait_for("every run is shown with the pnl that it had", lambda: _shown(stack) == saved)
    stack.compose("up", "--detach", *_services(stack), seconds=300)
    stack.wait_until_well(seconds=180)
    stack.wait_until_trading()
    stack.prove_books_agree()


def _services(stack: Stack) -> list[str]:
    left_out = {"grafana", "tempo", "otel-collector"}
    return [service for service in stack.compose("config", "--services").split() if service not in left_out]


def _start(stack: Stack, *services: str) -> None:
    """Without the others: there is no market, so that no new price moves what is compared."""
    stack.compose("up", "--detach", "--no-deps", *services, seconds=300)
    stack.wait_until_well(*services)


def _shown(stack: Stack) -> dict[str, float]:
    """The pnl of each active run, as the database has it."""
    return {row[0]: float(row[1]) for row in stack.sql("SELECT id, live_pnl FROM runs WHERE status = 'active'")}


def _is_still(stack: Stack) -> bool:
    """Nothing moved from one publication to the one after the next."""
    before = _shown(stack)
    for _ in range(2):
        beat = _beat(stack)
        wait_for("another publication", lambda beat=beat: _beat(stack) != beat)  # type: ignore[misc]
    return _shown(stack) == before


def _beat(stack: Stack) -> list[list[str]]:
    return stack.sql("SELECT beat_at FROM providence_shards")


def _line(text: str, words: str) -> str | None:
    return next((line for line in text.splitlines() if words in line), None)


@dataclass(frozen=True, slots=True)
class Backup:
    """``before``, ``after``: settled orders, fills and decisions of the moments before and after it was made."""

    file: str
    before: set[tuple[str, ...]]
    after: set[tuple[str, ...]]


def _records(stack: Stack) -> set[tuple[str, ...]]:
    """What never changes once it is written."""
    orders = stack.sql("SELECT 'order', client_order_id, state, filled_contracts, average_price FROM orders WHERE settled_at IS NOT NULL")
    fills = stack.sql("SELECT 'fill', fill_id, symbol, side, contracts, price, fee FROM fills")
    decisions = stack.sql("SELECT 'decision', cycle_id, status, inputs_hash FROM decisions")
    return {tuple(row) for row in (*orders, *fills, *decisions)}


@pytest.fixture(scope="module")
def backup(stack: Stack) -> Backup:
    before = _records(stack)
    stack.make("backup")
    (file,) = (stack.folder / "backups").glob("3t-*.tar")
    assert file.stat().st_mode & 0o077 == 0
    return Backup(f"backups/{file.name}", before, _records(stack))


def test_a_restore_over_what_is_there_is_refused(stack: Stack, backup: Backup) -> None:
    assert "Cure" in stack.make("restore", f"FILE={backup.file}", fails=True)
    assert stack.is_well("mariadb")


def test_a_damaged_backup_is_refused(stack: Stack, backup: Backup) -> None:
    whole = bytearray((stack.folder / backup.file).read_bytes())
    whole[len(whole) // 2] ^= 1
    (stack.folder / "backups" / "damaged.tar").write_bytes(whole)
    assert "damaged" in stack.make("restore", "FILE=backups/damaged.tar", fails=True)


def test_a_backup_brings_back_what_was_destroyed(stack: Stack, backup: Backup) -> None:
    epoch = stack.sql("SELECT value FROM platform_state WHERE name = 'epoch'")
    stack.make("clean")
    stack.run("docker", "volume", "rm", f"{stack.name}_mariadb_data")
    stack.saved_runs.rename(stack.saved_runs.with_name("destroyed"))
    stack.saved_runs.mkdir()
    output = stack.make("restore", f"FILE={backup.file}")
    assert "tables are equal" in output
    assert "files of saved runs are equal" in output
    assert backup.before <= _records(stack) <= backup.after
    assert stack.sql("SELECT value FROM platform_state WHERE name = 'epoch'") != epoch
    stack.install()
    log = wait_for("the runs are resumed", lambda: _line(stack.compose("logs", "providence"), "resumed "))
    assert "0 quarantined" in log
    # What was traded between backup and restore is in no order of ours, so a person has to look: that is what adopt is for.
    stack.compose("run", "--rm", "--no-deps", "cli", "adopt")
    stack.wait_until_trading(240)


def test_clean_removes_containers_and_networks_and_keeps_what_is_worth_something(stack: Stack) -> None:
    of_this_project = ("--filter", f"label=com.docker.compose.project={stack.name}")
    volumes = stack.run("docker", "volume", "ls", "-q", *of_this_project)
    runs = sorted(saved_runs.all_of_them(stack.saved_runs))
    stack.make("clean")
    assert stack.run("docker", "ps", "-aq", *of_this_project) == ""
    assert stack.run("docker", "network", "ls", "-q", *of_this_project) == ""
    assert f"{stack.name}_mariadb_data" in volumes.split()
    assert stack.run("docker", "volume", "ls", "-q", *of_this_project) == volumes
    assert runs
    assert set(runs) <= set(saved_runs.all_of_them(stack.saved_runs))
    assert (stack.folder / "secrets.yml").exists()
