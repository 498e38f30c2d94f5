"""What is remembered of a symbol, written by more than one: a person, a cycle, and a cycle whose time has passed."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import delete
from tests.integration.cycle.test_cycle import Killed, TradingThat, by_hand, until
from tests.integration.cycle.test_time import Changed
from tests.support.cycle import BTC, ETH, Desk

from threet.adapters.sql import SqlCycleStore
from threet.adapters.sql.tables import leases, products
from threet.application.facts import Fill, OrderAnswer, OrderRequest
from threet.application.settlement import Settlement, Settler
from threet.domain.errors import VenueRefused, VenueSilent
from threet.domain.symbol_state import SymbolState
from threet.domain.values import OrderState, Symbol

SKEW = timedelta(seconds=5)


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


@pytest.mark.parametrize("last_words", ["save_fills", "save_symbol_states"])
def test_a_process_that_ends_when_it_has_just_seen_a_liquidation_leaves_the_lock_to_the_next(desk, last_words):
    """By its time alone the fill is older than what was agreed on: only its first sight locks."""
    desk.vote({BTC: -8})
    desk.cycle()
    until(lambda: (desk.cycle(), desk.target(BTC)["kind"] == "Target")[1], lambda: None)
    liquidate_short(desk)
    pass_venue_time(desk, 0.1)
    unseen = Changed(desk.account, fills_since=lambda start: [fill for fill in desk.account.fills_since(start) if not fill.is_liquidation])
    desk.cycle(account=unseen)
    state = desk.store.symbol_states()[BTC]
    assert (state.agreed_contracts, state.needs_person) == (0, False)
    real = getattr(desk.store, last_words)

    def then_killed(*arguments: Any, **named: Any) -> Any:
        real(*arguments, **named)
        raise Killed

    with pytest.raises(Killed):
        desk.cycle(store=Changed(desk.store, **{last_words: then_killed}))
    desk.cycle()
    assert desk.store.symbol_states()[BTC].needs_person


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


def test_a_fill_of_an_order_that_was_said_to_be_refused_locks_the_symbol(desk):
    """The books say that nothing happened and the venue says otherwise: somebody has to look."""
    desk.vote({BTC: 8})

    def executed_and_denied(request: OrderRequest) -> OrderAnswer:
        desk.trading.submit(request)
        raise VenueRefused("nothing happened")

    desk.cycle(trading=Changed(desk.trading, submit=executed_and_denied))
    assert desk.store.orders(1)[0].state is OrderState.REJECTED
    desk.cycle()
    until(lambda: desk.store.decisions(1)[0].targets[BTC]["agreed"], desk.cycle)
    assert desk.store.symbol_states()[BTC].locked


def test_a_worker_that_was_stopped_before_its_send_and_revived_too_late_sends_nothing(desk, caplog):
    """Stopped after the commit; meanwhile the order expired and another cycle settled it."""
    settled: list[OrderState] = []

    def stopped() -> None:
        if settled:
            return
        pass_venue_time(desk, 2.5)
        lease = desk.store.acquire_lease("reconcile", desk_holder(), 10)
        assert lease is not None
        Settler(
            desk.store, desk.account, expiry_margin=timedelta(seconds=0.2), fills_overlap=timedelta(seconds=60), max_clock_skew=SKEW
        ).settle(desk.market.exchange_time(), desk.clock.now())
        settled.append(desk.store.orders(1)[0].state)

    desk.vote({BTC: 8, ETH: 8})
    with caplog.at_level("INFO", "threet.application"):
        result = desk.cycle(trading=TradingThat(desk.trading, before=stopped))
    assert settled == [OrderState.NOT_EXECUTED]
    assert result.status == "overtaken"
    assert result.reason.startswith("overtaken: order 0x")
    assert "ended as NOT_EXECUTED, it cannot become REJECTED" in result.reason
    assert [one.overtaken for one in result.sent] == [True]
    assert [(line.levelname, line.exc_info) for line in caplog.records if "overtaken" in line.message] == [("WARNING", None)]
    assert [one.state for one in desk.store.orders(5)] == [OrderState.NOT_EXECUTED]
    assert desk.orders_at_the_venue() == []
    assert desk.held(BTC) == 0


def test_an_order_that_another_cycle_settles_while_this_one_looks_it_up_keeps_what_that_one_wrote(desk, caplog):
    desk.vote({BTC: 8})
    desk.simulator.fault("http_500", count=1, match={"path": "exchange", "type": "order"})
    desk.cycle()
    assert desk.store.orders(1)[0].state is OrderState.UNKNOWN
    pass_venue_time(desk, 2.5)

    def settle(account: Any) -> Settlement:
        settler = Settler(
            desk.store, account, expiry_margin=timedelta(seconds=0.2), fills_overlap=timedelta(seconds=60), max_clock_skew=SKEW
        )
        return settler.settle(desk.market.exchange_time(), desk.clock.now())

    def overtaken(client_order_id: str, name: Symbol) -> OrderAnswer:
        settle(desk.account)
        raise VenueSilent("no answer")

    with caplog.at_level("WARNING", "threet.application"):
        settlement = settle(Changed(desk.account, order=overtaken))
    assert (settlement.settled, settlement.open_orders, settlement.problems) == (1, [], [])
    assert desk.store.orders(1)[0].state is OrderState.NOT_EXECUTED
    assert [line.exc_info for line in caplog.records if "another cycle was faster" in line.message] == [None]


def test_a_leverage_above_the_venues_own_limit_does_not_keep_a_symbol_from_trading(desk):
    generous = desk.settings.symbol_defaults.model_copy(update={"leverage": 90})
    desk.settings = desk.settings.model_copy(update={"symbol_defaults": generous})
    products = [replace(product, max_leverage=90) for product in desk.products.all()]
    desk.vote({BTC: 8})
    desk.cycle(store=Changed(desk.store, products=lambda: products))
    assert desk.held(BTC) > 0


def test_a_cycle_whose_time_has_passed_adopts_no_account_that_was_flat_when_it_looked(desk):
    """Stopped for minutes on a first start: meanwhile a person opened a position by hand, which is for a person to adopt."""
    desk.vote({BTC: 4})

    def overtaken() -> Any:
        with desk.store._engine.begin() as connection:
            connection.execute(leases.update().values(token=leases.c.token + 1))
        return desk.prices.last_prices()

    result = desk.cycle(prices=Changed(desk.prices, last_prices=overtaken))
    assert (result.status, desk.orders_at_the_venue()) == ("blocked", [])
    assert desk.store.control().adopted_account is None
    by_hand(desk, BTC, Decimal("0.01"))
    for _ in range(5):
        desk.cycle()
    assert desk.held(BTC) == Decimal("0.01")
    assert "`3t adopt`" in desk.store.decisions(1)[0].targets[BTC]["result"]


def test_a_product_that_was_taken_out_long_ago_has_no_fills_read_again_in_every_cycle(desk, engine, monkeypatch):
    desk.vote({BTC: 4})
    desk.cycle()
    desk.vote({})
    until(lambda: desk.held(BTC) == 0 and desk.store.decisions(1)[0].targets[BTC]["agreed"], desk.cycle)
    with engine.begin() as connection:
        connection.execute(delete(products).where(products.c.symbol == BTC))
    left = desk.store.symbol_states()[BTC].agreed_at
    desk.vote({ETH: 4})
    until(lambda: desk.store.symbol_states()[ETH].agreed_at > left, desk.cycle)
    asked, read = [], SqlCycleStore.fills_after

    def noted(store, after):
        asked.append(after)
        return read(store, after)

    monkeypatch.setattr(SqlCycleStore, "fills_after", noted)
    desk.cycle()
    assert min(asked) > left
    assert desk.store.symbol_states()[BTC].agreed_at == left
