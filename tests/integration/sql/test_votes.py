"""Votes are known only from exactly the configured, fresh shards, and only while the runs are those that they speak of."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, select
from tests.integration.sql.facts import BTC, ETH, NOON, beat, run, seconds

from threet.adapters.sql import SqlCycleStore, SqlRunsPublisher
from threet.adapters.sql.tables import runs
from threet.application.facts import RunRow, SymbolRuns, Votes
from threet.domain.values import Symbol, Unknown
from threet.domain.votes import Vote

EARLIER = NOON - seconds(1)


@pytest.fixture
def publisher(engine: Engine) -> SqlRunsPublisher:
    return SqlRunsPublisher(engine)


def known(store: SqlCycleStore, shards: int = 1) -> Votes:
    votes = store.votes(shards, EARLIER)
    assert isinstance(votes, Votes), votes
    return votes


def reason(store: SqlCycleStore, shards: int = 1) -> str:
    votes = store.votes(shards, EARLIER)
    assert isinstance(votes, Unknown)
    return votes.reason


def test_without_a_heartbeat_votes_are_unknown(store: SqlCycleStore) -> None:
    assert "no fresh heartbeat of shard 0" in reason(store)


def test_votes_are_summed_over_active_voting_runs(store: SqlCycleStore, publisher: SqlRunsPublisher) -> None:
    rows = [
        run("a"),
        run("b", position_direction=-1),
        run("c", position_direction=0),
        run("d"),
        run("silent", votes=False),
        run("ended", status="ended"),
        run("broken", status="quarantined"),
        run("e", symbol=ETH, position_direction=-1),
    ]
    publisher.publish(rows, beat({BTC: 5, ETH: 1}))
    assert known(store).by_symbol == {
        BTC: Vote(BTC, direction_sum=1, voters=4, active_runs=5, quarantined_runs=0, warm=True),
        ETH: Vote(ETH, direction_sum=-1, voters=1, active_runs=1, quarantined_runs=0, warm=True),
    }
    assert known(store).heartbeat_at == NOON


def test_a_symbol_with_no_runs_yet_has_no_voters_and_what_its_shard_says(store: SqlCycleStore, publisher: SqlRunsPublisher) -> None:
    told = {BTC: SymbolRuns(warm=False, active_runs=0, quarantined_runs=3, candle_time=None)}
    publisher.publish([], beat({}, by_symbol=told))
    assert known(store).by_symbol == {BTC: Vote(BTC, 0, 0, 0, 3, warm=False)}


def test_an_old_heartbeat_is_none(store: SqlCycleStore, publisher: SqlRunsPublisher) -> None:
    publisher.publish([], beat({}, beat_at=EARLIER))
    assert "no fresh heartbeat" in reason(store)
    publisher.publish([], beat({}, beat_at=EARLIER + timedelta(microseconds=1)))
    known(store)


def test_every_configured_shard_must_beat(store: SqlCycleStore, publisher: SqlRunsPublisher) -> None:
    publisher.publish([run("a")], beat({BTC: 1}, shards=2))
    assert "shard 1 of 2" in reason(store, shards=2)
    other = beat({BTC: 1}, shard=1, shards=2, beat_at=NOON + seconds(1))
    publisher.publish([run("b", shard=1)], other)
    votes = known(store, shards=2)
    assert votes.by_symbol[BTC].voters == 2
    assert votes.heartbeat_at == NOON


def test_one_cold_shard_makes_the_symbol_cold(store: SqlCycleStore, publisher: SqlRunsPublisher) -> None:
    publisher.publish([], beat({BTC: 0}, shards=2))
    cold = {BTC: SymbolRuns(warm=False, active_runs=0, quarantined_runs=0, candle_time=None)}
    publisher.publish([], beat({}, shard=1, shards=2, by_symbol=cold))
    assert not known(store, shards=2).by_symbol[BTC].warm


def test_a_shard_of_another_number_makes_votes_unknown(store: SqlCycleStore, publisher: SqlRunsPublisher) -> None:
    publisher.publish([], beat({}, shards=2))
    assert "0/2" in reason(store)


def test_a_fresh_shard_beyond_the_configured_ones_makes_votes_unknown(store: SqlCycleStore, publisher: SqlRunsPublisher) -> None:
    publisher.publish([], beat({}))
    publisher.publish([], beat({}, shard=1, shards=1))
    assert "1/1" in reason(store)


def test_runs_of_a_shard_that_is_no_more_do_not_vote(store: SqlCycleStore, publisher: SqlRunsPublisher) -> None:
    long_ago = NOON - timedelta(days=1)
    publisher.publish([run("old", shard=1)], beat({BTC: 1}, shard=1, shards=2, beat_at=long_ago))
    publisher.publish([run("a", position_direction=-1)], beat({BTC: 1}))
    assert known(store).by_symbol[BTC].direction_sum == -1


@pytest.mark.parametrize("told", [{BTC: 2}, {BTC: 0}, {}, {BTC: 1, ETH: 1}])
def test_runs_that_no_heartbeat_counts_make_votes_unknown(
    store: SqlCycleStore, publisher: SqlRunsPublisher, told: dict[Symbol, int]
) -> None:
    publisher.publish([run("a")], beat(told))
    assert "active runs in the database" in reason(store)


def test_a_shard_that_lost_its_runs_ends_their_rows(store: SqlCycleStore, publisher: SqlRunsPublisher) -> None:
    publisher.publish([run("lost"), run("kept"), run("other", shard=1), run("ended", status="ended", exit_reason="target")], beat({BTC: 2}))
    assert publisher.retire_absent(0, 2, ["kept"], NOON) == 1
    publisher.publish([], beat({BTC: 1}))
    assert known(store).by_symbol[BTC].voters == 1
    assert publisher.retire_absent(0, 2, ["kept"], NOON) == 0


@pytest.mark.parametrize("first", [0, 1])
def test_fewer_shards_look_after_the_rows_and_heartbeats_of_those_that_are_gone(
    store: SqlCycleStore, publisher: SqlRunsPublisher, first: int
) -> None:
    """Shard 3 of 4 had two runs: one is shard 1's now, of the other the file is lost. Whichever of the two new shards comes first."""
    for shard in range(4):
        publisher.publish([run(f"of {shard}", shard=shard)], beat({BTC: 1}, shard=shard, shards=4))
    publisher.publish([run("lost", shard=3)], beat({BTC: 2}, shard=3, shards=4))
    now = NOON + seconds(1)
    for shard in (first, 1 - first):
        known_here = [f"of {shard}", f"of {shard + 2}"]
        publisher.retire_absent(shard, 2, known_here, now)
        assert isinstance(store.votes(2, NOON - seconds(1)), Unknown), "until both have shown what they took over"
        taken_over = [run(name, shard=shard) for name in known_here]
        publisher.publish(taken_over, beat({BTC: 2}, shard=shard, shards=2, beat_at=now))
    votes = store.votes(2, NOON - seconds(1))
    assert isinstance(votes, Votes)
    assert (votes.by_symbol[BTC].voters, votes.by_symbol[BTC].active_runs) == (4, 4)


