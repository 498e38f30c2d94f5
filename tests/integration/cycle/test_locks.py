"""A locked symbol trades nothing while the sources disagree, only reduces while it is locked, and says who locked it and why."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.integration.cycle.test_cycle import by_hand, until
from tests.integration.cycle.test_time import Changed
from tests.support.cycle import BTC, ETH, Desk

from threet.application.locking import Locks, NotChanged
from threet.domain.symbol_state import SymbolState


def locks(desk: Desk) -> Locks:
    return Locks(desk.store, desk.settings.database.write_retries)


def locked_externally(desk: Desk) -> SymbolState:
    """BTC, with a position of ours and something that a stranger added."""
    desk.vote({BTC: 4})
    desk.cycle()
    until(lambda: desk.store.decisions(1)[0].targets[BTC]["agreed"], desk.cycle)
    by_hand(desk, BTC, Decimal("0.01"))
    until(lambda: desk.store.symbol_states()[BTC].locked, desk.cycle)
    return desk.store.symbol_states()[BTC]


def test_a_lock_records_what_each_source_said_and_opens_after_k_agreeing_rounds(desk):
    state = locked_externally(desk)
    assert state.lock_sources is not None
    assert [part.split()[0] for part in state.lock_sources.split(", ")] == ["a", "b", "c", "local"]
    assert {Decimal(part.split()[1]) for part in state.lock_sources.split(", ")} == {state.agreed_contracts}
    rounds = 0
    while desk.store.symbol_states()[BTC].locked:
        assert desk.store.symbol_states()[BTC].agreeing_rounds == rounds
        desk.cycle()
        rounds += desk.store.decisions(1)[0].targets[BTC]["agreed"]
        assert rounds <= desk.settings.reconciliation.unlock_after_rounds
    assert rounds == desk.settings.reconciliation.unlock_after_rounds


def test_a_locked_symbol_trades_nothing_while_a_source_dissents_and_counts_from_the_start_after(desk):
    locked_externally(desk)
    desk.vote({BTC: 0})
    desk.observers[1].lie[BTC] = Decimal(7)
    for _ in range(desk.settings.reconciliation.unlock_after_rounds + 1):
        assert desk.cycle().sent == []
    state = desk.store.symbol_states()[BTC]
    assert (state.locked, state.agreeing_rounds) == (True, 0)


def test_a_locked_symbol_reduces_and_does_not_grow(desk):
    desk.vote({BTC: 4, ETH: 4})
    desk.cycle()
    before = desk.held(BTC)
    locks(desk).lock(BTC, seconds=3600, who="ann@desk", why="news")
    desk.vote({BTC: 8, ETH: 8})
    until(lambda: desk.store.decisions(1)[0].targets[BTC]["target"]["kind"] == "ReduceOnly", desk.cycle)
    desk.cycle()
    assert desk.held(BTC) == before
    assert "by ann@desk until" in desk.store.decisions(1)[0].targets[BTC]["locked"]
    assert desk.store.decisions(1)[0].targets[ETH]["locked"] is None
    desk.vote({BTC: 0})
    until(lambda: desk.held(BTC) == 0, desk.cycle)


def test_a_persons_lock_expires_by_itself(desk):
    desk.vote({BTC: 8})
    locks(desk).lock(BTC, seconds=2, who="ann@desk", why="news")
    desk.cycle()
    assert desk.held(BTC) == 0
    assert desk.target(BTC)["kind"] == "ReduceOnly"
    until(lambda: desk.held(BTC) > 0, desk.cycle)
    assert desk.store.symbol_states()[BTC].manual_reason is None


def test_unlocking_opens_a_lock_that_waits_for_a_person_and_stays_in_the_record(desk):
    locked_externally(desk)
    known = desk.store.symbol_states()
    assert desk.store.save_symbol_states([replace(known[BTC], needs_person=True)], read=known) == []
    before = locks(desk).unlock(BTC, who="ann@desk", why="my own trade")
    assert before is not None
    assert before.needs_person
    desk.cycle()
    state = desk.store.symbol_states()[BTC]
    assert not state.locked
    assert state.unlocked is not None
    assert state.unlocked.startswith("ann@desk at ")
    assert "my own trade; it was locked: position changed by 0.01" in state.unlocked
    assert locks(desk).unlock(BTC, who="ann@desk", why="again") is None


def test_a_person_who_locks_in_the_middle_of_a_cycle_stops_what_that_one_wanted(desk):
    desk.vote({BTC: 8})

    def locking() -> Any:
        locks(desk).lock(BTC, seconds=3600, who="ann@desk", why="news")
        return desk.prices.last_prices()

    result = desk.cycle(prices=Changed(desk.prices, last_prices=locking))
    assert (result.status, result.sent) == ("blocked", [])
    assert desk.held(BTC) == 0
    assert desk.store.symbol_states()[BTC].manual_by == "ann@desk"


def test_a_misspelt_symbol_is_refused_and_the_known_ones_are_named(desk):
    with pytest.raises(NotChanged, match=f"expected one of .*{BTC}.* was BTC/USDC"):
        locks(desk).lock("BTC/USDC", seconds=60, who="ann", why="x")
    with pytest.raises(NotChanged, match="was btc/usdc:usdc"):
        locks(desk).unlock("btc/usdc:usdc", who="ann", why="x")
    assert desk.store.symbol_states() == {}


def test_adopting_leaves_a_persons_lock_in_place(desk):
    desk.vote({BTC: 4})
    desk.cycle()
    locks(desk).lock(BTC, seconds=3600, who="ann@desk", why="news")
    desk.controls.adopt()
    assert desk.store.symbol_states()[BTC].manual_reason == "news"
