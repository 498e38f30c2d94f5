"""What the unmodified ccxt class reads: markets, prices, balance, positions, orders, fills, funding, transfers."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import ccxt
import pytest
from tests.contracts.venue_protocol.conftest import stock_ccxt
from tests.support.simulator import SimulatorProcess, Wallet

BTC, ETH = "BTC/USDC:USDC", "ETH/USDC:USDC"


@pytest.fixture(scope="module")
def public(process: SimulatorProcess) -> Any:
    """ccxt without a key."""
    return stock_ccxt(process)


def test_markets_have_symbols_precision_and_limits(public: Any) -> None:
    markets = public.load_markets()
    assert set(markets) == {f"{coin}/USDC:USDC" for coin in ("BTC", "ETH", "SOL", "DOGE", "BNB", "XRP")}
    btc = markets[BTC]
    assert (btc["type"], btc["linear"], btc["settle"], btc["baseId"]) == ("swap", True, "USDC", "0")
    assert btc["precision"]["amount"] == 1e-5
    assert btc["limits"]["leverage"]["max"] == 40
    assert btc["limits"]["cost"]["min"] == 10


def test_tickers_of_all_symbols_come_in_one_answer_with_bid_below_ask(public: Any) -> None:
    tickers = public.fetch_tickers(params={"type": "swap"})
    assert set(tickers) == set(public.load_markets())
    for ticker in tickers.values():
        assert 0 < ticker["bid"] < ticker["close"] < ticker["ask"]
        assert ticker["quoteVolume"] > 0
        assert float(ticker["info"]["markPx"]) == pytest.approx(ticker["close"], rel=1e-3)


def test_the_book_is_ordered_and_carries_market_time(public: Any, process: SimulatorProcess) -> None:
    book = public.fetch_order_book(ETH)
    bids, asks = ([level[0] for level in book[side]] for side in ("bids", "asks"))
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert bids[0] < asks[0]
    assert abs(book["timestamp"] - process.market()["market_ms"]) < 10_000


@pytest.mark.parametrize(("timeframe", "minutes"), [("1m", 1), ("5m", 5), ("15m", 15), ("1h", 60)])
def test_candles_are_whole_ordered_and_enclose_their_prices(public: Any, process: SimulatorProcess, timeframe: str, minutes: int) -> None:
    width = minutes * 60_000
    now = process.market()["market_ms"]
    candles = public.fetch_ohlcv(BTC, timeframe, now - 20 * width, None, {"until": now})
    assert len(candles) == 20
    assert [later[0] - earlier[0] for earlier, later in pairwise(candles)] == [width] * 19
    for _, open_, high, low, close, volume in candles:
        assert low <= min(open_, close) <= max(open_, close) <= high
        assert volume >= 0
    assert candles[-1][0] <= process.market()["market_ms"] < candles[-1][0] + 2 * width


def test_more_than_five_thousand_candles_are_cut_to_the_last_ones(public: Any, process: SimulatorProcess) -> None:
    raw = process.info({"type": "candleSnapshot", "req": {"coin": "BTC", "interval": "1m", "startTime": 0, "endTime": 2**42}})
    assert 1500 <= len(raw) <= 5000


def test_funding_rates_and_their_history(public: Any) -> None:
    rate = public.fetch_funding_rate(BTC)
    assert abs(rate["fundingRate"]) <= 0.0005
    assert rate["markPrice"] > 0
    history = public.fetch_funding_rate_history(BTC)
    assert 20 <= len(history) <= 26  # 1500 minutes of history
    assert all(entry["timestamp"] % 3_600_000 == 0 for entry in history)


def test_the_exchange_status_tells_wall_time(public: Any) -> None:
    assert abs(public.fetch_time() - time.time() * 1000) < 5_000
    assert public.fetch_status()["status"] == "ok"


def test_open_interest_and_currencies_and_fees(exchange: Any) -> None:
    exchange.load_markets()
    assert exchange.fetch_open_interest(BTC)["openInterestAmount"] is not None
    assert "USDC" in exchange.fetch_currencies()
    fee = exchange.fetch_trading_fee(BTC)
    assert (fee["taker"], fee["maker"]) == (0.00045, 0.00015)


def test_a_fresh_account_has_its_deposit_and_nothing_else(exchange: Any, wallet: Wallet) -> None:
    balance = exchange.fetch_balance()
    assert balance["USDC"] == {"total": 10_000, "used": 0, "free": 10_000}
    assert abs(balance["timestamp"] - time.time() * 1000) < 5_000
    assert exchange.fetch_positions() == []
    assert exchange.fetch_open_orders() == []
    assert exchange.fetch_my_trades() == []
    assert [deposit["amount"] for deposit in exchange.fetch_deposits()] == [10_000]


def test_an_address_nobody_funded_looks_flat_and_empty(public: Any) -> None:
    nobody = "0x" + "9" * 40
    assert public.fetch_balance({"user": nobody, "enableUnifiedMargin": False})["USDC"]["total"] == 0
    assert public.fetch_positions(params={"user": nobody}) == []


def test_positions_show_size_entry_leverage_and_profit(exchange: Any, process: SimulatorProcess) -> None:
    price = exchange.fetch_tickers(params={"type": "swap"})[ETH]["close"]
    exchange.create_order(ETH, "market", "sell", 0.5, price)
    (position,) = exchange.fetch_positions()
    assert (position["symbol"], position["side"], position["contracts"]) == (ETH, "short", 0.5)
    assert position["entryPrice"] == pytest.approx(price, rel=0.005)
    assert (position["leverage"], position["marginMode"]) == (20, "cross")
    assert position["liquidationPrice"] > price
    assert position["initialMargin"] == pytest.approx(position["notional"] / 20, rel=1e-4)


def test_a_closed_position_is_missing_from_the_answer(exchange: Any) -> None:
    price = exchange.fetch_tickers(params={"type": "swap"})[ETH]["close"]
    exchange.create_order(ETH, "market", "buy", 0.1, price)
    exchange.create_order(ETH, "market", "sell", 0.1, price, {"reduceOnly": True})
    assert exchange.fetch_positions() == []


def test_fills_by_time_are_oldest_first_and_pages_start_where_asked(exchange: Any) -> None:
    price = exchange.fetch_tickers(params={"type": "swap"})[BTC]["close"]
    for _ in range(3):
        exchange.create_order(BTC, "market", "buy", 0.001, price)
    everything = exchange.fetch_my_trades(BTC, 0)
    times = [trade["timestamp"] for trade in everything]
    assert times == sorted(times)
    assert sum(trade["amount"] for trade in everything) == pytest.approx(0.003)
    late = exchange.fetch_my_trades(BTC, times[-1] + 1)
    assert late == []


def test_the_venue_speaks_of_roles_limits_agents_and_sub_accounts(process: SimulatorProcess, wallet: Wallet) -> None:
    user = wallet.address
    assert process.info({"type": "userRole", "user": user}) == {"role": "user"}
    assert process.info({"type": "userAbstraction", "user": user}) == "disabled"
    assert process.info({"type": "subAccounts", "user": user}) is None
    assert process.info({"type": "extraAgents", "user": user}) == []
    assert process.info({"type": "userRateLimit", "user": user})["nRequestsCap"] == 10_000
    sub = "0x" + "5" * 40
    process.post("/sim/accounts", {"address": sub, "master": user, "deposit_usd": 70})
    (found,) = process.info({"type": "subAccounts", "user": user})
    assert (found["subAccountUser"], found["clearinghouseState"]["marginSummary"]["accountValue"]) == (sub, "70.0")


def test_an_unknown_coin_is_null_and_an_unknown_request_is_not_understood(process: SimulatorProcess) -> None:
    assert process.info({"type": "l2Book", "coin": "NOPE"}) is None
    assert process.info({"type": "candleSnapshot", "req": {"coin": "NOPE", "interval": "1m", "startTime": 0, "endTime": 1}}) is None
    refused: list[Any] = [
        {"type": "nope"},
        {"type": "clearinghouseState"},
        {"type": "clearinghouseState", "user": "0x1"},
        [],
        "x",
        {"type": []},
    ]
    for body in refused:
        with pytest.raises(AssertionError, match="status 422"):
            process.info(body)
    for request in (
        {},
        {"coin": "BTC", "interval": "1m", "startTime": "now", "endTime": 1},
        {"coin": [], "interval": "1m", "startTime": 0},
    ):
        with pytest.raises(AssertionError, match="status 422"):
            process.info({"type": "candleSnapshot", "req": request})


def test_a_symbol_that_is_not_listed_is_a_bad_symbol(public: Any) -> None:
    with pytest.raises(ccxt.BadSymbol):
        public.fetch_order_book("NOPE/USDC:USDC")
