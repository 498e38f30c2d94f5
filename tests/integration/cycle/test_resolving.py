"""`3t order resolve`: a person ends what nothing else can end, on both databases, and who and why stay in the record."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from tests.integration.cycle.test_cycle import until
from tests.integration.cycle.test_risk import with_symbol
from tests.support.cycle import BTC, MASTER, Desk

from threet.application.resolving import NotResolved, Resolver, Word
from threet.application.store import OrderRecord
from threet.domain.values import OrderState, Side

DENIED = "0x" + "d" * 32
NONE, ALL = Word(Decimal(0), "ann@desk", "the venue's support says so"), Word(Decimal("0.01"), "ann@desk", "seen in its books")


def resolver(desk: Desk) -> Resolver:
    return Resolver(
        desk.store, MASTER.address, desk.account.open_orders, expiry_margin=timedelta(seconds=0.2), fills_overlap=timedelta(seconds=60)
    )


def accepted_and_denied(desk: Desk, expired: bool = True) -> OrderRecord:
    """An order that the venue has accepted, as we know, and now says that it never saw."""
    now = desk.market.exchange_time()
    expires_at = now - timedelta(seconds=5) if expired else now + timedelta(seconds=60)
    order = OrderRecord(
        DENIED, 1, BTC, Side.BUY, Decimal("0.01"), Decimal(50_000), False, OrderState.ACCEPTED, expires_at,
        now - timedelta(seconds=13), "why", exchange_order_id="77",
    )  # fmt: skip
    desk.store.import_orders([order])
    return order


def row(desk: Desk) -> OrderRecord:
    return next(order for order in desk.store.orders(10) if order.client_order_id == DENIED)


def test_an_accepted_order_that_the_venue_denies_blocks_its_symbol_until_a_person_ends_it(desk):
    accepted_and_denied(desk)
    desk.vote({BTC: 8})
    for _ in range(3):
        desk.cycle()
    assert row(desk).state is OrderState.ACCEPTED
    assert desk.held(BTC) == 0
    assert resolver(desk).resolve("0xddd", NONE) is OrderState.NOT_EXECUTED
    ended = row(desk)
    assert "ann@desk says at" in ended.text
    assert "not executed, because the venue's support says so" in ended.text
    assert "was accepted, yet the venue does not know it" in ended.text
    time.sleep(0.3)
    desk.cycle()
    desk.cycle()
    assert desk.held(BTC) > 0


def test_said_to_be_executed_while_nothing_changed_the_position_still_decides(desk):
    accepted_and_denied(desk)
    desk.cycle()
    assert resolver(desk).resolve(DENIED, ALL) is OrderState.FILLED
    assert (row(desk).filled_contracts, row(desk).average_price) == (Decimal("0.01"), None)
    assert desk.cycle().unresolved == 0
    part = replace(ALL, executed_contracts=Decimal("0.004"))
    with pytest.raises(NotResolved, match=r"found 0\. There are: none"):
        resolver(desk).resolve(DENIED, part)


def test_a_part_that_was_executed_ends_it_as_cancelled(desk):
    accepted_and_denied(desk)
    desk.cycle()
    assert resolver(desk).resolve(DENIED, replace(ALL, executed_contracts=Decimal("0.004"))) is OrderState.CANCELLED


def test_what_may_still_happen_is_not_for_a_person_to_say(desk):
    accepted_and_denied(desk, expired=False)
    with pytest.raises(NotResolved, match=r"may still be executed until .* unknown"):
        resolver(desk).resolve(DENIED, NONE)
    desk.cycle()
    with pytest.raises(NotResolved, match="may still be executed until"):
        resolver(desk).resolve(DENIED, NONE)
    assert row(desk).state is OrderState.ACCEPTED


@pytest.mark.parametrize("contracts", ["0.011", "-0.001"])
def test_no_more_than_the_order_and_no_less_than_nothing(desk, contracts):
    accepted_and_denied(desk)
    desk.cycle()
    with pytest.raises(NotResolved, match=r"expected executed contracts of 0 to 0\.01"):
        resolver(desk).resolve(DENIED, replace(ALL, executed_contracts=Decimal(contracts)))


def test_the_fills_cannot_be_talked_away(desk):
    desk.vote({BTC: 8})
    desk.cycle()
    [filled] = [order for order in desk.store.orders(10) if order.filled_contracts > 0]
    accepted_and_denied(desk)
    with desk.store._engine.begin() as connection:  # the denied one is now the one that the fills are of
        from threet.adapters.sql.tables import orders

        connection.execute(orders.update().where(orders.c.client_order_id == DENIED).values(exchange_order_id=filled.exchange_order_id))
    desk.snapshots.save(desk.account.snapshot())
    with pytest.raises(NotResolved, match="the venue's fills say that"):
        resolver(desk).resolve(DENIED, NONE)


def test_a_stop_that_rests_is_not_for_a_person_to_end(desk):
    """Its request has expired long ago, which says nothing of a stop: called over, it would rest on and close a later position."""
    with_symbol(desk, stop_loss_percent=Decimal(5))
    desk.vote({BTC: 8})
    until(lambda: bool(desk.store.unsettled_orders()) and desk.store.unsettled_orders()[0].rests, desk.cycle)
    [stop] = desk.store.unsettled_orders()
    until(lambda: desk.market.exchange_time() > stop.expires_at + timedelta(seconds=0.3), lambda: time.sleep(0.05))
    desk.cycle()
    with pytest.raises(NotResolved, match="rests at the venue"):
        resolver(desk).resolve(stop.client_order_id, NONE)
    desk.simulator.fault("http_500", match={"type": "frontendOpenOrders"})
    with pytest.raises(NotResolved, match="whether it rests at the venue could not be read"):
        resolver(desk).resolve(stop.client_order_id, NONE)
    desk.simulator.clear_faults()
    desk.trading.cancel(stop.client_order_id, BTC)
    assert resolver(desk).resolve(stop.client_order_id, NONE) is OrderState.NOT_EXECUTED
