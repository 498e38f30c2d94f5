"""`3t runs`, `3t run show` and `3t run end` beside a real manager: what they show is what its files and its database say."""

import gzip
import json
import re
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from tests.support.market_steps import Prices, session
from tests.support.providence import SYMBOLS, ManagerProcess, publish, wait_for
from tests.support.redis import RedisServer

from threet.cli.main import main


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    folder = tmp_path_factory.mktemp("platform")
    with RedisServer(folder / "redis") as server:
        manager = ManagerProcess(folder / "one", server)
        steps = list(session(SYMBOLS, bars=60))
        begun = 1 + next(number for number, step in enumerate(steps) if isinstance(step, Prices))
        client = server.client()
        for step in steps[:begun]:
            publish(client, step)
        manager.begin()
        wait_for(lambda: len(manager.rows()) >= 96, "96 runs")
        for step in steps[begun:]:
            publish(client, step)
        newest = max(step.market_ms for step in steps if isinstance(step, Prices))
        wait_for(lambda: manager.market_time() == datetime.fromtimestamp(newest / 1000, UTC), "all that was published")
        assert manager.stop() == 0
        manager.begin()
        yield manager, server
        manager.kill()
        manager.engine.dispose()


def command(manager, *arguments):
    return CliRunner().invoke(main, [*arguments, "--config", str(manager.config)])


def listed(manager, *options):
    done = command(manager, "runs", "--json", *options)
    assert done.exit_code == 0, done.output
    return json.loads(done.output)["runs"]


def status_of(manager, run_id):
    return manager.rows()[run_id]["status"], manager.rows()[run_id]["exit_reason"]


def trades_in(path):
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    told = json.loads(data)["voms_state"]
    entries = zip(told["kinds"], told["times_ms"], told["prices"], told["sizes"], strict=True)
    return [entry for entry in entries if entry[0] == "t"]


def test_the_list_is_what_the_database_says(platform):
    manager, _ = platform
    rows = {run_id: row for run_id, row in manager.rows().items() if row["status"] == "active"}
    runs = listed(manager)
    assert {run["id"] for run in runs} == set(rows)
    assert [run["return_percent"] for run in runs] == sorted((run["return_percent"] for run in runs), reverse=True)
    for run in runs:
        row = rows[run["id"]]
        assert (run["live_pnl"], run["closed_trades"], run["votes"]) == (row["live_pnl"], row["closed_trades"], row["votes"])
    table = command(manager, "runs", "--top", "3").output.splitlines()
    assert [line.split()[0] for line in table[1:4]] == [run["id"][:8] for run in runs[:3]]
    assert table[4].startswith("3 of 96 runs")


def test_closed_trades_are_those_of_the_run_s_file(platform):
    manager, _ = platform
    assert manager.rows()
    for run in listed(manager, "--sort", "trades", "--top", "20"):
        size, closed = 0.0, 0
        for _, _, _, traded in trades_in(manager.saved_runs / f"run_{run['id']}.json"):
            closed += size != 0 and (size > 0) != (traded > 0)
            size += traded
        assert run["closed_trades"] == closed


@pytest.mark.parametrize("status", ["active", "ended"])
def test_a_run_is_drawn_with_all_its_trades_and_its_equity_ends_where_the_database_is(platform, status):
    manager, _ = platform
    wait_for(lambda: list((manager.saved_runs / "ended").glob("*.gz")), "archives")
    run = listed(manager, "--status", status, "--sort", "trades", "--top", "1")[0]
    shown = command(manager, "run", "show", run["id"][:13], "--trades", "2")
    assert shown.exit_code == 0, shown.output
    name = f"run_{run['id']}.json"
    path = manager.saved_runs / name if status == "active" else manager.saved_runs / "ended" / f"{name}.gz"
    trades = trades_in(path)
    assert f"Last 2 of {len(trades)} trades" in shown.output
    assert "price: closes of the candles" in shown.output
    assert f"{abs(trades[-1][3]):.6g}" in shown.output
    now = re.search(r"now ([\d,.]+) USD", shown.output)
    assert now is not None
    assert float(now[1].replace(",", "")) == pytest.approx(10_000 + run["live_pnl"], abs=0.006)
    assert shown.output.count("▲") > 1
    assert shown.output.count("▼") > 1


def test_without_redis_the_prices_are_those_of_the_trades(platform, tmp_path):
    manager, _ = platform
    run = listed(manager, "--sort", "trades", "--top", "1")[0]
    config = tmp_path / "config.yml"
    text = re.sub(r"redis://[^\s']+", "redis://127.0.0.1:9/0", manager.config.read_text())
    config.write_text(text.replace("saved_runs: saved_runs", f"saved_runs: {manager.saved_runs}"))
    shown = CliRunner().invoke(main, ["run", "show", run["id"], "--config", str(config), "--secrets", str(manager.folder / "secrets.yml")])
    assert shown.exit_code == 0, shown.output
    assert "price at its own trades (Redis is away" in shown.output


def test_a_run_without_a_file_shows_what_the_database_knows_and_says_why_not_more(platform):
    manager, _ = platform
    run_id = listed(manager, "--top", "1")[0]["id"]
    path = manager.saved_runs / f"run_{run_id}.json"
    kept = path.read_bytes()
    path.write_bytes(kept.replace(b'"symbol"', b'"sYmbol"'))
    try:
        shown = command(manager, "run", "show", run_id)
    finally:
        path.write_bytes(kept)
    assert shown.exit_code == 1
    assert "live PnL" in shown.output
    assert "its checksum does not fit" in shown.output


def test_an_unknown_id_and_an_ambiguous_one_are_refused(platform):
    manager, _ = platform
    assert "no run whose id begins with zz" in command(manager, "run", "show", "zz").output
    assert "give more of it" in command(manager, "run", "end", "").output


def test_a_person_s_wish_ends_the_run_once_also_when_providence_was_away(platform):
    manager, _ = platform
    now, later = (run["id"] for run in listed(manager, "--sort", "newest", "--top", "2"))
    for _ in range(2):
        done = command(manager, "run", "end", now[:13], "--reason", "enough")
        assert done.exit_code == 0 or "is not active: ended" in done.output
    told = "ended by a person: enough"
    wait_for(lambda: status_of(manager, now) == ("ended", told), "the end that was asked for")
    wait_for(lambda: sum(row["status"] == "active" for row in manager.rows().values()) == 96, "one in its place")
    manager.kill()
    assert command(manager, "run", "end", later).exit_code == 0
    assert status_of(manager, later)[0] == "active"
    manager.begin()
    wait_for(lambda: status_of(manager, later) == ("ended", "ended by a person"), "the end that was asked for while it was away")
    before, killed_at = manager.rows(), datetime.now(UTC)
    manager.kill()
    manager.begin()
    wait_for(lambda: (votes := manager.votes()) and votes.heartbeat_at > killed_at, "votes after a kill")
    after = manager.rows()
    assert after[now] == before[now]
    assert after[later] == before[later]
    assert "quarantined:" not in manager.log()
    again = command(manager, "run", "end", now)
    assert again.exit_code == 1
    assert "is not active: ended (ended by a person: enough)" in again.output
