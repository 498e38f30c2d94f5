"""One decision, one order (I4): the intent's transaction, and the life of an order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import Engine
from tests.integration.sql.facts import BTC, ETH, NOON, order, seconds

from threet.adapters.sql import SqlCycleStore
from threet.adapters.sql.tables import leases
from threet.application.store import AlreadySettled, IntentFacts, IntentRefused, Lease
from threet.domain.order_life import STEPS, ForbiddenStep
from threet.domain.values import OrderState, Side, Symbol

FINAL = [state for state in OrderState if state.is_final]


@pytest.fixture
def lease(store: SqlCycleStore) -> Lease:
    lease = store.acquire_lease("reconcile", "me", 60)
    assert lease is not None
    return lease


def agree(_: IntentFacts) -> None:
    """A check that has no objection."""


def outcome(
    store: SqlCycleStore,
    number: int,
    state: OrderState,
    *,
    settled_at: datetime | None = None,
    filled: str = "0",
    by_person: bool = False,
) -> None:
    store.record_outcome(
        order(number).client_order_id,
        state,
        exchange_order_id=f"e{number}",
        filled_contracts=Decimal(filled),
        average_price=None,
        text="told so",
        settled_at=settled_at,
        by_person=by_person,
    )


def test_an_intent_is_read_back_as_it_was_written(store: SqlCycleStore, lease: Lease) -> None:
    store.commit_intent(order(), lease, agree)
    assert store.unsettled_orders() == [order()]
    assert store.orders(10) == [order()]


def test_the_check_sees_the_unsettled_orders_and_its_objection_writes_nothing(store: SqlCycleStore, lease: Lease) -> None:
    store.commit_intent(order(1), lease, agree)
    seen: list[str] = []

    def object_to(facts: IntentFacts) -> None:
        seen.extend(one.client_order_id for one in facts.unsettled)
        raise IntentRefused("over the cap")

    with pytest.raises(IntentRefused, match="over the cap"):
        store.commit_intent(order(2), lease, object_to)
    assert seen == [order(1).client_order_id]
    assert store.orders(10) == [order(1)]


def test_the_same_client_order_id_is_refused(store: SqlCycleStore, lease: Lease) -> None:
    store.commit_intent(order(), lease, agree)
    with pytest.raises(IntentRefused, match="there already"):
        store.commit_intent(order(), lease, agree)
    assert len(store.orders(10)) == 1


def test_the_same_client_order_id_is_refused_after_it_ended(store: SqlCycleStore, lease: Lease) -> None:
    store.commit_intent(order(), lease, agree)
    outcome(store, 1, OrderState.REJECTED, settled_at=NOON)
    with pytest.raises(IntentRefused, match="there already"):
        store.commit_intent(order(), lease, agree)


def test_a_lease_that_another_took_over_commits_nothing(store: SqlCycleStore, lease: Lease) -> None:
    store.release_lease(lease)
    assert store.acquire_lease("reconcile", "you", 60) is not None
    with pytest.raises(IntentRefused, match="belongs to another"):
        store.commit_intent(order(), lease, agree)
    assert store.orders(10) == []


def test_an_older_token_of_the_same_holder_commits_nothing(store: SqlCycleStore, lease: Lease) -> None:
    assert store.acquire_lease("reconcile", "me", 60) is not None
    with pytest.raises(IntentRefused, match="belongs to another"):
        store.commit_intent(order(), lease, agree)


def test_a_lease_that_is_past_commits_nothing(store: SqlCycleStore, lease: Lease, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(leases.update().values(expires_at=datetime(2020, 1, 1, tzinfo=UTC)))
    with pytest.raises(IntentRefused, match="ended at"):
        store.commit_intent(order(), lease, agree)


def test_a_lease_that_never_was_commits_nothing(store: SqlCycleStore, lease: Lease) -> None:
    with pytest.raises(IntentRefused, match="belongs to another"):
        store.commit_intent(order(), replace(lease, name="other"), agree)


def test_halted_commits_nothing(store: SqlCycleStore, lease: Lease) -> None:
    store.set_halt(True, "stop")
    for reduce_only in (False, True):
        with pytest.raises(IntentRefused, match="halted: stop"):
            store.commit_intent(order(reduce_only=reduce_only), lease, agree)
    assert store.orders(10) == []


def test_halted_with_a_flatten_wanted_commits_only_what_reduces(store: SqlCycleStore, lease: Lease) -> None:
    store.set_halt(True, "stop")
    store.set_flatten("close all")
    store.commit_intent(order(1, reduce_only=True), lease, agree)
    with pytest.raises(IntentRefused, match="halted"):
        store.commit_intent(order(2, reduce_only=False), lease, agree)


def test_only_an_intent_is_committed_as_one(store: SqlCycleStore, lease: Lease) -> None:
    with pytest.raises(ValueError, match="INTENT"):
        store.commit_intent(order(state=OrderState.ACCEPTED), lease, agree)


def test_an_outcome_is_kept(store: SqlCycleStore, lease: Lease) -> None:
    store.commit_intent(order(), lease, agree)
    store.record_outcome(
        order().client_order_id,
        OrderState.FILLED,
        exchange_order_id="77",
        filled_contracts=Decimal("0.12"),
        average_price=Decimal("60001.25"),
        text="filled",
        settled_at=NOON + seconds(1),
    )
    expected = order(
        state=OrderState.FILLED,
        exchange_order_id="77",
        filled_contracts=Decimal("0.12"),
        average_price=Decimal("60001.25"),
        text="filled",
        settled_at=NOON + seconds(1),
    )
    assert store.orders(10) == [expected]
    assert store.unsettled_orders() == []


@pytest.mark.parametrize("state", [OrderState.ACCEPTED, OrderState.UNKNOWN])
def test_what_is_not_final_stays_unsettled(store: SqlCycleStore, lease: Lease, state: OrderState) -> None:
    store.commit_intent(order(), lease, agree)
    outcome(store, 1, state)
    assert [one.state for one in store.unsettled_orders()] == [state]


@pytest.mark.parametrize("final", FINAL)
def test_a_final_state_is_never_left(store: SqlCycleStore, lease: Lease, final: OrderState) -> None:
    store.commit_intent(order(), lease, agree)
    outcome(store, 1, final, settled_at=NOON)
    for other in OrderState:
        if other is not final:
            with pytest.raises(AlreadySettled, match="cannot become"):
                outcome(store, 1, other)
    assert [one.state for one in store.orders(1)] == [final]


@pytest.mark.parametrize("final", FINAL)
def test_the_same_final_state_may_be_recorded_again(store: SqlCycleStore, lease: Lease, final: OrderState) -> None:
    store.commit_intent(order(), lease, agree)
    outcome(store, 1, final, settled_at=NOON)
    outcome(store, 1, final, settled_at=NOON, filled="0.1")
    assert store.orders(1)[0].filled_contracts == Decimal("0.1")


FORBIDDEN = [(old, new) for old in STEPS for new in OrderState if new not in STEPS[old]]


@pytest.mark.parametrize(("old", "new"), FORBIDDEN)
def test_a_forbidden_step_changes_nothing(store: SqlCycleStore, lease: Lease, old: OrderState, new: OrderState) -> None:
    store.commit_intent(order(), lease, agree)
    if old is not OrderState.INTENT:
        outcome(store, 1, old, settled_at=NOON if old.is_final else None, filled="0.1")
    before = store.orders(1)
    with pytest.raises((AlreadySettled, ForbiddenStep), match=f"{old}, it cannot become {new}"):
        outcome(store, 1, new, settled_at=NOON + seconds(1), filled="0.2")
    assert store.orders(1) == before


def test_only_a_person_ends_an_accepted_order_as_not_executed(store: SqlCycleStore, lease: Lease) -> None:
    store.commit_intent(order(), lease, agree)
    outcome(store, 1, OrderState.ACCEPTED)
    with pytest.raises(ForbiddenStep):
        outcome(store, 1, OrderState.NOT_EXECUTED, settled_at=NOON)
    outcome(store, 1, OrderState.NOT_EXECUTED, settled_at=NOON, by_person=True)
    assert store.orders(1)[0].state is OrderState.NOT_EXECUTED


def test_the_outcome_of_no_order_is_an_error(store: SqlCycleStore) -> None:
    with pytest.raises(LookupError, match="no order"):
        outcome(store, 1, OrderState.FILLED)


def test_a_venues_endless_text_is_cut_and_not_lost(store: SqlCycleStore, lease: Lease) -> None:
    store.commit_intent(order(), lease, agree)
    store.record_outcome(
        order().client_order_id,
        OrderState.UNKNOWN,
        exchange_order_id=None,
        filled_contracts=Decimal(0),
        average_price=None,
        text="<html>" * 50_000,
        settled_at=None,
    )
    kept = store.orders(1)[0]
    assert kept.state is OrderState.UNKNOWN
    assert kept.text.startswith("<html>")


def test_the_newest_orders_come_first(store: SqlCycleStore, lease: Lease) -> None:
    for number in (1, 2, 3):
        store.commit_intent(order(number), lease, agree)
    assert [one.cycle_id for one in store.orders(2)] == [3, 2]


def test_the_last_settlement_of_each_symbol_counts_what_may_have_touched_the_account(store: SqlCycleStore, lease: Lease) -> None:
    symbols: list[Symbol] = [BTC, BTC, ETH, ETH]
    for number, symbol in enumerate(symbols, start=1):
        store.commit_intent(order(number, symbol=symbol, side=Side.SELL), lease, agree)
    outcome(store, 1, OrderState.FILLED, settled_at=NOON)
    outcome(store, 2, OrderState.CANCELLED, settled_at=NOON + seconds(2))
    outcome(store, 3, OrderState.REJECTED, settled_at=NOON + seconds(3))
    assert store.last_settlement_times() == {BTC: NOON + seconds(2)}


def test_a_float_is_no_money(store: SqlCycleStore, lease: Lease) -> None:
    with pytest.raises(Exception, match="expected money as Decimal"):
        store.commit_intent(order(contracts=0.1), lease, agree)
    assert store.orders(10) == []


def test_a_naive_time_is_no_time(store: SqlCycleStore, lease: Lease) -> None:
    with pytest.raises(Exception, match="zone-aware"):
        store.commit_intent(order(created_at=datetime(2026, 1, 1)), lease, agree)  # noqa: DTZ001 - the offender
    assert store.orders(10) == []
