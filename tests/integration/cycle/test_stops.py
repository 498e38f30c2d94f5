"""Stops that rest at the venue: placed behind each position, replaced when it changes, gone with it, and counted as what they are."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.integration.cycle.test_cycle import Killed, until
from tests.integration.cycle.test_risk import set_mark, targets, with_limits, with_symbol
from tests.integration.cycle.test_time import Changed
from tests.support.cycle import BTC, ETH, MASTER, Desk

from threet.application.facts import Fill, OpenOrder
from threet.application.store import OrderRecord
from threet.domain.errors import VenueSilent
from threet.domain.values import OrderState, Side


@pytest.fixture
def stopped(desk: Desk) -> Desk:
    """A desk whose symbols have a stop at five per cent, and that may lose more than the stop does."""
    with_symbol(desk, stop_loss_percent=Decimal(5))
    return desk


def resting(desk: Desk) -> list[OpenOrder]:
    return sorted(desk.account.open_orders(), key=lambda order: int(order.exchange_order_id))


def stops(desk: Desk) -> list[OrderRecord]:
    return [order for order in desk.store.orders(50) if order.is_stop]


def entry_of(desk: Desk, coin: str) -> Decimal:
    return Decimal(desk.simulator.account(MASTER.address)["positions"][coin]["average_entry_price"])


def test_each_position_has_one_reduce_only_stop_on_its_losing_side(stopped):
    stopped.vote({BTC: 8, ETH: -8})
    for _ in range(4):
        stopped.cycle()
    found = {order.symbol: order for order in resting(stopped)}
    assert len(found) == len(resting(stopped)) == 2
    assert all(order.reduce_only for order in found.values())
    assert (found[BTC].side, found[BTC].remaining_contracts) == (Side.SELL, stopped.held(BTC))
    assert (found[ETH].side, found[ETH].remaining_contracts) == (Side.BUY, -stopped.held(ETH))
    placed = {order.symbol: order.trigger_price for order in stops(stopped) if order.trigger_price is not None}
    assert abs(placed[BTC] / entry_of(stopped, "BTC") - Decimal("0.95")) < Decimal("0.0005")
    assert abs(placed[ETH] / entry_of(stopped, "ETH") - Decimal("1.05")) < Decimal("0.0005")


def test_a_resting_stop_keeps_nobody_from_trading_and_follows_the_position(stopped):
    stopped.vote({BTC: 4})
    for _ in range(3):
        stopped.cycle()
    [first] = resting(stopped)
    stopped.vote({BTC: 8})
    for _ in range(4):
        stopped.cycle()
    [second] = resting(stopped)
    assert second.exchange_order_id != first.exchange_order_id
    assert second.remaining_contracts == stopped.held(BTC) > first.remaining_contracts
    old = next(order for order in stops(stopped) if order.client_order_id == first.client_order_id)
    stopped.cycle()
    assert stopped.store.orders(50)
    assert next(o for o in stops(stopped) if o.client_order_id == old.client_order_id).state is OrderState.CANCELLED
    count = len(stopped.orders_at_the_venue())
    stopped.cycle()
    assert len(stopped.orders_at_the_venue()) == count


def test_a_position_is_never_without_its_stop_while_that_is_replaced(stopped):
    stopped.vote({BTC: 4})
    for _ in range(3):
        stopped.cycle()
    stopped.vote({BTC: 8})
    for _ in range(4):
        stopped.cycle()
        assert len(resting(stopped)) >= 1


def test_with_the_position_its_stop_goes(stopped):
    stopped.vote({BTC: 8})
    for _ in range(3):
        stopped.cycle()
    assert len(resting(stopped)) == 1
    stopped.vote({})
    for _ in range(4):
        stopped.cycle()
    assert (stopped.held(BTC), resting(stopped)) == (0, [])
    assert stopped.store.unsettled_orders() == []


def test_a_stop_that_config_takes_back_is_cancelled(stopped):
    stopped.vote({BTC: 8})
    for _ in range(3):
        stopped.cycle()
    with_symbol(stopped, stop_loss_percent=None)
    stopped.cycle()
    stopped.cycle()
    assert resting(stopped) == []
    assert stopped.held(BTC) > 0


def test_a_stop_that_was_executed_is_settled_by_its_fills_and_locks_its_symbol_until_a_person_unlocks(stopped):
    with_limits(stopped, max_daily_loss_percent=Decimal(90), soft_drawdown_percent=Decimal(90), terminal_drawdown_percent=Decimal(95))
    stopped.vote({BTC: 8})
    for _ in range(3):
        stopped.cycle()
    set_mark(stopped, BTC, "0.94")
    stopped.simulator.resume()
    until_flat(stopped)
    stopped.simulator.pause()
    for _ in range(6):
        stopped.cycle()
    [stop] = stops(stopped)
    assert stop.state is OrderState.FILLED
    assert stop.filled_contracts == stop.contracts
    state = stopped.store.symbol_states()[BTC]
    assert state.lock_reason is not None
    assert (state.needs_person, stopped.held(BTC)) == (True, 0)
    assert "only a person unlocks" in targets(stopped, BTC)["target"]["reason"]
    stopped.controls.adopt()
    assert stopped.cycle().status == "traded"
    assert stopped.held(BTC) > 0


def until_flat(desk: Desk) -> None:
    """The venue looks at its triggers by itself."""
    for _ in range(2000):
        if desk.held(BTC) == 0:
            return
        desk.simulator.market()
    assert desk.held(BTC) == 0


def test_a_stop_whose_answer_was_lost_is_found_and_not_placed_again(stopped):
    stopped.vote({BTC: 8})
    stopped.cycle()
    stopped.simulator.fault("lost_answer", count=1, match={"path": "exchange", "type": "order"})
    [sent] = stopped.cycle().sent
    assert sent.state is OrderState.UNKNOWN
    for _ in range(3):
        stopped.cycle()
    assert len(resting(stopped)) == 1
    assert [(order.state, order.rests) for order in stops(stopped)] == [(OrderState.ACCEPTED, True)]


def test_while_the_list_of_open_orders_cannot_be_read_nothing_is_sent(stopped):
    stopped.vote({BTC: 8})
    for _ in range(3):
        stopped.cycle()

    def away() -> Any:
        raise VenueSilent("no answer")

    stopped.vote({BTC: 2})
    result = stopped.cycle(account=Changed(stopped.account, open_orders=away))
    assert result.status == "blocked"
    assert "stops or fills could not be read" in result.reason


def test_a_price_beyond_the_stop_already_is_told(stopped):
    with_symbol(stopped, stop_loss_percent=None)
    with_limits(stopped, max_daily_loss_percent=Decimal(90), soft_drawdown_percent=Decimal(90), terminal_drawdown_percent=Decimal(95))
    stopped.vote({BTC: 8})
    stopped.cycle()
    set_mark(stopped, BTC, "0.9")
    with_symbol(stopped, stop_loss_percent=Decimal(5), no_trade_band_percent=Decimal(100))
    stopped.cycle()
    stopped.cycle()
    assert "is beyond it already" in targets(stopped, BTC)["alert"]
    assert resting(stopped) == []


def test_flatten_closes_the_position_and_takes_its_stop_away(stopped):
    stopped.vote({BTC: 8})
    for _ in range(3):
        stopped.cycle()
    stopped.controls.flatten("a test", "enough")
    for _ in range(4):
        stopped.cycle()
    assert (stopped.held(BTC), resting(stopped), stopped.store.unsettled_orders()) == (0, [], [])


def executed(desk: Desk) -> None:
    """A position with its stop, which the venue has executed since the last cycle."""
    with_limits(desk, max_daily_loss_percent=Decimal(90), soft_drawdown_percent=Decimal(90), terminal_drawdown_percent=Decimal(95))
    desk.vote({BTC: 8})
    for _ in range(3):
        desk.cycle()
    set_mark(desk, BTC, "0.94")
    desk.simulator.resume()
    until_flat(desk)
    desk.simulator.pause()


@pytest.mark.parametrize("last_words", ["save_fills", "save_symbol_states", "record_outcome"])
def test_a_process_that_ends_while_it_settles_an_executed_stop_leaves_the_lock_to_the_next(stopped, last_words):
    """The votes that led into the loss still stand: between the end of the stop and its lock nothing may slip through."""
    executed(stopped)
    real = getattr(stopped.store, last_words)

    def then_killed(*arguments: Any, **named: Any) -> Any:
        real(*arguments, **named)
        raise Killed

    count = len(stopped.orders_at_the_venue())
    with pytest.raises(Killed):
        stopped.cycle(store=Changed(stopped.store, **{last_words: then_killed}))
    for _ in range(6):
        stopped.cycle()
    assert stopped.store.symbol_states()[BTC].needs_person
    assert (stopped.held(BTC), len(stopped.orders_at_the_venue())) == (0, count)


def test_a_stop_that_the_venue_denies_is_no_stop(stopped):
    """It is not listed, and by its id the venue says that it never saw it: the position has none, and somebody has to hear of it."""
    stopped.vote({BTC: 8})
    for _ in range(3):
        stopped.cycle()
    denied = Changed(stopped.account, open_orders=list, order=lambda client_order_id, name: None)
    until_expired(stopped)
    result = stopped.cycle(account=denied)
    assert result.unresolved == 1
    assert "no known end" in targets(stopped, BTC)["result"]
    [stop] = stops(stopped)
    assert "the venue does not know it" in stop.text


def until_expired(desk: Desk) -> None:
    """The request of the stop, which is all that expires."""
    [stop] = stops(desk)
    until(lambda: desk.market.exchange_time() > stop.expires_at + timedelta(seconds=0.2), lambda: time.sleep(0.05))


def test_a_stop_that_rested_for_weeks_is_settled_without_reading_the_fills_of_weeks(stopped):
    """The venue keeps the last 10,000 fills alone, and the pages of weeks would cost more than a cycle may ask."""
    executed(stopped)
    with stopped.store._engine.begin() as connection:
        from threet.adapters.sql.tables import orders

        weeks_ago = stopped.clock.now() - timedelta(days=40)
        connection.execute(orders.update().where(orders.c.trigger_price.is_not(None)).values(created_at=weeks_ago, expires_at=weeks_ago))
    asked: list[datetime] = []

    def fills_since(start: datetime) -> list[Fill]:
        asked.append(start)
        return stopped.account.fills_since(start)

    stopped.cycle(account=Changed(stopped.account, fills_since=fills_since))
    [stop] = stops(stopped)
    assert (stop.state, stop.filled_contracts) == (OrderState.FILLED, stop.contracts)
    assert min(asked) > stopped.clock.now() - timedelta(days=1)
