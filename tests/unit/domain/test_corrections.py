"""From target to order: the invariants of I3, for any size."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threet.domain.corrections import Nothing, correction_for, desired_contracts
from threet.domain.rounding import limit_price, round_price, round_to_lot
from threet.domain.targets import Flatten, Hold, ReduceOnly, Target
from threet.domain.values import Correction, MarketRules, Side, Symbol

BTC = Symbol("BTC/USDC:USDC")
RULES = MarketRules(BTC, Decimal("0.001"), 1, 5, Decimal(10), 40)
PRICE = Decimal(50_000)

lots = st.integers(-200, 200).map(lambda n: n * RULES.lot)
bands = st.integers(0, 20).map(lambda n: n * RULES.lot)
targets = st.one_of(
    lots.map(Target),
    lots.map(lambda c: ReduceOnly(c, "a cap")),
    st.just(Flatten("told to")),
    st.just(Hold("no price")),
)


@given(target=targets, actual=lots, band=bands)
def test_an_order_never_leads_beyond_what_the_target_means(target, actual, band):
    order = correction_for(target, actual, RULES, PRICE, band)
    if isinstance(order, Nothing):
        return
    after = actual + order.signed_contracts
    desired = desired_contracts(target, actual)
    assert abs(desired - after) < abs(desired - actual)
    assert min(actual, desired) <= after <= max(actual, desired)


@given(actual=lots, band=bands)
def test_hold_asks_for_nothing(actual, band):
    assert isinstance(correction_for(Hold("why"), actual, RULES, PRICE, band), Nothing)


@given(size=lots, actual=lots)
def test_reduce_only_never_leads_away_from_zero_nor_through_it(size, actual):
    order = correction_for(ReduceOnly(size, "a cap"), actual, RULES, PRICE, Decimal(0))
    if isinstance(order, Correction):
        after = actual + order.signed_contracts
        assert order.reduce_only
        assert abs(after) < abs(actual)
        assert after * actual >= 0


@given(target=lots, actual=lots)
def test_a_flip_is_a_full_close_first(target, actual):
    order = correction_for(Target(target), actual, RULES, PRICE, Decimal(0))
    if target * actual < 0:
        assert isinstance(order, Correction)
        assert actual + order.signed_contracts == 0
        assert order.reduce_only


@given(actual=lots.filter(lambda c: c != 0), band=bands)
def test_a_full_close_is_asked_for_whatever_it_is_worth_and_whatever_the_band(actual, band):
    for target in (Target(Decimal(0)), Flatten("told to"), ReduceOnly(Decimal(0), "a cap")):
        order = correction_for(target, actual, RULES, Decimal("0.5"), band)
        assert isinstance(order, Correction)
        assert actual + order.signed_contracts == 0


@given(target=targets, actual=lots, band=bands)
def test_reduce_only_orders_are_those_that_shrink_the_position(target, actual, band):
    order = correction_for(target, actual, RULES, PRICE, band)
    if isinstance(order, Correction):
        assert order.reduce_only == (abs(actual + order.signed_contracts) < abs(actual))


@pytest.mark.parametrize(("delta", "sent"), [("0.010", False), ("0.011", True)])
def test_the_no_trade_band_is_inclusive(delta, sent):
    order = correction_for(Target(Decimal(1) + Decimal(delta)), Decimal(1), RULES, PRICE, Decimal("0.010"))
    assert isinstance(order, Correction) is sent


@pytest.mark.parametrize(("price", "sent"), [("9999.99", False), ("10000", True)])
@pytest.mark.parametrize(("actual", "target"), [("0", "0.001"), ("0.002", "0.001")])
def test_what_opens_or_partly_reduces_has_the_minimum_notional(price, sent, actual, target):
    order = correction_for(Target(Decimal(target)), Decimal(actual), RULES, Decimal(price), Decimal(0))
    assert isinstance(order, Correction) is sent


def test_less_than_a_lot_is_dust_that_asks_for_nothing():
    nothing = correction_for(Flatten("told to"), Decimal("0.0004"), RULES, PRICE, Decimal(0))
    assert nothing == Nothing("dust: less than a lot is left")


@given(st.decimals(-1000, 1000, places=7))
def test_sizes_are_rounded_toward_zero_to_whole_lots(contracts):
    rounded = round_to_lot(contracts, RULES.lot)
    assert abs(rounded) <= abs(contracts)
    assert abs(contracts - rounded) < RULES.lot
    assert rounded % RULES.lot == 0


@given(st.decimals("0.001", 900_000, places=6), st.sampled_from(Side))
def test_prices_have_at_most_five_significant_digits_or_are_whole(price, side):
    rounded = round_price(price, RULES, side)
    assert rounded == rounded.to_integral_value() or len(rounded.normalize().as_tuple().digits) <= 5
    assert rounded == round(rounded, RULES.price_decimals)
    assert (rounded - price) * side.sign >= 0


def test_an_ioc_order_accepts_the_slippage_and_no_more_than_a_tick_beyond():
    assert limit_price(Decimal(50_000), Side.BUY, Decimal(50), RULES) == Decimal(50_250)
    assert limit_price(Decimal(50_000), Side.SELL, Decimal(50), RULES) == Decimal(49_750)
