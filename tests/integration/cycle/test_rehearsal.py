"""A rehearsal decides what the next cycle decides, and leaves no trace: not in the database, not at the venue."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, text
from tests.support.cycle import BTC, ETH, Desk

from threet.adapters.sql import tables
from threet.application.gathering import Gatherer
from threet.application.records import plan_to_json
from threet.application.rehearsal import ReadOnlySequences, Rehearsed, rehearse


def rehearsed(desk: Desk) -> Rehearsed:
    parts = desk.parts()
    gatherer = Gatherer(parts.store, parts.market, parts.account, parts.prices, parts.observers, parts.terms)
    return rehearse(parts.store, gatherer, desk.clock.now, desk.halt.reason)


def contents(engine: Engine) -> dict[str, list[Any]]:
    with engine.connect() as connection:
        quote = engine.dialect.identifier_preparer.quote
        return {name: sorted(map(str, connection.execute(text(f"SELECT * FROM {quote(name)}")))) for name in tables.metadata.tables}


def test_it_decides_what_the_next_cycle_sends_and_leaves_no_trace(desk: Desk, engine: Engine) -> None:
    desk.vote({BTC: 8, ETH: -8})
    desk.cycle()
    desk.vote({BTC: -4, ETH: 0})
    desk.snapshots.save(desk.account.snapshot())
    before, sent = contents(engine), len(desk.simulator.actions())
    found = rehearsed(desk)
    assert contents(engine) == before
    assert len(desk.simulator.actions()) == sent
    assert found.halted is None
    desk.cycle()
    planned = plan_to_json(found.decision)
    assert planned
    assert planned == list(desk.store.decisions(1)[0].plan)


def test_it_tells_that_a_halt_would_keep_it_from_sending(desk: Desk) -> None:
    desk.cycle()
    desk.vote({BTC: 8})
    desk.snapshots.save(desk.account.snapshot())
    desk.halt.halt("somebody", "lunch")
    found = rehearsed(desk)
    assert found.halted is not None
    assert "lunch" in found.halted
    assert found.decision.plan


@pytest.mark.parametrize(("sequence", "accepted"), [(8, True), (7, False)])
def test_the_sequences_of_observers_are_judged_and_not_raised(sequence: int, accepted: bool) -> None:
    kept = {"key": 7}
    sequences = ReadOnlySequences(kept.__getitem__)
    assert sequences.raise_to("key", sequence) is accepted
    assert kept == {"key": 7}
