"""Real managers as processes: killed at random they end as their undisturbed twin; what is away is waited for; a second one is refused."""

import json
import random
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from tests.support.market_steps import Candles, Prices, session
from tests.support.providence import SYMBOLS, Feeder, ManagerProcess, publish, wait_for
from tests.support.redis import RedisServer

NEW = "NEW/USDC:USDC"


@pytest.fixture
def server(tmp_path):
    with RedisServer(tmp_path / "redis") as running:
        yield running


@pytest.fixture
def make(tmp_path, server):
    made = []

    def one(name="one", **changes):
        made.append(ManagerProcess(tmp_path / name, server, **changes))
        return made[-1]

    yield one
    for manager in made:
        manager.kill()
        manager.engine.dispose()


def moment(ms):
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


def shows(manager, market_ms):
    """The manager has consumed all and published what came of it."""
    return wait_for(lambda: manager.market_time() == moment(market_ms), f"market time {market_ms} of {manager.folder.name}")


@pytest.mark.slow
def test_killed_at_random_it_ends_as_its_undisturbed_twin_to_the_bit(make, server):
    chance = random.Random(11)
    victim, twin = make("victim"), make("twin")
    steps = list(session(SYMBOLS, bars=1_500))
    begun = 1 + next(number for number, step in enumerate(steps) if isinstance(step, Prices))
    client = server.client()
    for step in steps[:begun]:  # a new population begins with the newest price: the same one for both
        publish(client, step)
    victim.begin()
    twin.begin()
    wait_for(lambda: len(victim.rows()) == 96 and len(twin.rows()) == 96, "96 runs of both")
    with Feeder(server, steps[begun:], pause_seconds=0.004) as feeder:
        for _ in range(5):
            time.sleep(chance.uniform(0.02, 0.8))  # the moment of the kill is what is drawn, not waited for
            victim.kill()
            victim.begin()
        feeder.stop()
        for manager in (victim, twin):
            shows(manager, feeder.last_market_ms)
    assert (victim.stop(), twin.stop()) == (0, 0)
    assert "quarantined:" not in victim.log()
    rows = victim.rows()
    assert rows == twin.rows()
    assert victim.files() == twin.files()
    assert {row["status"] for row in rows.values()} == {"active", "ended"}
    assert sum(len(body["voms_state"]["kinds"]) for body in twin.files().values()) > 500
    assert sum(row["status"] == "active" for row in rows.values()) == 96


def test_a_second_manager_of_the_shard_is_refused_and_told_who_holds_it(make):
    first = make()
    first.begin()
    second = ManagerProcess.start(first)
    assert second.wait(20) == 2
    refusal = next(line for line in first.log().splitlines() if "refused to start" in line)
    holder = json.loads((first.saved_runs / "shard-0-of-1.lock").read_text())
    assert str(holder["pid"]) in refusal
    assert holder["host"] in refusal
    assert "only one manager may run a shard" in refusal


def test_a_dead_managers_lock_is_free(make):
    first = make()
    first.begin()
    first.kill()
    first.begin()
    assert first.stop() == 0


def test_a_product_added_while_it_runs_gets_its_runs_without_a_restart(make, server):
    manager = make()
    manager.begin()
    client = server.client()
    for step in session((*SYMBOLS, NEW), bars=3):
        publish(client, step)
    wait_for(lambda: (votes := manager.votes()) and sum(v.active_runs for v in votes.by_symbol.values()) == 96, "96 runs shown")
    with manager.engine.begin() as connection:
        connection.execute(text("INSERT INTO instruments (name) VALUES ('NEW_INSTRUMENT')"))
        connection.execute(
            text(
                "INSERT INTO products (instrument_id, exchange_id, symbol, product_type, max_leverage) "
                "VALUES ((SELECT id from instruments where name = 'NEW_INSTRUMENT'), 1, 'NEW/USDC:USDC', 'PERP', 10)"
            )
        )
    wait_for(lambda: (v := manager.votes()) and NEW in v.by_symbol and v.by_symbol[NEW].active_runs == 24, "runs of the new product")


def test_corrupted_and_missing_files_are_quarantined_and_named_and_the_others_go_on(make, server):
    manager = make()
    manager.begin()
    client = server.client()
    for step in session(SYMBOLS, bars=30):
        publish(client, step)
    wait_for(lambda: len(manager.rows()) >= 96, "96 runs")
    assert manager.stop() == 0
    files = sorted(manager.saved_runs.glob("run_*.json"))
    for segment in sorted(manager.saved_runs.glob("journal-*"))[:-1]:
        segment.unlink()  # which may hold the whole life of a run, so that its file is made again
    before = manager.rows()
    flipped, cut, gone = files[:3]
    flipped.write_bytes(flipped.read_bytes().replace(b'"votes":', b'"vOtes":'))
    cut.write_bytes(cut.read_bytes()[:-20])
    gone.unlink()
    manager.begin()
    ids = {path.stem.removeprefix("run_") for path in (flipped, cut, gone)}
    rows = wait_for(
        lambda: (rows := manager.rows()) and sum(r["status"] == "quarantined" for r in rows.values()) == 3 and rows, "3 quarantined rows"
    )
    assert {run_id for run_id, row in rows.items() if row["status"] == "quarantined"} == ids
    for path in (flipped, cut):
        assert (manager.saved_runs / "quarantine" / path.name).exists()
        assert f"{path.stem.removeprefix('run_')} of" in manager.log()
    reason = json.loads((manager.saved_runs / "quarantine" / f"{gone.name}.reason.json").read_text())
    assert "found no file" in reason["reason"]
    assert {run_id: row for run_id, row in rows.items() if run_id not in ids} == {k: v for k, v in before.items() if k not in ids}
    votes = wait_for(manager.votes, "votes")
    assert sum(vote.quarantined_runs for vote in votes.by_symbol.values()) == 3
    publish(client, Prices(10**8, dict.fromkeys(SYMBOLS, 100.0)))
    wait_for(lambda: (v := manager.votes()) and all(s.active_runs == 24 for s in v.by_symbol.values()), "fresh runs in their place")


