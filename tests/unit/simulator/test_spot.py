"""The spot side: tokens are paid in full, fees are taken where the venue takes them, and nothing of it is margin."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.simulator.conftest import ADDRESS, Desk

from threet.simulator import placing, spot
from threet.simulator.account import ZERO
from threet.simulator.actions import ActionRefused, _usd_class_transfer
from threet.simulator.placing import Status, Wanted
from threet.simulator.tokens import EMPTY, USDC, moved, traded

PAIR = "PURR/USDC"


@pytest.fixture
def trader(desk: Desk) -> Desk:
    """With 1,000 USDC on the spot side and PURR at two cents."""
    desk.venue.list_spot("PURR", Decimal("0.02"))
    desk.exchange.class_transfer(ADDRESS, Decimal(-1000))
    return desk


def order(desk: Desk, side: str, size: str, price: str, tif: str = "Ioc", reduce_only: bool = False) -> Status:
    asset = desk.exchange.market.asset(PAIR)
    return placing.place(desk.exchange, desk.account, Wanted(asset, side == "buy", Decimal(price), Decimal(size), reduce_only, tif, None))


def total(desk: Desk, token: str) -> Decimal:
    return Decimal(desk.account.tokens.get(token, EMPTY).total)


def test_a_buyer_pays_the_fee_in_the_token_and_a_seller_in_usdc(trader: Desk) -> None:
    order(trader, "buy", "5000", "0.021")
    bought = trader.account.fills[-1]
    assert (bought["dir"], bought["feeToken"], bought["startPosition"]) == ("Buy", "PURR", "0.0")
    assert total(trader, "PURR") == 5000 - Decimal(bought["fee"]) == Decimal("4997.75")  # 4.5 basis points
    assert total(trader, USDC) == 1000 - 5000 * Decimal(bought["px"])
    before = total(trader, USDC)
    order(trader, "sell", "4997", "0.019")
    sold = trader.account.fills[-1]
    assert (sold["dir"], sold["feeToken"], sold["startPosition"]) == ("Sell", USDC, "4997.75")
    assert Decimal(sold["closedPnl"]) < 0  # across the spread
    assert total(trader, USDC) == before + 4997 * Decimal(sold["px"]) - Decimal(sold["fee"])
    assert total(trader, "PURR") == Decimal("0.75")


def test_a_spot_trade_leaves_the_perpetual_account_as_it_was(trader: Desk) -> None:
    before = (trader.account.cash, trader.value(), dict(trader.account.positions))
    order(trader, "buy", "5000", "0.021")
    assert (trader.account.cash, trader.value(), dict(trader.account.positions)) == before


def test_what_is_not_there_cannot_be_given(trader: Desk) -> None:
    for side, size in (("buy", "60000"), ("sell", "1000")):
        answer = order(trader, side, size, "0.02", "Gtc")
        assert isinstance(answer, dict)
        assert answer["error"].startswith("Insufficient spot balance.")
    assert trader.exchange.state.orders_of(ADDRESS) == []


def test_what_a_resting_order_holds_back_is_promised_once(trader: Desk) -> None:
    assert "resting" in order(trader, "buy", "40000", "0.015", "Gtc")
    (usdc,) = spot.balances(trader.exchange, trader.account)
    assert (usdc["coin"], usdc["total"], usdc["hold"]) == (USDC, "1000.0", "600.0")
    assert "error" in order(trader, "buy", "40000", "0.015", "Gtc")
    with pytest.raises(ActionRefused, match="Insufficient balance for transfer"):
        _usd_class_transfer(trader.exchange, trader.account, {"amount": "401", "toPerp": True})
    _usd_class_transfer(trader.exchange, trader.account, {"amount": "400", "toPerp": True})
    assert total(trader, USDC) == 600


def test_a_resting_spot_order_is_no_margin_and_fills_as_a_maker(trader: Desk) -> None:
    order(trader, "buy", "40000", "0.015", "Gtc")
    assert trader.exchange.order_margin(trader.account) == ZERO
    trader.at(PAIR, "0.0149")
    fill = trader.account.fills[-1]
    assert (fill["crossed"], fill["px"], fill["feeToken"]) == (False, "0.015", "PURR")
    assert total(trader, "PURR") == 40000 - Decimal(fill["fee"])


def test_a_liquidation_leaves_the_spot_side_alone(trader: Desk) -> None:
    order(trader, "buy", "40000", "0.015", "Gtc")
    trader.exchange.journal.commit("leverage", address=ADDRESS, coin="BTC", value=40, cross=True)
    trader.order("BTC", "buy", "3", "101000")
    trader.at("BTC", "96000")
    assert trader.account.positions == {}
    assert "liquidation" in trader.account.fills[-1]
    assert len(trader.exchange.state.orders_of(ADDRESS)) == 1
    assert total(trader, USDC) == 1000


def test_a_spot_order_is_never_reduce_only(trader: Desk) -> None:
    answer = order(trader, "buy", "1000", "0.02", reduce_only=True)
    assert isinstance(answer, dict)
    assert "neither reduce-only nor triggered" in answer["error"]


def test_money_between_the_sides_is_neither_made_nor_lost(trader: Desk) -> None:
    assert trader.account.cash == 9000
    assert total(trader, USDC) == 1000
    assert trader.account.transfers[-1]["delta"] == {"type": "accountClassTransfer", "usdc": "1000.0", "toPerp": False}
    _usd_class_transfer(trader.exchange, trader.account, {"amount": "1000", "toPerp": True})
    assert (trader.account.cash, trader.account.tokens) == (10_000, {})
    with pytest.raises(ActionRefused):
        _usd_class_transfer(trader.exchange, trader.account, {"amount": "10001", "toPerp": False})


@pytest.mark.parametrize("snapshot", [False, True])
def test_tokens_pairs_and_prices_survive_a_restart(make_desk: Callable[..., Desk], snapshot: bool) -> None:
    first = make_desk("kept")
    first.exchange.clock.pause()
    first.venue.list_spot("PURR", Decimal("0.02"))
    first.venue.list_spot("UBTC", Decimal(100_000))
    first.exchange.class_transfer(ADDRESS, Decimal(-1000))
    order(first, "buy", "5000", "0.021")
    order(first, "buy", "1000", "0.015", "Gtc")
    if snapshot:
        first.exchange.journal.snapshot()
    kept = (dict(first.account.tokens), spot.meta(first.exchange), first.exchange.state.orders_of(ADDRESS))
    first.venue.close()
    second = make_desk("kept")
    assert (dict(second.account.tokens), spot.meta(second.exchange), second.exchange.state.orders_of(ADDRESS)) == kept


@pytest.mark.parametrize("token", ["USDC", "PURR", "", "A/B"])
def test_a_token_is_listed_once_and_has_a_plain_name(trader: Desk, token: str) -> None:
    with pytest.raises(ValueError, match="token: found"):
        trader.venue.list_spot(token, Decimal(1))


def test_spot_pairs_are_no_coins_of_the_perpetuals(trader: Desk) -> None:
    assert PAIR not in trader.exchange.market.listings
    assert trader.exchange.market.asset(PAIR) == 10_000
    assert trader.exchange.market.by_asset(10_001) is None
    found = trader.exchange.market.by_asset(10_000)
    assert found is not None
    assert found.spec.token == "PURR"


SIZES = st.decimals("0.1", "1000", places=1)
PRICES = st.decimals("0.001", "1000", places=3)


@given(fills=st.lists(st.tuples(st.booleans(), SIZES, PRICES), max_size=20))
def test_every_token_and_dollar_is_accounted_for(fills: list[tuple[bool, Decimal, Decimal]]) -> None:
    tokens = moved(moved({}, USDC, Decimal(10**9)), "PURR", Decimal(10**6), Decimal(10**6))
    usdc, held = tokens[USDC].total, tokens["PURR"].total
    for is_buy, size, price in fills:
        fee = size / 1000 if is_buy else size * price / 1000
        tokens = traded(tokens, "PURR", is_buy, size, price, fee)
        usdc += -size * price if is_buy else size * price - fee
        held += size - fee if is_buy else -size
    assert (tokens[USDC].total, tokens["PURR"].total) == (usdc, held)
    assert tokens["PURR"].cost > 0
