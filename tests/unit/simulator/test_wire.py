"""The venue's number forms and precision rules."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threet.simulator.coins import DEFAULT_COINS, CoinSpec
from threet.simulator.market import _price_text, _tick
from threet.simulator.wire import decimal_text, is_valid_price, is_valid_size, price_decimals, round_price, usd_text


@pytest.mark.parametrize(
    ("value", "text"),
    [("60", "60.0"), ("0.0200", "0.02"), ("1E+2", "100.0"), ("-0.0", "0.0"), ("-3.50", "-3.5"), ("0.000001", "0.000001")],
)
def test_numbers_have_a_fraction_and_no_padding(value: str, text: str) -> None:
    assert decimal_text(Decimal(value)) == text


def test_dollars_are_rounded_to_the_micro_dollar() -> None:
    assert usd_text(Decimal("1.2345675")) == "1.234568"


@pytest.mark.parametrize(
    ("price", "sz_decimals", "valid"),
    [
        ("100000", 5, True),
        ("123456", 5, True),  # integers always
        ("100000.5", 5, False),
        ("2612.3", 4, True),
        ("2612.34", 4, False),  # six significant digits
        ("0.012345", 0, True),
        ("0.0123456", 0, False),  # seven decimals
        ("155.43", 2, True),
        ("0.123", 5, False),  # more than 6 - 5 decimals
        ("0", 0, False),
        ("-1", 0, False),
    ],
)
def test_prices_have_five_significant_digits_and_limited_decimals(price: str, sz_decimals: int, valid: bool) -> None:
    assert is_valid_price(Decimal(price), sz_decimals) is valid


def test_sizes_are_whole_lots() -> None:
    assert is_valid_size(Decimal("0.00014"), 5)
    assert not is_valid_size(Decimal("0.000141"), 5)


@given(st.floats(1e-3, 1e6), st.sampled_from(DEFAULT_COINS))
def test_the_fast_form_of_candle_prices_is_the_mark_or_the_tick_beside_it(price: float, spec: CoinSpec) -> None:
    fast, exact = Decimal(_price_text(price, spec)), _tick(price, spec)
    assert abs(fast - exact) <= Decimal(1).scaleb(-price_decimals(Decimal(repr(price)), spec.sz_decimals))


@given(st.decimals("0.001", "999999", places=8), st.integers(0, 5))
def test_a_rounded_price_is_valid_or_zero(price: Decimal, sz_decimals: int) -> None:
    rounded = round_price(price, sz_decimals)
    assert rounded == 0 or is_valid_price(rounded, sz_decimals)
