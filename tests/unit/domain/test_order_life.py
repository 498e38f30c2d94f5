"""The life of an order is a table; whatever is tried, its invariants hold."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threet.application.facts import Fill, OrderAnswer
from threet.application.settlement import judge
from threet.application.store import OrderRecord
from threet.domain.order_life import STEPS, STEPS_OF_A_PERSON, ForbiddenStep, ensure_step
from threet.domain.values import OrderState, Side, Symbol, Unknown

INTENT, ACCEPTED, UNKNOWN = OrderState.INTENT, OrderState.ACCEPTED, OrderState.UNKNOWN
NOT_EXECUTED = OrderState.NOT_EXECUTED
FINAL = [state for state in OrderState if state.is_final]
NOW = datetime(2026, 1, 1, tzinfo=UTC)

FORBIDDEN = [
    *[(state, INTENT) for state in OrderState],
    *[(final, other) for final, other in itertools.product(FINAL, OrderState) if other is not final],
    (ACCEPTED, UNKNOWN),
    (ACCEPTED, NOT_EXECUTED),
]


def is_allowed(old: OrderState, new: OrderState, *, by_person: bool = False) -> bool:
    try:
        ensure_step(old, new, by_person=by_person)
    except ForbiddenStep:
        return False
    return True


@pytest.mark.parametrize(("old", "new"), list(itertools.product(OrderState, OrderState)))
def test_every_step_is_either_allowed_or_forbidden_by_name(old: OrderState, new: OrderState) -> None:
    assert is_allowed(old, new) is ((old, new) not in FORBIDDEN)


def test_the_table_knows_every_state() -> None:
    assert set(STEPS) == set(OrderState)


@pytest.mark.parametrize("old", OrderState)
def test_a_person_may_say_no_more_than_that_an_accepted_order_was_not_executed(old: OrderState) -> None:
    more = [new for new in OrderState if is_allowed(old, new, by_person=True) and not is_allowed(old, new)]
    assert more == ([NOT_EXECUTED] if old is ACCEPTED else [])
    assert set(STEPS_OF_A_PERSON) == {ACCEPTED}


@given(st.lists(st.sampled_from(OrderState), max_size=30))
def test_whatever_is_tried_a_life_ends_once_and_forgets_nothing(tried: list[OrderState]) -> None:
    life = [INTENT]
    for wanted in tried:
        if is_allowed(life[-1], wanted):
            life.append(wanted)
    assert INTENT not in life[1:]
    ends = [state for state in life if state.is_final]
    assert len(set(ends)) <= 1
    assert ends == life[len(life) - len(ends) :]
    if ACCEPTED in life:
        after = life[life.index(ACCEPTED) :]
        assert not {UNKNOWN, NOT_EXECUTED} & set(after)


@pytest.mark.parametrize("state", [state for state in OrderState if not state.is_final])
def test_what_has_no_end_can_reach_one(state: OrderState) -> None:
    assert any(new.is_final for new in STEPS[state])


@given(
    state=st.sampled_from([INTENT, ACCEPTED, UNKNOWN]),
    said=st.one_of(
        st.none(),
        st.just(Unknown("time-out")),
        st.builds(
            OrderAnswer,
            st.sampled_from([state for state in OrderState if state not in (INTENT, UNKNOWN, NOT_EXECUTED)]),
            st.just("7"),
            st.integers(0, 3).map(Decimal),
            st.none(),
            st.just(""),
        ),
    ),
    filled=st.lists(st.integers(1, 3).map(Decimal), max_size=3),
    since_expiry=st.floats(-10, 10),
)
def test_settlement_never_asks_for_a_forbidden_step(
    state: OrderState, said: OrderAnswer | Unknown | None, filled: list[Decimal], since_expiry: float
) -> None:
    one = Fill("f0", "7", "0x1", Symbol("BTC/USDC:USDC"), Side.BUY, Decimal(1), Decimal(100), Decimal(0), Decimal(0), NOW, False)
    fills = [replace(one, fill_id=f"f{number}", contracts=contracts) for number, contracts in enumerate(filled)]
    order = OrderRecord("0x1", 1, one.symbol, Side.BUY, Decimal(3), Decimal(100), False, state, NOW, NOW - timedelta(seconds=8), "why")
    verdict = judge(order, said, fills, NOW + timedelta(seconds=since_expiry), timedelta(seconds=2))
    assert is_allowed(state, verdict.state)
