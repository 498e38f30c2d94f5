"""The column types by themselves."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from threet.adapters.sql.types import Money, plain

amounts = st.decimals(min_value=Decimal("-99999999999999999999"), max_value=Decimal("99999999999999999999"), allow_nan=False)


@given(amounts)
def test_plain_money_is_within_half_of_the_last_decimal_and_stays_as_it_is(amount: Decimal) -> None:
    kept = plain(amount)
    assert abs(kept - amount) <= Decimal("5e-19")
    assert plain(kept) == kept
    assert str(plain(kept)) == str(kept)


@given(st.decimals(min_value=-1000, max_value=1000, places=18))
def test_money_of_eighteen_decimals_is_kept_to_the_last(amount: Decimal) -> None:
    money, dialect = Money(), sqlite.dialect()
    assert money.process_result_value(money.process_bind_param(amount, dialect), dialect) == amount


@given(st.decimals(min_value=-1000, max_value=1000, places=18))
def test_money_on_sqlite_is_text_without_an_exponent(amount: Decimal) -> None:
    shown = Money().process_bind_param(amount, sqlite.dialect())
    assert isinstance(shown, str)
    assert "E" not in shown.upper()


@pytest.mark.parametrize("value", [0.1, 1, True, "1"])
def test_only_a_decimal_is_money(value: object) -> None:
    with pytest.raises(TypeError, match="expected money as Decimal"):
        Money().process_bind_param(value, sqlite.dialect())  # type: ignore[arg-type]