def test_with_redis_killed_and_back_it_goes_on_where_it_was(make, server):
    manager = make()
    manager.begin()
    steps = list(session(SYMBOLS, bars=40))
    client = server.client()
    for step in steps[:80]:
        publish(client, step)
    shows(manager, max(step.market_ms for step in steps[:80] if isinstance(step, Prices)))
    server.kill()
    wait_for(lambda: "redis away" in manager.log(), "a line that Redis is away")
    votes = manager.votes()
    assert votes is not None, "the shard lives and says so"
    server.start()
    client = server.client()
    for step in steps[80:]:
        publish(client, step)
    shows(manager, max(step.market_ms for step in steps if isinstance(step, Prices)))
    assert manager.log().count("redis away") == 1, "one line, however often it was tried"
    assert "redis is back" in manager.log()
    assert manager.stop() == 0


def test_with_the_database_away_it_trades_on_and_shows_the_latest_afterwards(make, server):
    manager = make(**{"database.busy_timeout_seconds": 0.2})
    manager.begin()
    steps = list(session(SYMBOLS, bars=60))
    client = server.client()
    for step in steps[:40]:
        publish(client, step)
    wait_for(lambda: len(manager.rows()) >= 96, "96 runs")
    before = manager.rows()
    with closing(sqlite3.connect(manager.folder / "3t.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")  # nobody else writes until it is let go
        for step in steps[40:]:
            publish(client, step)
        wait_for(lambda: "database away" in manager.log(), "a line that the database is away")
        other.execute("ROLLBACK")
    shows(manager, max(step.market_ms for step in steps if isinstance(step, Prices)))
    wait_for(lambda: (votes := manager.votes()) and votes, "votes that fit their heartbeat")
    assert len(manager.rows()) > len(before), "runs ended and began meanwhile, all of them are shown"
    assert manager.stop() == 0


def test_what_cannot_be_started_says_why_and_ends_with_2(make):
    manager = make()
    assert manager.start("--shard", "1/2").wait(20) == 2
    assert "--shard: expected K/1" in manager.log()
    other = make("other", **{"providence.strategies": {"momentum": {"weight": 1, "parameters": {}}}})
    assert other.start().wait(20) == 2
    assert "providence.strategies.momentum: expected one of breakout, entropy, trend" in other.log()


def test_a_thread_that_dies_ends_the_process_with_its_reason(make):
    manager = make()
    manager.begin()
    wait_for(lambda: "products:" in manager.log(), "a loop that runs")
    manager.saved_runs.rename(manager.folder / "taken_away")
    assert manager.process is not None
    assert manager.process.wait(20) == 1
    assert "stopping, since" in manager.log()
    assert "FileNotFoundError" in manager.log()


def test_a_database_without_its_tables_is_named_with_the_cure(make):
    manager = make()
    with manager.engine.begin() as connection:
        connection.execute(text("DROP TABLE providence_shards"))
    assert manager.start().wait(20) == 1
    assert "expected the tables of the platform, missing" in manager.log()
    assert "Cure:" in manager.log()


def test_a_gap_pauses_the_runs_of_its_symbol_says_so_and_asks_for_the_history(make, server):
    manager = make()
    manager.begin()
    client = server.client()
    steps, lost = list(session(SYMBOLS, bars=20)), range(30 * 60_000, 33 * 60_000)
    missed = [s for s in steps if isinstance(s, Candles) and s.symbol == SYMBOLS[0] and s.rows[0][0] in lost]
    assert len(missed) == 3
    client.hset("last:candles", f"{SYMBOLS[0]}|1m", "1")
    for step in steps:
        if step not in missed:
            publish(client, step)
    paused = wait_for(lambda: (v := manager.votes()) and (p := v.by_symbol.get(SYMBOLS[0])) and p.paused, "the reason shown")
    assert "candles from 1970-01-01 00:30 to 00:33 are missing: its runs are paused" in paused
    assert f"{SYMBOLS[0]}: {paused}; its history is asked for once more" in manager.log()
    assert not any(vote.paused for name, vote in manager.votes().by_symbol.items() if name != SYMBOLS[0]), "the others go on"
    wait_for(lambda: not client.hexists("last:candles", f"{SYMBOLS[0]}|1m"), "the worker asked for the whole history")
    rows = tuple(row for step in steps if isinstance(step, Candles) and step.symbol == SYMBOLS[0] for row in step.rows)
    publish(client, Candles(SYMBOLS[0], rows))
    wait_for(lambda: not manager.votes().by_symbol[SYMBOLS[0]].paused, "no reason any more")
    assert f"{SYMBOLS[0]}: its candles are whole again, its runs go on" in manager.log()
