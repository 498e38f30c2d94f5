"""Times of different clocks in one cycle: what is late, slow or ahead must not look fresh, over or done."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.integration.cycle.test_cycle import Killed, TradingThat, die, until
from tests.support.clocks import AheadClock
from tests.support.cycle import BTC

from threet.domain.values import Known, OrderState


class Changed:
    """The real thing, with some of its methods replaced."""

    def __init__(self, real: Any, **methods: Any) -> None:
        self._real = real
        self.__dict__.update(methods)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def test_a_slow_answer_of_the_venues_clock_does_not_make_an_order_look_expired(desk):
    """The request was long on its way out: the time in the answer is new, and must not be aged by that way."""
    desk.vote({BTC: 8})
    with pytest.raises(Killed):
        desk.cycle(trading=TradingThat(desk.trading, before=die))
    clock = AheadClock()

    def slowly() -> Any:
        clock.take(4.5)
        return desk.market.exchange_time()

    desk.cycle(clock=clock, market=Changed(desk.market, exchange_time=slowly))
    [order] = desk.store.orders(5)
    assert not order.state.is_final, "it may still be on its way to the venue"


def test_a_venues_clock_that_is_told_ahead_for_once_ends_no_order_that_lives(desk):
    """Ahead by less than stops the cycle, and by more than the expiry's margin."""
    desk.vote({BTC: 8})
    with pytest.raises(Killed):
        desk.cycle(trading=TradingThat(desk.trading, before=die))
    ahead = Changed(desk.market, exchange_time=lambda: desk.market.exchange_time() + timedelta(seconds=4.5))
    desk.cycle(market=ahead)
    [order] = desk.store.orders(5)
    assert not order.state.is_final, "it may still be on its way to the venue"


def test_an_order_expires_by_the_venues_clock_however_slowly_that_was_read(desk):
    desk.vote({BTC: 8})
    clock = AheadClock()

    def slowly() -> Any:
        clock.take(1.5)
        return desk.market.exchange_time()

    desk.cycle(clock=clock, market=Changed(desk.market, exchange_time=slowly))
    [order] = desk.store.orders(5)
    assert order.expires_at <= desk.market.exchange_time() + timedelta(seconds=2)
    assert order.state is OrderState.FILLED


def test_what_was_fresh_when_the_reading_began_is_stale_when_it_took_long(desk):
    desk.vote({BTC: 8})
    clock = AheadClock()
    told = {name: replace(price, as_of=clock.now() - timedelta(seconds=8)) for name, price in desk.prices.last_prices().items()}

    def observe_slowly() -> Any:
        clock.pass_by(3)
        return desk.observers[0].observe()

    slow = Changed(desk.observers[0], name="a", observe=observe_slowly)
    desk.cycle(clock=clock, prices=Changed(desk.prices, last_prices=lambda: told), observers=[slow, *desk.observers[1:]])
    target = desk.target(BTC)
    assert target["kind"] == "Hold"
    assert "price" in target["reason"]


def test_a_price_of_a_clock_that_runs_ahead_is_not_fresh_for_ever(desk):
    desk.vote({BTC: 8})
    ahead = {
        name: Known(price.value, price.as_of + timedelta(seconds=3600), price.source) for name, price in desk.prices.last_prices().items()
    }
    desk.cycle(prices=Changed(desk.prices, last_prices=lambda: ahead))
    assert desk.target(BTC)["kind"] == "Hold"
    assert "future" in desk.target(BTC)["reason"]


def test_a_heartbeat_of_a_clock_that_runs_ahead_is_no_sign_of_life(desk):
    ahead = AheadClock()
    ahead.pass_by(3600)
    honest, desk.clock = desk.clock, ahead
    desk.vote({BTC: 8})
    desk.clock = honest
    desk.cycle()
    assert desk.target(BTC)["kind"] == "Hold"
    assert "future" in desk.target(BTC)["reason"]


@pytest.mark.parametrize("seconds", [60, -60])
def test_fills_whose_times_cannot_be_are_no_answer(desk, seconds):
    """Ahead, no source would be later than them for a minute; behind, the position would have changed by nothing that we did."""
    desk.simulator.fault("skewed_clock", seconds=seconds, match={"type": "userFillsByTime"})
    desk.vote({BTC: 8})
    assert desk.cycle().unresolved == 1
    told = desk.cycle()
    assert (told.status, told.unresolved) == ("blocked", 1)
    assert "expected a time that has been" in told.reason or "after its order" in told.reason
    desk.simulator.clear_faults()
    until(lambda: desk.cycle().status == "idle", lambda: None)
    assert desk.held(BTC) > 0
    assert desk.store.unsettled_orders() == []
    assert desk.store.symbol_states()[BTC].lock_reason is None


def test_a_cycle_that_may_not_open_does_not_say_that_all_is_at_its_target(desk):
    desk.simulator.fault("http_500", match={"type": "userNonFundingLedgerUpdates"})
    desk.vote({BTC: 8})
    told = desk.cycle()
    assert told.status == "idle"
    assert "nothing may grow" in told.reason
    assert "transfers could not be read" in told.reason
