"""Account arithmetic: average entry, realised PnL, flips, margin, liquidation price."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from threet.simulator.account import ZERO, Position, funding_payment, liquidation_price, margin, trade
from threet.simulator.coins import CoinSpec

BTC = CoinSpec("BTC", 5, 40, Decimal(100_000))

sizes = st.integers(-500_000, 500_000).filter(bool).map(lambda lots: Decimal(lots).scaleb(-5))
prices = st.integers(200_000, 2_000_000).map(lambda ticks: Decimal(ticks).scaleb(-1))
fills = st.lists(st.tuples(sizes, prices), min_size=1, max_size=30)


@given(fills, prices)
def test_cash_plus_unrealised_is_what_the_fills_made_to_the_micro_dollar(traded: list[tuple[Decimal, Decimal]], mark: Decimal) -> None:
    position: Position | None = None
    realised, expected = ZERO, ZERO
    for signed, price in traded:
        result = trade(position, signed, price)
        position, realised = result.position, realised + result.closed_pnl_usd
        expected += signed * (mark - price)
    unrealised = position.unrealised_usd(mark) if position else ZERO
    assert realised + unrealised == expected


@given(fills)
def test_contracts_are_the_sum_of_the_fills_and_flat_is_no_position(traded: list[tuple[Decimal, Decimal]]) -> None:
    position: Position | None = None
    held = ZERO
    for signed, price in traded:
        position, held = trade(position, signed, price).position, held + signed
        assert (position.contracts if position else ZERO) == held
        assert (position is None) == (held == 0)


@given(fills)
def test_average_entry_lies_within_the_prices_traded(traded: list[tuple[Decimal, Decimal]]) -> None:
    position: Position | None = None
    for signed, price in traded:
        position = trade(position, signed, price).position
    if position is not None:
        seen = [price for _, price in traded]
        rounding = Decimal("0.000001") * len(traded) / abs(position.contracts)
        assert min(seen) - rounding <= position.average_entry_price <= max(seen) + rounding


def test_an_increase_averages_the_entry() -> None:
    position = trade(Position(Decimal(1), Decimal(100)), Decimal(3), Decimal(200)).position
    assert position is not None
    assert position.average_entry_price == Decimal(175)


def test_a_reduction_keeps_the_entry_and_realises_the_difference() -> None:
    result = trade(Position(Decimal(-4), Decimal(-400)), Decimal(1), Decimal(90))
    assert result.closed_pnl_usd == Decimal(10)
    assert result.position is not None
    assert result.position.average_entry_price == Decimal(100)
    assert result.direction == "Close Short"


def test_a_flip_realises_the_old_side_and_enters_the_new_one_at_the_fill() -> None:
    result = trade(Position(Decimal(2), Decimal(200)), Decimal(-5), Decimal(110))
    assert result.closed_pnl_usd == Decimal(20)
    assert result.position == Position(Decimal(-3), Decimal(-330))
    assert result.direction == "Long > Short"


def test_margin_counts_initial_at_the_chosen_and_maintenance_at_the_highest_leverage() -> None:
    figures = margin(
        Decimal(1000), {"BTC": Position(Decimal("-0.1"), Decimal(-10_000))}, {"BTC": Decimal(101_000)}, {"BTC": BTC}, {"BTC": 10}
    )
    assert figures.account_value == Decimal(900)
    assert figures.initial_used == Decimal(1010)
    assert figures.maintenance_used == Decimal(10_100) / 80
    assert figures.raw_usd == Decimal(900) + Decimal(10_100)
    assert figures.free == 0


@given(st.sampled_from([1, -1]), st.integers(1, 50))
def test_at_the_liquidation_price_the_account_value_is_the_maintenance_margin(side: int, lots: int) -> None:
    held = Position(Decimal(side * lots).scaleb(-2), Decimal(side * lots).scaleb(-2) * 100_000)
    totals = margin(Decimal(5000), {"BTC": held}, {"BTC": Decimal(100_000)}, {"BTC": BTC}, {"BTC": 20})
    price = liquidation_price("BTC", held, Decimal(100_000), totals, BTC)
    if price is None:
        assert side == 1
        return
    there = margin(Decimal(5000), {"BTC": held}, {"BTC": price}, {"BTC": BTC}, {"BTC": 20})
    assert abs(there.account_value - there.maintenance_used) < Decimal("1e-15")


def test_longs_pay_a_positive_funding_rate_and_shorts_receive_it() -> None:
    rate = Decimal("0.0001")
    assert funding_payment(Position(Decimal(1), Decimal(100)), Decimal(100), rate) == Decimal("0.01")
    assert funding_payment(Position(Decimal(-1), Decimal(-100)), Decimal(100), rate) == Decimal("-0.01")
