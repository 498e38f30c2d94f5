"""The list of runs and a person's wishes, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select
from tests.integration.sql.facts import BTC, ETH, NOON, beat, run

from threet.adapters.sql import SqlRunsPublisher, SqlRunWishes
from threet.adapters.sql.run_list import SORTS, RunFilter, list_runs
from threet.adapters.sql.tables import run_wishes

ROWS = (
    run("a1", live_pnl=50.0, closed_trades=1, votes=True, started_at=NOON),
    run("a2", live_pnl=-5.0, closed_trades=9, votes=False, started_at=NOON - timedelta(hours=2), symbol=ETH),
    run("b3", live_pnl=40.0, start_balance=1000.0, closed_trades=4, votes=False, strategy="breakout", started_at=NOON - timedelta(hours=1)),
    run("c4", live_pnl=99.0, status="ended", exit_reason="target", votes=False, ended_at=NOON),
    run("d5", live_pnl=0.0, start_balance=0.0, status="quarantined", votes=False),
)


@pytest.fixture
def filled(engine: Engine) -> Engine:
    SqlRunsPublisher(engine).publish(ROWS, beat({BTC: 3}, market_time=NOON + timedelta(minutes=5)))
    return engine


def ids(engine: Engine, wanted: RunFilter, sort: str = "return", most: int | None = None) -> list[str]:
    return [row.id for row in list_runs(engine, wanted, sort, most).rows]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (RunFilter(status="active"), ["b3", "a1", "a2"]),
        (RunFilter(status="ended"), ["c4"]),
        (RunFilter(status="active", symbol="BTC"), ["b3", "a1"]),
        (RunFilter(status="active", symbol=str(ETH)), ["a2"]),
        (RunFilter(status="active", symbol="BT"), []),
        (RunFilter(status="active", symbol="%"), []),
        (RunFilter(status="active", strategy="breakout"), ["b3"]),
        (RunFilter(status="active", voting=True), ["a1"]),
        (RunFilter(id_begins="a"), ["a1", "a2"]),
        (RunFilter(id_begins="_"), []),
    ],
)
def test_filters_let_through_what_they_say(filled: Engine, wanted: RunFilter, expected: list[str]) -> None:
    assert ids(filled, wanted) == expected


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("return", ["b3", "a1", "a2"]),
        ("pnl", ["a1", "b3", "a2"]),
        ("trades", ["a2", "b3", "a1"]),
        ("age", ["a2", "b3", "a1"]),
        ("newest", ["a1", "b3", "a2"]),
        ("symbol", ["a1", "b3", "a2"]),
        ("strategy", ["b3", "a1", "a2"]),
    ],
)
def test_sorts_by_what_they_say(filled: Engine, sort: str, expected: list[str]) -> None:
    assert ids(filled, RunFilter(status="active"), sort) == expected


def test_every_sort_is_tested_and_offered() -> None:
    from threet.cli.runs.command import command

    offered = next(parameter for parameter in command.params if parameter.name == "sort")
    assert set(getattr(offered.type, "choices", ())) == set(SORTS)


def test_at_most_so_many_with_the_number_of_all_and_the_market_time(filled: Engine) -> None:
    found = list_runs(filled, RunFilter(), "return", 2)
    assert (len(found.rows), found.found, found.market_time) == (2, 5, NOON + timedelta(minutes=5))
    quarantined = next(row for row in list_runs(filled, RunFilter(), "return", None).rows if row.id == "d5")
    assert quarantined.gain is None


def test_a_wish_is_open_while_its_run_is_active_and_the_first_reason_counts(filled: Engine) -> None:
    wishes = SqlRunWishes(filled)
    for reason in ("first", "second"):
        wishes.end("a1", reason, NOON)
    wishes.end("c4", "it has ended", NOON)
    wishes.end("nobody", "x" * 300, NOON)
    assert wishes.open_ends() == {"a1": "first"}
    SqlRunsPublisher(filled).publish([run("a1", status="ended", votes=False)], beat({BTC: 2}))
    assert wishes.open_ends() == {}
    with filled.connect() as connection:
        assert len(connection.execute(select(run_wishes)).all()) == 3, "they stay for their retention"
