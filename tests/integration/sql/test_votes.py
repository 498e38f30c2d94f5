"""Votes are known only from exactly the configured, fresh shards, and checked only where the rows sum to what they tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, delete, event, select, update
from tests.integration.sql.facts import BTC, ETH, NOON, beat, beat_of, run, seconds

from threet.adapters.sql import SqlCycleStore, SqlRunsPublisher
from threet.adapters.sql.tables import providence_shards, runs
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


def checked(store: SqlCycleStore, name: Symbol, shards: int = 1) -> Vote | Unknown:
    return store.checked_votes(shards, EARLIER, [name])[name]


def test_without_a_heartbeat_votes_are_unknown(store: SqlCycleStore) -> None:
    assert "no fresh heartbeat of shard 0" in reason(store)
    assert checked(store, BTC) == store.votes(1, EARLIER)


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
    publisher.publish(rows, beat_of(*rows))
    assert known(store).by_symbol == {
        BTC: Vote(BTC, direction_sum=1, voters=4, active_runs=5, quarantined_runs=1, warm=True),
        ETH: Vote(ETH, direction_sum=-1, voters=1, active_runs=1, quarantined_runs=0, warm=True),
    }
    assert known(store).heartbeat_at == NOON


def test_a_symbol_with_no_runs_yet_has_no_voters_and_what_its_shard_says(store: SqlCycleStore, publisher: SqlRunsPublisher) -> None:
    told = {BTC: SymbolRuns(False, 0, 0, 0, 3, None)}
    publisher.publish([], beat({}, by_symbol=told))
    assert known(store).by_symbol == {BTC: Vote(BTC, 0, 0, 0, 3, warm=False)}


def test_an_old_heartbeat_is_none(store: SqlCycleStore, publisher: SqlRunsPublisher) -> None:
    publisher.publish([], beat({}, beat_at=EARLIER))
    assert "no fresh heartbeat" in reason(store)
    publisher.publish([], beat({}, beat_at=EARLIER + timedelta(microseconds=1)))
    known(store)


def test_every_configured_shard_must_beat(store: SqlCycleStore, publisher: SqlRunsPublisher) -> None:
    publisher.publish([a := run("a")], beat_of(a, shards=2))
    assert "shard 1 of 2" in reason(store, shards=2)
    publisher.publish([b := run("b", shard=1)], beat_of(b, shard=1, shards=2, beat_at=NOON + seconds(1)))
    votes = known(store, shards=2)
    assert votes.by_symbol[BTC].voters == 2
    assert votes.heartbeat_at == NOON


def test_one_cold_shard_makes_the_symbol_cold(store: SqlCycleStore, publisher: SqlRunsPublisher) -> None:
    publisher.publish([], beat({BTC: 0}, shards=2))
    cold = {BTC: SymbolRuns(False, 0, 0, 0, 0, None)}
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
    publisher.publish([old := run("old", shard=1)], beat_of(old, shard=1, shards=2, beat_at=long_ago))
    publisher.publish([a := run("a", position_direction=-1)], beat_of(a))
    assert known(store).by_symbol[BTC].direction_sum == -1
    assert checked(store, BTC) == known(store).by_symbol[BTC]


PUBLISHED = [run("a"), run("b", position_direction=-1), run("c"), run("silent", votes=False), run("e", symbol=ETH)]
"""+1 of 3 voters, 4 active runs."""


@pytest.mark.parametrize(
    ("run_id", "change", "by_rows"),
    [
        ("a", {"position_direction": -1}, "-1 of 3 voters, 4 active runs"),
        ("a", {"votes": False}, "+0 of 2 voters, 4 active runs"),
        ("silent", {"votes": True, "position_direction": 0}, "+1 of 4 voters, 4 active runs"),
        ("silent", {"status": "ended"}, "+1 of 3 voters, 3 active runs"),
        ("silent", {"symbol": ETH}, "+1 of 3 voters, 3 active runs"),
        ("silent", {"shard": 7}, "+1 of 3 voters, 3 active runs"),
    ],
)
def test_a_row_that_was_changed_by_hand_makes_the_votes_of_its_symbol_unknown_where_they_are_checked(
    store: SqlCycleStore, publisher: SqlRunsPublisher, engine: Engine, run_id: str, change: dict[str, Any], by_rows: str
) -> None:
    publisher.publish(PUBLISHED, beat_of(*PUBLISHED))
    before = known(store).by_symbol
    assert store.checked_votes(1, EARLIER, [BTC, ETH]) == before
    with engine.begin() as connection:
        connection.execute(update(runs).where(runs.c.id == run_id).values(**change))
    found = checked(store, BTC)
    told = "+1 of 3 voters, 4 active runs told"
    assert found == Unknown(f"the runs' rows do not sum to what Providence told: {by_rows} by the rows, {told}")
    assert (checked(store, ETH) == before[ETH]) is (change != {"symbol": ETH}), "the others go on"
    assert known(store).by_symbol == before, "what the heartbeats tell"


def test_rows_that_are_gone_make_the_votes_of_their_symbol_unknown(
    store: SqlCycleStore, publisher: SqlRunsPublisher, engine: Engine
) -> None:
    publisher.publish(PUBLISHED, beat_of(*PUBLISHED))
    with engine.begin() as connection:
        connection.execute(delete(runs).where(runs.c.symbol == BTC))
    assert "+0 of 0 voters, 0 active runs by the rows" in str(checked(store, BTC))
    assert isinstance(checked(store, ETH), Vote)


def test_a_symbol_that_no_shard_tells_of_any_more_is_unknown(store: SqlCycleStore, publisher: SqlRunsPublisher) -> None:
    publisher.publish(PUBLISHED, beat({}))
    assert "no shard tells of it any more" in str(checked(store, BTC))


def test_heartbeats_and_rows_are_looked_at_in_one_moment(store: SqlCycleStore, publisher: SqlRunsPublisher, engine: Engine) -> None:
    publisher.publish(PUBLISHED, beat_of(*PUBLISHED))
    turned = [replace(row, position_direction=-1) for row in PUBLISHED]
    published: list[str] = []

    @event.listens_for(engine, "after_cursor_execute")
    def publish_in_between(*arguments: Any) -> None:
        if "providence_shards" in arguments[2] and "SELECT" in arguments[2] and not published:
            published.append(arguments[2])
            publisher.publish(turned, beat_of(*turned))

    try:
        assert checked(store, BTC) == Vote(BTC, 1, 3, 4, 0, warm=True)
    finally:
        event.remove(engine, "after_cursor_execute", publish_in_between)
    assert published
    assert checked(store, BTC) == Vote(BTC, -3, 3, 4, 0, warm=True)


def test_what_has_ended_without_its_last_row_votes_no_more(store: SqlCycleStore, publisher: SqlRunsPublisher, engine: Engine) -> None:
    publisher.publish(PUBLISHED, beat_of(*PUBLISHED))
    left = [row for row in PUBLISHED if row.id not in ("a", "silent")]
    publisher.publish([], beat_of(*left), gone=["a", "silent", "never shown"])
    assert checked(store, BTC) == Vote(BTC, 0, 2, 2, 0, warm=True)
    with engine.connect() as connection:
        found = {row.id: row.status for row in connection.execute(select(runs))}
    assert found == {row.id: "ended" if row.id in ("a", "silent") else "active" for row in PUBLISHED}
    publisher.publish([replace(PUBLISHED[0], status="ended", votes=False, exit_reason="target")], beat_of(*left), gone=["a"])
    with engine.connect() as connection:
        assert connection.execute(select(runs.c.exit_reason).where(runs.c.id == "a")).scalar_one() == "target"


def tell(engine: Engine, by_symbol: Any) -> None:
    with engine.begin() as connection:
        connection.execute(update(providence_shards).values(by_symbol=by_symbol))


TOLD = {"warm": True, "direction_sum": -2, "voters": 3, "active_runs": 4, "quarantined_runs": 0, "candle_time": None}


def test_a_heartbeat_is_taken_by_what_it_says(store: SqlCycleStore, publisher: SqlRunsPublisher, engine: Engine) -> None:
    publisher.publish([], beat({}))
    tell(engine, {BTC: TOLD})
    assert known(store).by_symbol == {BTC: Vote(BTC, -2, 3, 4, 0, warm=True)}
    tell(engine, {BTC: {**TOLD, "direction_sum": -3, "active_runs": 3, "paused": "its candles are missing"}})
    assert known(store).by_symbol == {BTC: Vote(BTC, -3, 3, 3, 0, warm=True, paused="its candles are missing")}


@pytest.mark.parametrize("left_out", ["direction_sum", "voters"])
def test_a_heartbeat_without_sums_makes_votes_unknown(
    store: SqlCycleStore, publisher: SqlRunsPublisher, engine: Engine, left_out: str
) -> None:
    """As of a Providence of before: what it does not say is not zero."""
    publisher.publish([], beat({}))
    tell(engine, {ETH: TOLD, BTC: {key: value for key, value in TOLD.items() if key != left_out}})
    assert reason(store) == (
        f"the heartbeat of shard 0: {BTC}: it does not sum up the votes, as an older Providence does not: start one of this release"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"direction_sum": None},
        {"direction_sum": True},
        {"direction_sum": "2"},
        {"direction_sum": 2.0},
        {"direction_sum": 4},
        {"direction_sum": -4},
        {"voters": None},
        {"voters": True, "direction_sum": 1},
        {"voters": "3"},
        {"voters": 3.0},
        {"voters": 5},
        {"voters": -1, "direction_sum": 0},
        {"active_runs": None},
        {"active_runs": 4.0},
        {"active_runs": "4"},
        {"quarantined_runs": -1},
        {"quarantined_runs": False},
        {"quarantined_runs": None},
        {"warm": 1},
        {"warm": None},
        {"warm": "true"},
    ],
)
def test_sums_that_cannot_be_are_refused(store: SqlCycleStore, publisher: SqlRunsPublisher, engine: Engine, change: dict[str, Any]) -> None:
    publisher.publish([], beat({}))
    tell(engine, {ETH: TOLD, BTC: {**TOLD, **change}})
    assert "expected whole numbers with |direction_sum| <= voters <= active_runs" in reason(store)
    assert BTC in reason(store)


@pytest.mark.parametrize("told", [[], "nothing", 0, {BTC: []}, {BTC: "warm"}, {BTC: None}])
def test_a_heartbeat_that_is_none_makes_votes_unknown(store: SqlCycleStore, publisher: SqlRunsPublisher, engine: Engine, told: Any) -> None:
    publisher.publish([], beat({}))
    tell(engine, told)
    assert "the heartbeat of shard 0" in reason(store)


def test_a_shard_that_lost_its_runs_ends_their_rows(store: SqlCycleStore, publisher: SqlRunsPublisher) -> None:
    kept = run("kept")
    publisher.publish([run("lost"), kept, run("ended", status="ended", exit_reason="target")], beat_of(kept, shards=2))
    publisher.publish([other := run("other", shard=1)], beat_of(other, shard=1, shards=2))
    assert isinstance(checked(store, BTC, shards=2), Unknown)
    assert publisher.retire_absent(0, 2, ["kept"], NOON) == 1
    assert checked(store, BTC, shards=2) == Vote(BTC, 2, 2, 2, 0, warm=True)
    assert publisher.retire_absent(0, 2, ["kept"], NOON) == 0


@pytest.mark.parametrize("first", [0, 1])
def test_fewer_shards_look_after_the_rows_and_heartbeats_of_those_that_are_gone(
    store: SqlCycleStore, publisher: SqlRunsPublisher, first: int
) -> None:
    """Shard 3 of 4 had two runs: one is shard 1's now, of the other the file is lost. Whichever of the two new shards comes first."""
    old = [[run(f"of {shard}", shard=shard)] for shard in range(4)]
    old[3].append(run("lost", shard=3))
    for shard, rows in enumerate(old):
        publisher.publish(rows, beat_of(*rows, shard=shard, shards=4))
    now = NOON + seconds(1)
    for shard in (first, 1 - first):
        known_here = [f"of {shard}", f"of {shard + 2}"]
        publisher.retire_absent(shard, 2, known_here, now)
        assert isinstance(store.votes(2, NOON - seconds(1)), Unknown), "until both have shown what they took over"
        taken_over = [run(name, shard=shard) for name in known_here]
        publisher.publish(taken_over, beat_of(*taken_over, shard=shard, shards=2, beat_at=now))
    votes = store.votes(2, NOON - seconds(1))
    assert isinstance(votes, Votes)
    assert (votes.by_symbol[BTC].voters, votes.by_symbol[BTC].active_runs) == (4, 4)
    assert store.checked_votes(2, NOON - seconds(1), [BTC]) == votes.by_symbol


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
    for direction in (1, -1):
        publisher.publish([row := run("a", position_direction=direction)], beat_of(row))
        assert known(store).by_symbol[BTC].direction_sum == direction
        assert checked(store, BTC) == known(store).by_symbol[BTC]


