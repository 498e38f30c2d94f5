"""Caps: no order may lead beyond one in the worst case of what is pending (I5); targets are scaled into them."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threet.domain.caps import CapExceeded, Caps, Exposure, Pending, check_caps, room_of
from threet.domain.identity import client_order_id
from threet.domain.sizing import clamp, scale_into_caps, target_contracts
from threet.domain.values import Correction, Side, Symbol
from threet.domain.votes import net_vote

A, B, C = Symbol("A/USDC:USDC"), Symbol("B/USDC:USDC"), Symbol("C/USDC:USDC")
CAPS = Caps({A: Decimal(1000), B: Decimal(1000), C: Decimal(1000)}, Decimal(2000), Decimal(1500), Decimal(1100), 3)


def held(a=0, b=0, c=0) -> dict[Symbol, Exposure]:
    return {name: Exposure(Decimal(n), Decimal(100)) for name, n in ((A, a), (B, b), (C, c))}


def buy(contracts, symbol=A, reduce_only=False) -> Correction:
    return Correction(symbol, Side.BUY, Decimal(contracts), reduce_only)


def allowed(correction, positions, pending=()) -> bool:
    try:
        check_caps(correction, positions, list(pending), CAPS)
    except CapExceeded:
        return False
    return True


@pytest.mark.parametrize(
    ("correction", "positions", "pending", "is_allowed"),
    [
        (buy(10), held(), [], True),
        (buy(11), held(), [], False),
        (buy(1), held(a=10), [], False),
        (buy(5), held(a=5), [], True),
        (buy(5), held(), [Pending(A, Decimal(6), False)], False),
        (buy(5), held(), [Pending(A, Decimal(-6), False)], True),
        (buy(5), held(), [Pending(A, Decimal(6), True)], True),
        (buy(1, reduce_only=True), held(a=-50), [], True),
        (buy(1), held(b=10, c=-10), [], False),
        (buy(6), held(b=10), [], False),
        (buy(5), held(b=10), [], True),
        (buy(5), held(b=5, c=5), [], True),
        (buy(6), held(b=5, c=5), [], False),
        (buy(5), held(b=-5), [Pending(Symbol("X/USDC:USDC"), Decimal(1), False)], False),
    ],
)
def test_the_worst_case_of_everything_pending_stays_under_every_cap(correction, positions, pending, is_allowed):
    assert allowed(correction, positions, pending) is is_allowed


@pytest.mark.parametrize(
    ("correction", "positions", "pending", "is_allowed"),
    [
        (buy(9, C), held(a=10, b=-10), [], False),  # gross
        (buy(4, C), held(a=8, b=-7), [Pending(B, Decimal(7), True)], True),
        (buy(8, C), held(a=8, b=-4), [], True),
        (buy(8, C), held(a=8, b=-4), [Pending(B, Decimal(4), True)], False),
        (buy(8, C), held(a=8, b=-4), [Pending(B, Decimal(3), True)], True),
        (buy(2), held(a=-5), [Pending(A, Decimal(5), True), Pending(A, Decimal(7), False)], True),
        (buy(5), held(a=-5), [Pending(A, Decimal(5), True), Pending(A, Decimal(6), False)], False),
    ],
)
def test_a_pending_reduction_lets_go_of_what_balanced_the_rest(correction, positions, pending, is_allowed):
    """Closing a short adds nothing by itself; it takes away what held the net down, and makes room to go through zero."""
    assert allowed(correction, positions, pending) is is_allowed


def test_an_account_that_leans_too_far_one_way_may_not_be_thrown_beyond_the_cap_on_the_other():
    wide = Caps({C: Decimal(9000)}, Decimal(9000), Decimal(1500), Decimal(9000), 3)
    leaning = {**held(a=-10, b=-10), C: Exposure(Decimal(0), Decimal(100))}
    check_caps(buy(35, C), leaning, [], wide)
    with pytest.raises(CapExceeded, match="net exposure"):
        check_caps(buy(36, C), leaning, [], wide)


sizes = st.integers(-12, 12)
orders = st.lists(st.tuples(st.sampled_from([A, B, C]), sizes.filter(bool), st.booleans()), max_size=4)


def after_filling(positions: dict[Symbol, int], filled: list[tuple[Symbol, int, bool]]) -> dict[Symbol, int]:
    """The positions once these orders were executed in this order; a reduce-only one stops at zero, as the venue lets it."""
    after = dict(positions)
    for name, contracts, reduce_only in filled:
        room = max(0, -after[name]) if contracts > 0 else min(0, -after[name])
        after[name] += (min(contracts, room) if contracts > 0 else max(contracts, room)) if reduce_only else contracts
    return after


@given(sizes, sizes, sizes, orders, st.sampled_from([A, B, C]), sizes.filter(bool), st.data())
def test_however_the_pending_orders_end_an_allowed_order_leads_beyond_no_cap(a, b, c, pending, name, wanted, data):
    """Whichever of the pending orders are executed, and in whatever sequence: no cap is passed in the direction of an allowed order."""
    correction = Correction(name, Side.BUY if wanted > 0 else Side.SELL, Decimal(abs(wanted)), reduce_only=False)
    if not allowed(correction, held(a, b, c), [Pending(s, Decimal(n), reduce_only) for s, n, reduce_only in pending]):
        return
    shuffled = data.draw(st.permutations([*pending, (name, wanted, False)]))
    filled = [order for order in shuffled if order == (name, wanted, False) or data.draw(st.booleans())]
    after = after_filling({A: a, B: b, C: c}, filled)
    assert abs(after[name]) * 100 <= 1000
    assert sum(abs(n) for n in after.values()) * 100 <= 2000
    assert sum(after.values()) * 100 * (1 if wanted > 0 else -1) <= 1500


@given(sizes, sizes, sizes, orders, st.sampled_from([A, B, C]), sizes.filter(bool))
def test_what_the_room_leaves_is_allowed_and_a_little_more_is_not(a, b, c, pending, name, wanted):
    correction = Correction(name, Side.BUY if wanted > 0 else Side.SELL, Decimal(abs(wanted)), reduce_only=False)
    waiting = [Pending(s, Decimal(n), reduce_only) for s, n, reduce_only in pending]
    room, cap = room_of(correction, held(a, b, c), waiting, CAPS)
    more = replace(correction, contracts=room + Decimal("0.01"))
    with pytest.raises(CapExceeded):
        check_caps(more, held(a, b, c), waiting, CAPS)
    if allowed(replace(correction, contracts=Decimal("0.001")), held(a, b, c), waiting):
        assert cap in ("notional of " + name, "gross exposure", "net exposure")
        assert allowed(replace(correction, contracts=min(room, Decimal(11))), held(a, b, c), waiting), "11 is what one order may have"


notionals = st.dictionaries(st.sampled_from([A, B, C]), st.integers(-5000, 5000).map(Decimal))


@given(notionals, st.integers(0, 3000), st.integers(-3000, 3000), st.integers(1, 8000), st.integers(1, 8000))
def test_scaled_targets_fit_the_caps_and_never_grow(wanted, fixed, lean, gross_cap, net_cap):
    fixed_net = Decimal(max(-fixed, min(fixed, lean)))
    factors = scale_into_caps(
        wanted, fixed_gross=Decimal(fixed), fixed_net=fixed_net, gross_cap=Decimal(gross_cap), net_cap=Decimal(net_cap)
    )
    scaled = {name: value * factors[name] for name, value in wanted.items()}
    slack = Decimal("1e-9")
    assert all(0 <= factor <= 1 for factor in factors.values())
    assert sum(map(abs, scaled.values())) <= max(Decimal(0), Decimal(gross_cap) - fixed) + slack
    net = abs(sum(scaled.values(), fixed_net))
    assert net <= max(Decimal(net_cap), abs(fixed_net)) + slack


@given(st.integers(-50, 50), st.integers(0, 50), st.integers(1, 20))
def test_the_net_vote_lies_between_minus_one_and_one(direction_sum, extra, full):
    voters = abs(direction_sum) + extra
    assert abs(net_vote(direction_sum, voters, full)) <= 1


def test_sizing_is_the_formula_of_the_design():
    assert target_contracts(Decimal("0.5"), Decimal(10_000), Decimal(20), Decimal(50)) == Decimal(20)
    assert clamp(Decimal(-30), Decimal(20)) == Decimal(-20)


def test_the_name_of_an_order_is_a_function_of_the_decision_alone():
    name = client_order_id("epoch", 7, buy("1.50"))
    assert name == client_order_id("epoch", 7, buy("1.5"))
    assert len(name) == 34
    others = [
        client_order_id("other", 7, buy("1.5")),
        client_order_id("epoch", 8, buy("1.5")),
        client_order_id("epoch", 7, buy("1.6")),
        client_order_id("epoch", 7, buy("1.5", symbol=B)),
        client_order_id("epoch", 7, buy("1.5", reduce_only=True)),
    ]
    assert len({name, *others}) == 6


@pytest.mark.parametrize(("contracts", "by_fills"), [(0, 8), (8, 0), (8, 8), (-3, 8)])
def test_where_the_fills_say_otherwise_the_worse_of_both_counts(contracts, by_fills):
    either = {**held(), A: Exposure(Decimal(contracts), Decimal(100), Decimal(by_fills))}
    assert allowed(buy(2), either)
    assert not allowed(buy(3), either)
    assert allowed(buy(2, B), either)
