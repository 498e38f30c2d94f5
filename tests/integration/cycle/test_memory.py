"""What is remembered of a symbol, written by more than one: a person, a cycle, and a cycle whose time has passed."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.integration.cycle.test_cycle import by_hand, until
from tests.integration.cycle.test_time import Changed
from tests.support.cycle import BTC, ETH, Desk

from threet.application.facts import Fill
from threet.domain.symbol_state import SymbolState


def liquidate_short(desk: Desk) -> None:
    desk.simulator.set_price("BTC", "900000")
    until(lambda: desk.held(BTC) == 0, lambda: desk.simulator.mark("BTC"))


def test_a_liquidation_between_the_fills_and_the_snapshot_still_waits_for_a_person(desk):
    desk.vote({BTC: -8})
    desk.cycle()
    assert desk.held(BTC) < 0
    until(lambda: (desk.cycle(), desk.target(BTC)["kind"] == "Target")[1], lambda: None)

    def then_liquidated(start: datetime) -> list[Fill]:
        fills = desk.account.fills_since(start)
        if desk.held(BTC):
            liquidate_short(desk)
            desk.snapshots.save(desk.account.snapshot())
        return fills

    desk.cycle(account=Changed(desk.account, fills_since=then_liquidated))
    assert desk.store.symbol_states()[BTC].locked
    for _ in range(5):
        desk.cycle()
    state = desk.store.symbol_states()[BTC]
    assert state.needs_person
    assert state.locked
    desk.controls.adopt()
    desk.cycle()
    assert not desk.store.symbol_states()[BTC].locked


def test_a_liquidation_while_nothing_ran_and_no_fill_was_ever_seen_waits_for_a_person(desk):
    short = desk.settings.reconciliation.model_copy(update={"fills_overlap_seconds": 0.1})
    desk.settings = desk.settings.model_copy(update={"reconciliation": short})
    by_hand(desk, BTC, Decimal("0.5"))
    pass_venue_time(desk, 0.3)
    desk.snapshots.save(desk.account.snapshot())
    desk.controls.adopt()
    desk.vote({BTC: 0}, warm=False)
    desk.cycle()
    assert desk.store.fills_watermark() is None
    desk.simulator.set_price("BTC", "70000")
    until(lambda: desk.held(BTC) == 0, lambda: desk.simulator.mark("BTC"))
    pass_venue_time(desk, 0.3)
    desk.cycle()
    assert desk.store.symbol_states()[BTC].needs_person


def test_a_person_who_adopts_in_the_middle_of_a_cycle_is_not_overruled(desk):
    desk.vote({BTC: 4})
    desk.cycle()
    by_hand(desk, BTC, Decimal("0.01"))
    desk.cycle()
    assert desk.store.symbol_states()[BTC].locked

    def adopting() -> Any:
        desk.controls.adopt()
        return desk.prices.last_prices()

    result = desk.cycle(prices=Changed(desk.prices, last_prices=adopting))
    assert not desk.store.symbol_states()[BTC].locked
    assert (result.status, result.sent) == ("blocked", [])
    assert BTC in result.reason
    desk.cycle()
    assert not desk.store.symbol_states()[BTC].locked


def test_a_cycle_whose_lease_has_passed_forgets_no_lock(desk):
    """It was stopped after it had read, and another cycle locked the symbol meanwhile."""
    desk.vote({BTC: 8})
    desk.cycle()
    desk.vote({BTC: 8, ETH: 8})

    def stopped_meanwhile() -> Any:
        prices = desk.prices.last_prices()
        lease = desk.store.acquire_lease("reconcile", desk_holder(), 10)
        assert lease is not None
        known = desk.store.symbol_states()
        locked = replace(known.get(BTC, SymbolState(BTC)), lock_reason="liquidated", needs_person=True)
        assert desk.store.save_symbol_states([locked], read=known, lease=lease) == []
        return prices

    orders = len(desk.orders_at_the_venue())
    result = desk.cycle(prices=Changed(desk.prices, last_prices=stopped_meanwhile))
    assert (result.status, result.sent) == ("blocked", [])
    assert len(desk.orders_at_the_venue()) == orders
    assert desk.store.symbol_states()[BTC].needs_person


def desk_holder() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def pass_venue_time(desk: Desk, seconds: float) -> None:
    end = desk.market.exchange_time() + timedelta(seconds=seconds)
    until(lambda: desk.market.exchange_time() > end, lambda: time.sleep(0.02))
