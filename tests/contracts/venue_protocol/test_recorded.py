"""Requests of the kinds that ccxt has recorded of this venue are accepted; answers have the recorded keys, types and number formats."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.contracts.venue_protocol import shapes
from tests.contracts.venue_protocol.conftest import stock_ccxt
from tests.contracts.venue_protocol.shapes import mismatches
from tests.contracts.venue_protocol.test_trading import cloid, price_of, send
from tests.support.simulator import SimulatorProcess, Wallet, make_wallet

SOL = "SOL/USDC:USDC"
SUB = "0x" + "5b" * 20

Call = Callable[[Any, float], Any]

LIMIT = {"limit": {"tif": str}}
TRIGGER = {"trigger": {"isMarket": bool, "triggerPx": str, "tpsl": str}}


def _order(kind: Any) -> dict[str, Any]:
    return {"a": int, "b": bool, "p": str, "s": str, "r": bool, "t": kind, "c?": str}


def _orders(*kinds: Any) -> dict[str, Any]:
    alternatives = tuple(_order(kind) for kind in kinds)
    return {"type": str, "orders": [alternatives], "grouping": str, "builder": {"b": str, "f": int}}


def _stops(exchange: Any, price: float, kind: str) -> Any:
    legs = {
        "stopLoss": {"type": kind, "triggerPrice": round(price * 1.2), "stopLossPrice": round(price * 1.25)},
        "takeProfit": {"type": kind, "triggerPrice": round(price * 0.8), "takeProfitPrice": round(price * 0.75)},
    }
    return exchange.create_order(SOL, "market", "sell", 2, price, legs)


# What is called, and the recorded form of its action.
ACTIONS: dict[str, tuple[Call, Any]] = {
    "limit": (lambda e, p: e.create_order(SOL, "limit", "buy", 0.2, p * 0.9), _orders(LIMIT)),
    "more than five digits": (lambda e, p: e.create_order("BTC/USDC:USDC", "limit", "buy", 0.0014, 70956.12312321), _orders(LIMIT)),
    "market": (lambda e, p: e.create_order(SOL, "market", "buy", 1, p), _orders(LIMIT)),
    "client order id": (lambda e, p: e.create_order(SOL, "market", "buy", 0.5, p, {"clientOrderId": cloid(77)}), _orders(LIMIT)),
    "good till cancelled": (lambda e, p: e.create_order(SOL, "limit", "buy", 0.2, p * 0.9, {"timeInForce": "GTC"}), _orders(LIMIT)),
    "post only": (lambda e, p: e.create_order(SOL, "limit", "buy", 0.2, p * 0.9, {"postOnly": True}), _orders(LIMIT)),
    "trigger limit": (lambda e, p: e.create_order(SOL, "limit", "buy", 0.5, p * 1.2, {"triggerPrice": p * 1.1}), _orders(TRIGGER)),
    "trigger market": (lambda e, p: e.create_order(SOL, "market", "buy", 0.5, p * 1.1, {"triggerPrice": p * 1.1}), _orders(TRIGGER)),
    "stop loss": (lambda e, p: e.create_order(SOL, "market", "sell", 3.34, p * 0.9, {"stopLossPrice": p * 0.9}), _orders(TRIGGER)),
    "take profit": (lambda e, p: e.create_order(SOL, "market", "buy", 3.34, p * 0.9, {"takeProfitPrice": p * 0.9}), _orders(TRIGGER)),
    "with market stops": (lambda e, p: _stops(e, p, "market"), _orders(LIMIT, TRIGGER)),
    "with limit stops": (lambda e, p: _stops(e, p, "limit"), _orders(LIMIT, TRIGGER)),
    "several": (
        lambda e, p: e.create_orders(
            [{"symbol": SOL, "amount": 0.2 + n / 10, "side": "buy", "type": "limit", "price": p * 0.9} for n in range(2)]
        ),
        _orders(LIMIT),
    ),
    "for a sub-account": (lambda e, p: e.create_order(SOL, "market", "buy", 0.1, p, {"subAccountAddress": SUB[2:]}), _orders(LIMIT)),
    "in a vault with 0x": (lambda e, p: e.create_order(SOL, "market", "buy", 0.1, p, {"vaultAddress": SUB}), _orders(LIMIT)),
    "leverage": (lambda e, p: e.set_leverage(5, SOL), {"type": str, "asset": int, "isCross": bool, "leverage": int}),
    "leverage of a sub-account": (
        lambda e, p: e.set_leverage(5, SOL, {"subAccountAddress": SUB}),
        {"type": str, "asset": int, "isCross": bool, "leverage": int},
    ),
    "cross": (lambda e, p: e.set_margin_mode("cross", SOL, {"leverage": 5}), {"type": str, "asset": int, "isCross": bool, "leverage": int}),
    "isolated": (
        lambda e, p: e.set_margin_mode("isolated", SOL, {"leverage": 5}),
        {"type": str, "asset": int, "isCross": bool, "leverage": int},
    ),
    "dead man's switch": (lambda e, p: e.cancel_all_orders_after(1), {"type": str, "time": int}),
    "dead man's switch of a sub-account": (
        lambda e, p: e.cancel_all_orders_after(1, {"subAccountAddress": SUB}),
        {"type": str, "time": int},
    ),
}


@pytest.mark.parametrize("name", ACTIONS)
def test_a_recorded_kind_of_action_is_accepted(exchange: Any, process: SimulatorProcess, wallet: Wallet, name: str) -> None:
    call, shape = ACTIONS[name]
    if "sub-account" in name or "vault" in name:
        process.post("/sim/accounts", {"address": SUB, "master": wallet.address, "deposit_usd": 1000})
    exchange.load_markets()
    call(exchange, price_of(exchange, SOL))
    sent = json.loads(exchange.last_request_body)
    assert set(sent) - {"vaultAddress"} == {"action", "nonce", "signature"}
    assert mismatches(shape, sent["action"]) == []
    assert process.actions()[-1]["outcome"] == "ok"
    assert "error" not in json.dumps(process.actions()[-1]["answer"])


@pytest.fixture(autouse=True)
def one_master_per_sub_account(process: SimulatorProcess, monkeypatch: pytest.MonkeyPatch, wallet: Wallet) -> None:
    """A sub-account belongs to one master, so each test has its own."""
    monkeypatch.setitem(globals(), "SUB", "0x5b" + wallet.address[4:])


def test_edits_and_cancels_of_the_recorded_kinds_are_accepted(exchange: Any) -> None:
    low = price_of(exchange, SOL) * 0.9
    old = exchange.create_order(SOL, "limit", "buy", 0.2, low, {"clientOrderId": cloid(5)})
    new = exchange.edit_order(old["id"], SOL, "limit", "buy", 0.7, low)
    sent = json.loads(exchange.last_request_body)["action"]
    assert mismatches({"type": str, "modifies": [{"oid": int, "order": _order(LIMIT)}]}, sent) == []
    exchange.cancel_order(new["id"], SOL)
    assert mismatches({"type": str, "cancels": [{"a": int, "o": int}]}, json.loads(exchange.last_request_body)["action"]) == []
    exchange.create_order(SOL, "limit", "buy", 0.2, low, {"clientOrderId": cloid(6)})
    exchange.cancel_orders_for_symbols([{"clientOrderId": cloid(6), "symbol": SOL}])
    sent = json.loads(exchange.last_request_body)["action"]
    assert mismatches({"type": str, "cancels": [{"asset": int, "cloid": str}]}, sent) == []
    assert exchange.fetch_open_orders() == []


@pytest.fixture(scope="module")
def lived(process: SimulatorProcess) -> str:
    """The address of an account that has positions, fills of every kind, orders of every state, funding and transfers."""
    wallet = make_wallet(4242)
    process.fund(wallet.address, "10000")
    process.transfer(wallet.address, "-10")
    exchange = stock_ccxt(process, wallet)
    price = price_of(exchange, SOL)
    exchange.create_order(SOL, "market", "buy", 3, price, {"clientOrderId": cloid(1)})
    exchange.create_order(SOL, "market", "sell", 5, price)
    exchange.create_order("DOGE/USDC:USDC", "market", "buy", 500, price_of(exchange, "DOGE/USDC:USDC"))
    exchange.create_order(SOL, "limit", "buy", 0.5, price * 0.8)
    exchange.create_order(SOL, "market", "buy", 0.5, price * 1.2, {"triggerPrice": price * 1.2})
    with pytest.raises(Exception, match="could not immediately match"):
        exchange.create_order(SOL, "limit", "buy", 0.5, price * 0.8, {"timeInForce": "IOC"})
    process.set_speed(3600)
    while not process.info({"type": "userFunding", "user": wallet.address}):
        pass
    process.set_speed(1)
    return wallet.address


INFO: dict[str, tuple[dict[str, Any], Any]] = {
    "meta": ({}, {"universe": [shapes.COIN], "marginTables": list, "collateralToken": int}),
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
    "spotClearinghouseState": ({"user": "USER"}, {"balances": []}),
    "frontendOpenOrders": ({"user": "USER"}, [shapes.ORDER]),
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
    assert len(meta["universe"]) == len(contexts) == 6


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
        ([{"a": int}], [{"a": 1}, {"a": "1"}]),
        ({"a": None}, {"a": 0}),
        ((int, None), "x"),
    ],
)
def test_the_comparison_of_shapes_objects_to_what_differs(shape: Any, value: Any) -> None:
    assert mismatches(shape, value) != []
