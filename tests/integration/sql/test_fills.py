"""Fills are kept once, and the watermark only rises."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.integration.sql.facts import BTC, ETH, NOON, fill, order, seconds

from threet.adapters.sql import SqlCycleStore
from threet.application.store import IntentFacts, RecordedFill
from threet.domain.values import OrderState


def agree(_: IntentFacts) -> None:
    """A check that has no objection."""


def test_fills_are_read_back_as_they_were_written(store: SqlCycleStore) -> None:
    given = [fill(1), fill(2, symbol=ETH, is_liquidation=True, client_order_id=None)]
    assert store.save_fills(given, NOON) == given
    assert store.fills_after(NOON) == [RecordedFill(one, ours=False) for one in given]


def test_a_fill_is_new_only_once(store: SqlCycleStore) -> None:
    store.save_fills([fill(1)], NOON)
    assert store.save_fills([fill(1), fill(2), fill(2)], NOON) == [fill(2)]
    assert len(store.fills_after(NOON)) == 2


def test_the_watermark_is_the_newest_exchange_time_and_never_falls(store: SqlCycleStore) -> None:
    assert store.fills_watermark() is None
    assert store.save_fills([], NOON) == []
    assert store.fills_watermark() is None
    store.save_fills([fill(5), fill(3)], NOON)
    assert store.fills_watermark() == NOON + seconds(5)
    store.save_fills([fill(4)], NOON)
    assert store.fills_watermark() == NOON + seconds(5)


def test_the_last_fill_of_each_symbol(store: SqlCycleStore) -> None:
    store.save_fills([fill(1), fill(3), fill(2, symbol=ETH)], NOON)
    assert store.last_fill_times() == {BTC: NOON + seconds(3), ETH: NOON + seconds(2)}


def test_fills_after_a_time_leave_out_that_time_and_come_oldest_first(store: SqlCycleStore) -> None:
    store.save_fills([fill(3), fill(1), fill(2)], NOON)
    assert [one.fill.fill_id for one in store.fills_after(NOON + seconds(1))] == ["2", "3"]


def test_a_fill_is_ours_by_either_id(store: SqlCycleStore) -> None:
    lease = store.acquire_lease("reconcile", "me", 60)
    assert lease is not None
    store.commit_intent(order(1), lease, agree)
    store.commit_intent(order(2, exchange_order_id="e-two"), lease, agree)
    by_client_id = fill(1)
    by_exchange_id = fill(2, client_order_id=None, exchange_order_id="e-two")
    strange = fill(3, client_order_id=None, exchange_order_id="e-other")
    store.save_fills([by_client_id, by_exchange_id, strange], NOON)
    assert [one.ours for one in store.fills_after(NOON)] == [True, True, False]


def test_an_order_without_an_exchange_id_does_not_claim_a_fill_without_a_client_id(store: SqlCycleStore) -> None:
    lease = store.acquire_lease("reconcile", "me", 60)
    assert lease is not None
    store.commit_intent(order(1), lease, agree)
    store.save_fills([fill(9, client_order_id=None, exchange_order_id="e9")], NOON)
    assert [one.ours for one in store.fills_after(NOON)] == [False]


@pytest.mark.parametrize(("state", "expected"), [(OrderState.CANCELLED, "0.3"), (OrderState.NOT_EXECUTED, "0"), (OrderState.ACCEPTED, "0")])
def test_a_fill_after_the_end_is_added_to_its_order_once(store: SqlCycleStore, state: OrderState, expected: str) -> None:
    first = fill(1, contracts=Decimal("0.1"), price=Decimal(100))
    late = fill(2, client_order_id=first.client_order_id, contracts=Decimal("0.2"), price=Decimal(400))
    ended = order(1, state=state, filled_contracts=Decimal("0.1" if state is OrderState.CANCELLED else "0"), text="by its fills")
    store.import_orders([ended])
    store.save_fills([first], NOON)
    assert store.orders(1) == [ended]
    for _ in range(2):
        store.save_fills([first, late], NOON)
    kept = store.orders(1)[0]
    assert (kept.state, kept.filled_contracts) == (state, Decimal(expected))
    if state is OrderState.CANCELLED:
        assert kept.average_price == 300
        assert kept.text == "by its fills; 0.2 more by fills that came after its end"
    else:
        assert kept == ended
