"""Each answer that ccxt has recorded of this venue: the simulator's answer to the same call has its keys, types and number formats."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from tests.contracts.venue_protocol import shapes
from tests.contracts.venue_protocol.conftest import stock_ccxt
from tests.contracts.venue_protocol.recording import ADA, ETH, HYPE, PURR, SOL, USER
from tests.contracts.venue_protocol.shapes import mismatches
from tests.contracts.venue_protocol.test_trading import cloid, price_of, send
from tests.support.simulator import SimulatorProcess, make_wallet

BUILDERS = "a builder-deployed venue, of which there is none here; the form is the one of the venue's own coins"
OLDER = "recorded of an older venue, with fewer keys; the others of its kind are newer"
MONEY = "A8 does not name it; served all the same"


@dataclass(frozen=True, slots=True)
class Answer:
    """One recorded answer: the call that it answers, and its form."""

    method: str
    about: str
    args: tuple[Any, ...]
    shape: Any = None  # None: not to be had here
    shows: tuple[str, ...] = ()  # what stands somewhere in the answer, as it does in the recorded one
    note: str = ""

    @property
    def name(self) -> str:
        return f"{self.method}: {self.about}"


ORDER_STATUS = {"status": re.compile("order"), "order": shapes.ORDER_WITH_STATUS}
WAITS = re.compile("waitingForTrigger")
BALANCES = {"balances": [shapes.BALANCE]}
HOURS = (1, {"until": 2**42})

# In the order of ccxt's static response file for this venue. Order numbers are looked up by the words in angle brackets.
ANSWERS = (
    Answer("fetchOrders", "several of one coin", (HYPE, None, 2), [shapes.ORDER_WITH_STATUS], ("canceled",)),
    Answer("createOrder", "filled", (HYPE, "market", "sell", 1, 25), shapes.placed(shapes.FILLED)),
    Answer(
        "createOrderWithTakeProfitAndStopLoss",
        "filled, its stops waiting",
        (HYPE, "market", "buy", 1, 25, 30, 10),
        shapes.placed(shapes.FILLED, WAITS, WAITS),
    ),
    Answer("fetchCurrencies", "switched off by ccxt, which now asks for the tokens", (), note=OLDER),
    Answer("fetchMyTrades", "with a builder's fee and a liquidation", (HYPE, None, 2), [shapes.FILL], ("builderFee", "liquidation")),
    Answer("fetchMyTrades", "with a client order id", (SOL, None, 1), [shapes.FILL], ("cloid",), OLDER),
    Answer("fetchMyTrades", "spot", (PURR, None, 1), [shapes.FILL], ("PURR/USDC", "Sell")),
    Answer("fetchClosedOrders", "one", (SOL, None, 1), [shapes.ORDER_WITH_STATUS], ("filled",)),
    Answer("fetchOpenOrders", "of a builder's coin", (None, None, None, {"dex": "flx"}), note=BUILDERS),
    Answer("fetchOpenOrders", "one", (SOL, None, 1), [shapes.ORDER], ("SOL",), OLDER),
    Answer("fetchOpenOrders", "a trigger", (ADA,), [shapes.ORDER], ("Stop Limit", "Price above 0.6")),
    Answer("fetchOrder", "post-only", ("<post-only>", HYPE), ORDER_STATUS, ("Alo", "open")),
    Answer("fetchOrder", "spot, cancelled", ("<spot cancelled>", PURR), ORDER_STATUS, ("PURR/USDC", "canceled")),
    Answer("fetchOrder", "of a builder's coin", ("42495335444",), note=BUILDERS),
    Answer("fetchOrder", "filled", ("<filled>",), ORDER_STATUS, ("filled",)),
    Answer("fetchOrder", "spot, filled", ("<spot filled>", PURR), ORDER_STATUS, ("PURR/USDC", "Ioc", "filled")),
    Answer("fetchPositions", "of a builder's coin", (None, {"dex": "flx"}), note=BUILDERS),
    Answer("fetchPositions", "several", ([SOL],), shapes.CLEARINGHOUSE_STATE, ("SOL", "ETH", "cross")),
    Answer("fetchPositions", "a short one", ([SOL],), shapes.CLEARINGHOUSE_STATE, ("SOL",)),
    Answer("fetchPositions", "an isolated short one", ([HYPE],), shapes.CLEARINGHOUSE_STATE, ("isolated", "rawUsd")),
    Answer("fetchOHLCV", "spot by its token's name", ("HPENGU/USDC", "1h", 0, *HOURS), [shapes.CANDLE]),
    Answer("fetchOHLCV", "spot by its token's name, another", ("UBTC/USDC", "1h", 0, *HOURS), [shapes.CANDLE]),
    Answer("fetchOHLCV", "BTC", ("BTC/USDC:USDC", "1m", None, 2), [shapes.CANDLE]),
    Answer("fetchOHLCV", "spot, the last ones", (PURR, "1d", None, 5), [shapes.CANDLE]),
    Answer("fetchOHLCV", "spot, the first ones", (PURR, "1d", 1720915200000, 5), [shapes.CANDLE]),
    Answer("fetchBalance", "spot", ({"type": "spot"},), BALANCES, ("USDC", "PURR")),
    Answer("fetchBalance", "spot, a part held back", ({"type": "spot"},), BALANCES, ("USDC",)),
    Answer("fetchBalance", "swap", (), shapes.CLEARINGHOUSE_STATE),
    Answer("fetchTradingFee", "one", (SOL, {"user": USER}), shapes.FEES, note=MONEY),
    Answer("fetchDeposits", "among other updates", ("USDC", 0), [shapes.TRANSFER], ("deposit",), MONEY),
    Answer("fetchWithdrawals", "among other updates", ("USDC", 0), [shapes.TRANSFER], ("withdraw", "accountClassTransfer"), MONEY),
    Answer("transfer", "swap to spot", ("USDC", 5, "swap", "spot"), shapes.DEFAULT, note=MONEY),
    Answer("transfer", "swap to spot, another", ("USDC", 100, "swap", "spot"), shapes.DEFAULT, note=MONEY),
)

# How many of each method ccxt's file holds; of the tickers it has an empty list.
COUNTS = {
    "fetchOrders": 1,
    "createOrder": 1,
    "createOrderWithTakeProfitAndStopLoss": 1,
    "fetchCurrencies": 1,
    "fetchMyTrades": 3,
    "fetchClosedOrders": 1,
    "fetchOpenOrders": 3,
    "fetchOrder": 5,
    "fetchPositions": 4,
    "fetchOHLCV": 5,
    "fetchBalance": 3,
    "fetchTradingFee": 1,
    "fetchDeposits": 1,
    "fetchWithdrawals": 1,
    "transfer": 2,
}


class Lived:
    """An account with positions, fills and orders of every kind, funding, transfers and tokens."""

    def __init__(self, process: SimulatorProcess) -> None:
        self.process = process
        self.address = make_wallet(4242).address
        process.list_coin("HYPE", "25")
        process.list_coin("ADA", "0.5")
        for token, price in (("PURR", "0.02"), ("UBTC", "105000"), ("HPENGU", "0.02")):
            process.post("/sim/market", {"action": "list_spot", "token": token, "price": price})
        process.fund(self.address, "10000")
        process.transfer(self.address, "-10")
        self.exchange = stock_ccxt(process, make_wallet(4242))
        self.orders: dict[str, str] = {}
        self._trade_perpetuals()
        self._trade_spot()
        process.set_speed(3600)
        while not process.info({"type": "userFunding", "user": self.address}):
            pass
        process.set_speed(1)

    def _order(self, *args: Any, word: str = "") -> None:
        self.orders[word] = self.exchange.create_order(*args)["id"]

    def _trade_perpetuals(self) -> None:
        price = price_of(self.exchange, SOL)
        self._liquidate()
        self._order(SOL, "market", "buy", 3, price, {"clientOrderId": cloid(1)}, word="<filled>")
        self._order(SOL, "market", "sell", 5, price)
        self._order(ETH, "market", "buy", 0.1, price_of(self.exchange, ETH))
        self._order(SOL, "limit", "buy", 0.5, price * 0.8)
        self._order(SOL, "market", "buy", 0.5, price * 1.2, {"triggerPrice": price * 1.2})
        self._order(ADA, "limit", "buy", 40, 0.4, {"triggerPrice": 0.6})
        with pytest.raises(Exception, match="could not immediately match"):
            self._order(SOL, "limit", "buy", 0.5, price * 0.8, {"timeInForce": "IOC"})
        self._order(HYPE, "limit", "buy", 2, 13.5, {"postOnly": True}, word="<post-only>")
        self._order(HYPE, "limit", "sell", 1, 40, word="<to be cancelled>")
        self.exchange.cancel_order(self.orders["<to be cancelled>"], HYPE)
        self.exchange.set_margin_mode("isolated", HYPE, {"leverage": 10})
        self._order(HYPE, "market", "sell", 4, 25)

    def _liquidate(self) -> None:
        """Borrows as much as it may and loses it, before anything else is held."""
        self.exchange.set_leverage(10, HYPE)
        self._order(HYPE, "market", "buy", 3500, 25)
        self.process.set_price("HYPE", "22.5")
        while not any("liquidation" in fill for fill in self.process.info({"type": "userFills", "user": self.address})):
            pass
        self.process.set_price("HYPE", "25")
        self.process.fund(self.address, "10000")

    def _trade_spot(self) -> None:
        self.exchange.transfer("USDC", 200, "swap", "spot")
        self._order(PURR, "market", "buy", 5000, 0.02, word="<spot filled>")
        self._order(PURR, "market", "sell", 1000, 0.02)
        self._order(PURR, "limit", "sell", 1000, 0.03, word="<spot cancelled>")
        self.exchange.cancel_order(self.orders["<spot cancelled>"], PURR)
        self._order(PURR, "limit", "buy", 1000, 0.015)


@pytest.fixture(scope="module")
def account(process: SimulatorProcess) -> Lived:
    return Lived(process)


@pytest.fixture(scope="module")
def lived(account: Lived) -> str:
    return account.address


def ask(account: Lived, row: Answer) -> Any:
    """Makes the recorded call and returns what the simulator answered, as it stood on the wire."""
    name = re.sub("(?<=[a-z])([A-Z]+)", lambda found: "_" + found.group(1).lower(), row.method)
    args = [account.orders.get(value, value) if isinstance(value, str) else value for value in row.args]
    getattr(account.exchange, name)(*args)
    return json.loads(account.exchange.last_http_response)


@pytest.mark.parametrize("row", [row for row in ANSWERS if row.shape is not None], ids=lambda row: row.name)
def test_an_answer_to_a_recorded_call_has_the_recorded_form(account: Lived, row: Answer) -> None:
    answer = ask(account, row)
    assert answer, "an empty answer would have any shape"
    assert mismatches(row.shape, answer) == []
    text = json.dumps(answer)
    assert [word for word in row.shows if f'"{word}"' not in text] == []


def test_every_recorded_answer_is_in_the_table() -> None:
    assert Counter(row.method for row in ANSWERS) == COUNTS
    assert len(ANSWERS) == 33
    assert [row.name for row in ANSWERS if row.shape is None and not row.note] == []


def test_another_venues_orders_and_positions_are_not_answered_with_our_own(account: Lived) -> None:
    for kind in ("frontendOpenOrders", "clearinghouseState", "meta"):
        with pytest.raises(AssertionError, match="status 422"):
            account.process.info({"type": kind, "user": account.address, "dex": "flx"})


def test_an_isolated_position_stands_apart_from_the_cross_margin(account: Lived) -> None:
    """The sums hold in the recorded answer: raw USD are the margin less the signed value, and the cross summary is without it."""
    state = account.process.info({"type": "clearinghouseState", "user": account.address})
    (position,) = (each["position"] for each in state["assetPositions"] if each["position"]["leverage"]["type"] == "isolated")
    margin, value, raw = (Decimal(text) for text in (position["marginUsed"], position["positionValue"], position["leverage"]["rawUsd"]))
    assert abs(raw - (margin + value)) <= Decimal("0.000002")  # it is short
    whole, cross = (Decimal(state[name]["accountValue"]) for name in ("marginSummary", "crossMarginSummary"))
    assert abs(whole - cross - margin) <= Decimal("0.000002")


INFO: dict[str, tuple[dict[str, Any], Any]] = {
    "meta": ({}, shapes.META),
    "spotMetaAndAssetCtxs": ({}, list),
    "perpDexs": ({}, [None]),
    "exchangeStatus": ({}, {"specialStatuses": None, "time": int}),
    "l2Book": ({"coin": "SOL"}, {"coin": str, "time": int, "levels": [[shapes.LEVEL]]}),
    "candleSnapshot": ({"req": {"coin": "SOL", "interval": "15m", "startTime": 0, "endTime": 2**42}}, [shapes.CANDLE]),
    "fundingHistory": (
        {"coin": "SOL", "startTime": 0, "user": "USER"},
        [{"coin": str, "fundingRate": shapes.NUM, "premium": shapes.NUM, "time": int}],
    ),
    "clearinghouseState": ({"user": "USER"}, shapes.CLEARINGHOUSE_STATE),
    "spotClearinghouseState": ({"user": "USER"}, BALANCES),
    "frontendOpenOrders": ({"user": "USER"}, [shapes.ORDER]),
    "openOrders": ({"user": "USER"}, [shapes.BRIEF_ORDER]),
    "historicalOrders": ({"user": "USER"}, [shapes.ORDER_WITH_STATUS]),
    "orderStatus": ({"user": "USER", "oid": cloid(1)}, {"status": str, "order": shapes.ORDER_WITH_STATUS}),
    "userFills": ({"user": "USER"}, [shapes.FILL]),
    "userFillsByTime": ({"user": "USER", "startTime": 0}, [shapes.FILL]),
    "userFunding": ({"user": "USER", "startTime": 0}, [shapes.FUNDING]),
    "userNonFundingLedgerUpdates": ({"user": "USER", "startTime": 0}, [shapes.TRANSFER]),
    "userFees": ({"user": "USER"}, shapes.FEES),
}


@pytest.mark.parametrize("kind", INFO)
def test_an_answer_has_the_recorded_keys_types_and_number_formats(process: SimulatorProcess, lived: str, kind: str) -> None:
    request, shape = INFO[kind]
    body = {"type": kind, **{key: lived if value == "USER" else value for key, value in request.items()}}
    answer = process.info(body)
    assert mismatches(shape, answer) == []
    assert answer, "an empty answer would have any shape"


def test_the_tickers_answer_is_two_lists_in_step(process: SimulatorProcess) -> None:
    meta, contexts = process.info({"type": "metaAndAssetCtxs"})
    assert mismatches([shapes.COIN], meta["universe"]) == []
    assert mismatches([shapes.CONTEXT], contexts) == []
    assert len(meta["universe"]) == len(contexts) >= 6


def test_upper_case_addresses_are_the_same_account(process: SimulatorProcess, lived: str) -> None:
    upper = "0x" + lived[2:].upper()
    assert process.info({"type": "clearinghouseState", "user": upper})["assetPositions"]


def test_an_orders_answer_is_filled_resting_or_an_error(exchange: Any) -> None:
    price = price_of(exchange, SOL)
    orders = [
        {"a": 2, "b": True, "p": f"{price * 1.01:.2f}", "s": "1", "r": False, "t": {"limit": {"tif": "Ioc"}}, "c": cloid(8)},
        {"a": 2, "b": True, "p": f"{price * 0.8:.2f}", "s": "1", "r": False, "t": {"limit": {"tif": "Gtc"}}, "c": cloid(9)},
    ]
    answer = send(exchange, {"type": "order", "orders": orders, "grouping": "na"})
    filled, resting = answer["response"]["data"]["statuses"]
    assert mismatches(shapes.FILLED, json.loads(exchange.last_http_response)["response"]["data"]["statuses"][0]) == []
    assert (filled["filled"]["cloid"], resting["resting"]["cloid"]) == (cloid(8), cloid(9))
    assert answer["status"] == "ok"
    assert answer["response"]["type"] == "order"


@pytest.mark.parametrize(
    ("shape", "value"),
    [
        ({"a": int}, {"a": 1, "b": 2}),
        ({"a": int}, {}),
        ({"a": int}, {"a": True}),
        ({"a": shapes.NUM}, {"a": "60"}),
        ({"a": shapes.NUM}, {"a": 60.0}),
        ({"a": shapes.NUM}, {"a": "60.10"}),
        ({"a": shapes.NUM}, {"a": "-0.0"}),
        (shapes.placed(shapes.FILLED), {"status": "ok", "response": {"type": "order", "data": {"statuses": []}}}),
        ([{"a": int}], [{"a": 1}, {"a": "1"}]),
        ({"a": None}, {"a": 0}),
        ((int, None), "x"),
    ],
)
def test_the_comparison_of_shapes_objects_to_what_differs(shape: Any, value: Any) -> None:
    assert mismatches(shape, value) != []
