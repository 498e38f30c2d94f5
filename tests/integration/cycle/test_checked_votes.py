"""What the heartbeats tell decides; where it would trade, it is held against the rows of the runs, and a symbol that differs holds."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, event, select, update
from tests.integration.cycle.test_rehearsal import rehearsed
from tests.support.cycle import BTC, ETH, Desk

from threet.adapters.sql.tables import providence_shards, runs
from threet.application.records import inputs_from_json
from threet.application.replaying import replay
from threet.cli.why.explanation import Story, explain
from threet.domain.values import Known, Unknown

SAID = "the runs' rows do not sum to what Providence told"


def change_one(engine: Engine, change: dict[str, Any], symbol: str = BTC) -> None:
    """A row of a voting run, by hand: no heartbeat knows of it."""
    with engine.begin() as connection:
        run_id = connection.execute(select(runs.c.id).where(runs.c.symbol == symbol, runs.c.votes.is_(True))).scalars().first()
        assert run_id is not None
        connection.execute(update(runs).where(runs.c.id == run_id).values(**change))


def tell(engine: Engine, change: dict[str, Any], without: str = "") -> None:
    """The heartbeat as it would be of another maker."""
    with engine.begin() as connection:
        told = connection.execute(select(providence_shards.c.by_symbol)).scalar_one()
        by_symbol = {name: {key: value for key, value in {**part, **change}.items() if key != without} for name, part in told.items()}
        connection.execute(update(providence_shards).values(by_symbol=by_symbol))


BY_HAND = [{"position_direction": -1}, {"votes": False}, {"status": "ended"}]


@pytest.mark.parametrize("change", BY_HAND)
def test_a_row_that_differs_holds_its_symbol_and_the_others_trade(desk: Desk, engine: Engine, change: dict[str, Any]) -> None:
    desk.vote({BTC: 8, ETH: -8})
    change_one(engine, change)
    result = desk.cycle()
    assert result.status == "traded", result
    assert [one.symbol for one in result.sent] == [ETH]
    assert desk.held(BTC) == 0 > desk.held(ETH)
    assert desk.target(BTC)["kind"] == "Hold"
    assert desk.target(BTC)["reason"].startswith(f"votes: {SAID}: ")
    record = desk.store.decisions(1)[0]
    assert replay(record).is_equal
    votes = inputs_from_json(record.inputs).votes
    assert isinstance(votes, Known)
    assert isinstance(votes.value[BTC], Unknown)
    told = [line for section in explain(Story(BTC, record, None, [], None)) for line in section.lines]
    assert len([line for line in told if SAID in line]) >= 2, told
    desk.vote({BTC: 8, ETH: -8})
    assert [one.symbol for one in desk.cycle().sent] == [BTC], "as soon as the two are one again"


def test_what_holds_keeps_its_position(desk: Desk, engine: Engine) -> None:
    desk.vote({BTC: 8})
    desk.cycle()
    held = desk.held(BTC)
    desk.vote({BTC: -8})
    change_one(engine, {"votes": False})
    assert desk.cycle().status == "held"
    assert desk.held(BTC) == held != 0


def test_a_rehearsal_looks_at_the_rows_too(desk: Desk, engine: Engine) -> None:
    desk.cycle()
    desk.vote({BTC: 8, ETH: -8})
    change_one(engine, {"votes": False})
    desk.snapshots.save(desk.account.snapshot())
    found = rehearsed(desk)
    assert [order.correction.symbol for order in found.decision.plan] == [ETH]
    assert SAID in found.decision.by_symbol[BTC].result
    assert isinstance(found.inputs.votes, Known)
    assert isinstance(found.inputs.votes.value[BTC], Unknown)


@pytest.mark.parametrize("left_out", ["direction_sum", "voters"])
def test_a_heartbeat_without_sums_trades_nothing(desk: Desk, engine: Engine, left_out: str) -> None:
    """Of an older Providence: nothing is not zero, or it would close what is held."""
    desk.vote({BTC: 8})
    desk.cycle()
    held = desk.held(BTC)
    tell(engine, {}, without=left_out)
    result = desk.cycle()
    assert (result.status, result.sent) == ("held", []), result
    assert "it does not sum up the votes" in desk.target(BTC)["reason"]
    assert desk.held(BTC) == held != 0


def test_a_heartbeat_that_tells_other_sums_than_the_rows_trades_nothing(desk: Desk, engine: Engine) -> None:
    desk.vote({BTC: 8})
    tell(engine, {"direction_sum": -8, "voters": 8})
    result = desk.cycle()
    assert (result.status, result.sent) == ("held", []), result
    assert SAID in desk.target(BTC)["reason"]


def test_a_flatten_that_a_person_commands_asks_no_row(desk: Desk, engine: Engine) -> None:
    desk.vote({BTC: 8, ETH: -8})
    desk.cycle()
    assert desk.held(BTC) > 0
    desk.vote({BTC: -8, ETH: 8})
    change_one(engine, {"votes": False})
    desk.controls.flatten("somebody", "enough")
    for _ in range(3):
        desk.cycle()
    assert desk.held(BTC) == desk.held(ETH) == 0


def test_only_those_that_would_trade_are_looked_at_and_each_once(desk: Desk) -> None:
    asked: list[list[str]] = []
    real = desk.store.checked_votes

    class Watched:
        def __getattr__(self, name: str) -> Any:
            return getattr(desk.store, name)

        def checked_votes(self, shards: int, newer_than: Any, names: Any) -> Any:
            asked.append(list(names))
            return real(shards, newer_than, names)

    desk.vote({BTC: 8})
    assert desk.cycle(store=Watched()).status == "traded"
    assert desk.cycle(store=Watched()).status == "idle"
    assert asked == [[BTC]]


def test_votes_that_changed_since_they_were_read_are_decided_on_anew(desk: Desk, engine: Engine) -> None:
    """Providence published between the reading and the check: the order follows what rows and heartbeat agree on now."""
    desk.vote({BTC: 8})
    read: list[str] = []

    @event.listens_for(engine, "after_cursor_execute")
    def publish_in_between(*arguments: Any) -> None:
        if "providence_shards" in arguments[2] and "SELECT" in arguments[2] and not read:
            read.append(arguments[2])
            desk.vote({BTC: -8})

    desk.cycle()
    event.remove(engine, "after_cursor_execute", publish_in_between)
    assert desk.held(BTC) < 0
    record = desk.store.decisions(1)[0]
    assert record.targets[BTC]["vote"]["direction_sum"] == -8
    assert replay(record).is_equal