def test_a_publish_that_fails_leaves_neither_rows_nor_heartbeat(store: SqlCycleStore, publisher: SqlRunsPublisher) -> None:
    broken = replace(run("b"), symbol=Symbol("x" * 65), strategy=None)  # type: ignore[arg-type]
    with pytest.raises(Exception, match="strategy"):
        publisher.publish([run("a"), broken], beat({BTC: 1}))
    assert "no fresh heartbeat" in reason(store)


@pytest.fixture
def asked(engine: Engine) -> Iterator[list[tuple[str, Any]]]:
    """Every SELECT from a table, with its parameters."""
    found: list[tuple[str, Any]] = []

    @event.listens_for(engine, "before_cursor_execute")
    def keep(*arguments: Any) -> None:
        if "SELECT" in arguments[2] and "FROM" in arguments[2]:
            found.append((arguments[2], arguments[3]))

    yield found
    event.remove(engine, "before_cursor_execute", keep)


Asked = list[tuple[str, Any]]


def test_the_number_of_statements_does_not_grow_with_the_symbols(store: SqlCycleStore, publisher: SqlRunsPublisher, asked: Asked) -> None:
    names = [Symbol(f"S{number}/USDC:USDC") for number in range(40)]
    rows = [run(f"r{name}", symbol=name) for name in names]
    publisher.publish(rows, beat_of(*rows))
    asked.clear()
    votes = known(store).by_symbol
    assert len(votes) == 40
    assert len(asked) == 1, "the heartbeats alone"
    assert store.checked_votes(1, EARLIER, names) == votes
    assert len(asked) == 3, "heartbeats and rows"


def test_the_runs_are_summed_from_an_index_alone(store: SqlCycleStore, publisher: SqlRunsPublisher, engine: Engine, asked: Asked) -> None:
    """Turning over ten thousand rows with their parameters takes three times as long."""
    rows = [run(f"r{number}") for number in range(50)]
    publisher.publish(rows, beat_of(*rows))
    assert checked(store, BTC) == known(store).by_symbol[BTC]
    (summing,) = [one for one in asked if "GROUP BY" in one[0]]
    explain, told = (
        ("EXPLAIN QUERY PLAN", "USING COVERING INDEX runs_votes") if engine.dialect.name == "sqlite" else ("EXPLAIN", "Using index")
    )
    with engine.connect() as connection:
        plan = str(connection.exec_driver_sql(f"{explain} {summing[0]}", summing[1]).all())
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
