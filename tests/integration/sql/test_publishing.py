"""What Providence shows: one statement for what changed and one for the heartbeat, repeatable, the latest state after an outage."""

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, event, select
from tests.integration.sql.facts import BTC, NOON, beat, run

from threet.adapters.sql import SqlRunsPublisher
from threet.adapters.sql.tables import runs
from threet.application.facts import RunNumbers, RunRow

ROWS = [run(str(uuid.UUID(int=number)), live_pnl=number / 7) for number in range(300)]


@pytest.fixture
def statements(engine):
    """Every statement that changes a table, with how many sets of values went with it."""
    told = []

    def tell(_connection, _cursor, statement, parameters, _context, executemany):
        if statement.split()[0] in ("INSERT", "UPDATE", "DELETE"):
            told.append((statement.split("(")[0].split()[:3], len(parameters) if executemany else 1))

    event.listen(engine, "before_cursor_execute", tell)
    yield told
    event.remove(engine, "before_cursor_execute", tell)


def rows_of(engine):
    with engine.connect() as connection:
        return {row["id"]: dict(row) for row in connection.execute(select(runs)).mappings()}


def marked(rows):
    columns = {name: [getattr(row, name) for row in rows] for name in ("position_direction", "live_pnl", "closed_trades", "votes")}
    return RunNumbers(ids=[row.id for row in rows], **columns, rows=lambda: rows)


def as_told(rows, updated_at):
    return {row.id: {**{name: getattr(row, name) for name in RunRow.__dataclass_fields__}, "updated_at": updated_at} for row in rows}


def test_the_numbers_that_change_of_many_runs_are_one_statement(engine, statements):
    publisher = SqlRunsPublisher(engine)
    publisher.publish(ROWS, beat({BTC: 300}))
    results = [-1e-300, 1e300, 0.1 + 0.2, -0.0, 5e-324, 123456789.12345679, 1 / 3, 2.0]
    changed = [replace(row, live_pnl=result, position_direction=-1, closed_trades=7) for row, result in zip(ROWS, results, strict=False)]
    statements.clear()
    publisher.publish([], beat({BTC: 300}), marked(changed))
    assert len(statements) == 2, statements
    assert rows_of(engine) == as_told([*changed, *ROWS[len(changed) :]], NOON), "to the bit"


@pytest.mark.parametrize("odd", ["a run", "'; --"])
def test_rows_that_the_table_lost_are_shown_whole_again(engine, odd):
    rows = [*ROWS[:3], replace(ROWS[3], id=odd)]
    publisher = SqlRunsPublisher(engine)
    publisher.publish(rows, beat({BTC: 4}))
    with engine.begin() as connection:
        connection.execute(delete(runs).where(runs.c.id == ROWS[1].id))
    changed = [replace(row, live_pnl=0.5) for row in rows]
    for told in (changed[:3], changed):
        publisher.publish([], beat({BTC: 4}), marked(told))
        assert {name: row["live_pnl"] for name, row in rows_of(engine).items() if name in {row.id for row in told}} == {
            row.id: 0.5 for row in told
        }
    assert rows_of(engine) == as_told(changed, NOON)


def test_what_changed_is_one_statement_and_the_heartbeat_another(engine, statements):
    publisher = SqlRunsPublisher(engine)
    for changed in (ROWS, [replace(row, live_pnl=1.5) for row in ROWS[:50]]):
        statements.clear()
        publisher.publish(changed, beat({BTC: 300}))
        assert len(statements) == 2, statements
    statements.clear()
    publisher.publish([], beat({BTC: 300}))
    assert len(statements) == 1, "the heartbeat alone"


def test_a_publication_that_is_repeated_changes_nothing(engine):
    publisher = SqlRunsPublisher(engine)
    publisher.publish(ROWS, beat({BTC: 300}))
    once = rows_of(engine)
    publisher.publish(ROWS, beat({BTC: 300}))
    SqlRunsPublisher(engine).publish(ROWS, beat({BTC: 300}))
    assert rows_of(engine) == once
    assert len(once) == 300
    assert once[ROWS[1].id]["live_pnl"] == 1 / 7, "to the bit"


def test_the_newest_state_wins_whatever_was_shown_before(engine):
    publisher = SqlRunsPublisher(engine)
    publisher.publish(ROWS, beat({BTC: 300}))
    later = beat({BTC: 299}, beat_at=NOON + timedelta(seconds=5))
    ended = replace(ROWS[0], status="ended", exit_reason="loss", ended_at=NOON, votes=False)
    publisher.publish([ended, replace(ROWS[1], live_pnl=-2.5)], later)
    shown = rows_of(engine)
    assert (shown[ROWS[0].id]["status"], shown[ROWS[0].id]["exit_reason"]) == ("ended", "loss")
    assert (shown[ROWS[1].id]["live_pnl"], shown[ROWS[1].id]["updated_at"]) == (-2.5, later.beat_at)
    assert shown[ROWS[2].id]["updated_at"] == NOON, "what did not change was not touched"


def test_a_run_that_the_table_calls_ended_is_shown_whole_again(engine):
    """A run that stays ended in the table while its shard counts it makes all votes unknown."""
    publisher = SqlRunsPublisher(engine)
    publisher.publish(ROWS[:2], beat({BTC: 2}))
    assert SqlRunsPublisher(engine).retire_absent(0, 1, [ROWS[1].id], NOON) == 1
    changed = [replace(row, live_pnl=0.5) for row in ROWS[:2]]
    publisher.publish([], beat({BTC: 2}), marked(changed))
    assert rows_of(engine) == as_told(changed, NOON)


def test_a_run_that_is_taken_over_while_its_old_shard_looks_for_lost_ones_stays_active(engine):
    """Both shards begin at the same time. On SQLite one waits for the other; on MariaDB the take-over comes between look and change."""
    given = replace(ROWS[0], shard=0)
    SqlRunsPublisher(engine).publish([given], beat({BTC: 1}))
    SqlRunsPublisher(engine).publish([], beat({}, shard=1, shards=2))
    takes_over = [replace(given, shard=1)]

    def take_over(_connection, _cursor, statement, _parameters, _context, _executemany):
        if statement.startswith("UPDATE runs") and takes_over and engine.dialect.name != "sqlite":
            SqlRunsPublisher(engine).publish([takes_over.pop()], beat({BTC: 1}, shard=1, shards=2))

    event.listen(engine, "before_cursor_execute", take_over)
    try:
        retired = SqlRunsPublisher(engine).retire_absent(0, 2, [], NOON)
    finally:
        event.remove(engine, "before_cursor_execute", take_over)
    for row in takes_over:
        SqlRunsPublisher(engine).publish([row], beat({BTC: 1}, shard=1, shards=2))
    assert retired == len(takes_over)
    assert (rows_of(engine)[given.id]["status"], rows_of(engine)[given.id]["shard"]) == ("active", 1)