def test_publishing_again_changes_nothing(store: SqlCycleStore, publisher: SqlRunsPublisher, engine: Engine) -> None:
    for _ in range(3):
        publisher.publish([run("a"), run("b")], beat({BTC: 2}))
    with engine.connect() as connection:
        rows = connection.execute(select(runs).order_by(runs.c.id)).all()
    assert [row.id for row in rows] == ["a", "b"]
    assert rows[0].live_pnl == 0.1 + 0.2
    assert rows[0].parameters == {"fast_bars": 5.0}
    assert rows[0].started_at == NOON


def test_a_later_publish_replaces_the_row(store: SqlCycleStore, publisher: SqlRunsPublisher) -> None:
    publisher.publish([run("a")], beat({BTC: 1}))
    publisher.publish([run("a", position_direction=-1)], beat({BTC: 1}))
    assert known(store).by_symbol[BTC].direction_sum == -1


def test_a_publish_that_fails_leaves_neither_rows_nor_heartbeat(store: SqlCycleStore, publisher: SqlRunsPublisher) -> None:
    broken = replace(run("b"), symbol=Symbol("x" * 65), strategy=None)  # type: ignore[arg-type]
    with pytest.raises(Exception, match="strategy"):
        publisher.publish([run("a"), broken], beat({BTC: 1}))
    assert "no fresh heartbeat" in reason(store)


def test_the_number_of_statements_does_not_grow_with_the_symbols(store: SqlCycleStore, publisher: SqlRunsPublisher, engine: Engine) -> None:
    symbols = [Symbol(f"S{number}/USDC:USDC") for number in range(40)]
    publisher.publish([run(f"r{name}", symbol=name) for name in symbols], beat(dict.fromkeys(symbols, 1)))
    statements: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def count(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    try:
        assert len(known(store).by_symbol) == 40
    finally:
        event.remove(engine, "before_cursor_execute", count)
    assert len([one for one in statements if "SELECT" in one and "FROM" in one]) == 2


def test_the_runs_are_counted_from_an_index_alone(store: SqlCycleStore, publisher: SqlRunsPublisher, engine: Engine) -> None:
    """Turning over ten thousand rows with their parameters takes three times as long."""
    publisher.publish([run(f"r{number}") for number in range(50)], beat({BTC: 50}))
    asked: list[tuple[str, Any]] = []

    @event.listens_for(engine, "before_cursor_execute")
    def keep(*arguments: Any) -> None:
        asked.append((arguments[2], arguments[3]))

    try:
        known(store)
    finally:
        event.remove(engine, "before_cursor_execute", keep)
    (counting,) = [one for one in asked if "GROUP BY" in one[0]]
    explain, told = (
        ("EXPLAIN QUERY PLAN", "USING COVERING INDEX runs_votes") if engine.dialect.name == "sqlite" else ("EXPLAIN", "Using index")
    )
    with engine.connect() as connection:
        plan = str(connection.exec_driver_sql(f"{explain} {counting[0]}", counting[1]).all())
    assert told in plan, plan
    assert "runs_votes" in plan


def test_a_row_is_shown_as_it_is_whatever_letters_it_has(engine: Engine, publisher: SqlRunsPublisher) -> None:
    odd = "a'b\"c\\d%s%%é\n\0;--"
    rows = [
        run("one", strategy=odd, live_pnl=-1e-300, parameters={odd: 0.1}),
        run("two", status="ended", votes=False, exit_reason=odd * 60, ended_at=NOON),
    ]
    for again in (1.0, 0.1 + 0.2):
        publisher.publish([replace(row, start_balance=again) for row in rows], beat({}))
        with engine.connect() as connection:
            found = {row["id"]: dict(row) for row in connection.execute(select(runs)).mappings()}
        assert {row["updated_at"] for row in found.values()} == {NOON}
        wanted = [replace(row, start_balance=again, exit_reason=row.exit_reason and row.exit_reason[:255]) for row in rows]
        assert found == {
            row.id: {**{name: getattr(row, name) for name in RunRow.__dataclass_fields__}, "updated_at": NOON} for row in wanted
        }
