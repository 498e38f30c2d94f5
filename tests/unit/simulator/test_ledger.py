"""The account over time: fees, funding, liquidation, transfers, and the identity that holds through all of it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.properties import examples
from tests.unit.simulator.conftest import ADDRESS, Desk, Wall

from threet.simulator.ledger import read_ledger
from threet.simulator.market import HOUR_MS
from threet.simulator.state import dump, load


def _identity_holds(desk: Any) -> None:
    """Cash is what came in plus what was realised less fees and funding; the value adds what is not realised."""
    account = desk.account
    totals = account.totals
    assert account.cash == totals["deposited"] + totals["realised"] - totals["fees"] - totals["funding_paid"]
    unrealised = sum((held.unrealised_usd(desk.exchange.mark(coin)) for coin, held in account.positions.items()), Decimal(0))
    assert desk.value() == account.cash + unrealised
    rebuilt = sum((_signed(fill) for fill in account.fills if fill["coin"] == "BTC"), Decimal(0))
    held = account.positions.get("BTC")
    assert rebuilt == (held.contracts if held else 0)


def _signed(fill: dict[str, Any]) -> Decimal:
    return Decimal(fill["sz"]) if fill["side"] == "B" else -Decimal(fill["sz"])


steps = st.one_of(
    st.tuples(st.just("order"), st.sampled_from(["buy", "sell"]), st.integers(1, 90), st.sampled_from(["Ioc", "Gtc"]), st.booleans()),
    st.tuples(st.just("price"), st.integers(60, 160)),
    st.tuples(st.just("deposit"), st.integers(-500, 3000)),
    st.tuples(st.just("wait"), st.integers(1, 3)),
)


@settings(max_examples=examples(0.4))
@given(st.lists(steps, max_size=25))
def test_the_ledger_identity_holds_through_any_history_and_its_reload(history: list[tuple[Any, ...]]) -> None:
    with TemporaryDirectory() as folder:
        desk = Desk(Path(folder), Wall(), speed=3600.0)
        for step in history:
            if step[0] == "order":
                _, side, percent, tif, reduce_only = step
                price = desk.exchange.mark("BTC") * (Decimal("1.01") if side == "buy" else Decimal("0.99"))
                limit = str(price.quantize(Decimal(100)))
                desk.order("BTC", side, str(Decimal(percent).scaleb(-2)), limit, tif, reduce_only=reduce_only)
            elif step[0] == "price":
                desk.at("BTC", str(step[1] * 1000))
            elif step[0] == "deposit":
                desk.exchange.deposit(ADDRESS, Decimal(step[1]))
            else:
                desk.advance(step[1])
            _identity_holds(desk)
        state = desk.exchange.state
        assert dump(load(dump(state))) == dump(state)
        desk.venue.close()
        assert read_ledger(Path(folder))["accounts"][ADDRESS]["cash"] == str(desk.account.cash)


def test_a_taker_pays_four_and_a_half_basis_points(desk: Any) -> None:
    desk.order("BTC", "buy", "0.1", "100100")
    (fill,) = desk.account.fills
    assert Decimal(fill["fee"]) == (Decimal("0.1") * Decimal(fill["px"]) * Decimal("0.00045")).quantize(Decimal("0.000001"))
    assert desk.account.cash == 10_000 - Decimal(fill["fee"])


def test_funding_is_paid_once_for_each_full_hour_of_market_time(make_desk: Callable[..., Any]) -> None:
    desk = make_desk(speed=600.0)  # an hour in six seconds
    desk.order("BTC", "buy", "0.1", str((desk.exchange.mark("BTC") * Decimal("1.001")).quantize(Decimal(1))))
    start = desk.exchange.clock.now_ms()
    desk.advance(14)
    hours = desk.exchange.clock.now_ms() // HOUR_MS - start // HOUR_MS
    payments = list(desk.account.fundings)
    assert len(payments) == hours >= 2
    first = payments[0]["delta"]
    hour = start // HOUR_MS * HOUR_MS + HOUR_MS
    rate = desk.exchange.market.funding_rate("BTC", hour)
    expected = (Decimal("-0.1") * desk.exchange.market.mark("BTC", hour) * rate).quantize(Decimal("0.000001"))
    assert Decimal(first["usdc"]) == expected
    assert payments[0]["time"] <= desk.wall.ms  # wall time, unlike the hour itself
    assert desk.account.positions["BTC"].funding_paid == -sum(Decimal(payment["delta"]["usdc"]) for payment in payments)


def test_an_account_below_its_maintenance_margin_is_closed_and_the_fill_says_so(desk: Any) -> None:
    desk.order("BTC", "buy", "1.5", "100200")
    held = desk.account.positions["BTC"].contracts
    desk.order("BTC", "buy", "0.001", "90000", "Gtc")
    desk.at("BTC", "95500")
    assert desk.account.positions, "still above the maintenance margin"
    desk.at("BTC", "94200")
    assert not desk.account.positions
    assert desk.account.cash > 0, "closed before everything was lost"
    fill = desk.account.fills[-1]
    assert (fill["dir"], Decimal(fill["sz"]), fill["crossed"]) == ("Close Long", held, True)
    assert fill["liquidation"]["liquidatedUser"] == ADDRESS
    assert not desk.exchange.state.orders_of(ADDRESS)
    _identity_holds(desk)


def test_an_account_that_lost_more_than_it_had_ends_at_zero_and_not_below(desk: Any) -> None:
    desk.order("BTC", "buy", "1.5", "100200")
    desk.at("BTC", "60000")
    assert desk.account.cash == 0
    assert desk.account.transfers[-1]["delta"]["type"] == "insuranceFund"
    _identity_holds(desk)


def test_deposits_and_withdrawals_change_cash_and_are_listed(desk: Any) -> None:
    desk.exchange.deposit(ADDRESS, Decimal(500))
    desk.exchange.deposit(ADDRESS, Decimal(-200))
    assert desk.account.cash == 10_300
    assert [(entry["delta"]["type"], entry["delta"]["usdc"]) for entry in desk.account.transfers][1:] == [
        ("deposit", "500.0"),
        ("withdraw", "200.0"),
    ]
