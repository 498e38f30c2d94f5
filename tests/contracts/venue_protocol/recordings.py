"""Every request that ccxt has recorded of this venue, in this project's own form: facts of its static request file (docs/simulator.md)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.contracts.venue_protocol.recorded_orders import CHANGES, ORDERS
from tests.contracts.venue_protocol.recording import (
    BTC_PAIR,
    ETH,
    KPEPE,
    NONCE,
    NOW,
    OID,
    OTHER_CLOID,
    OWNER,
    OWNERS_SUB,
    PENGU_PAIR,
    PURR,
    RECEIVER,
    SOL,
    USER,
    Recording,
    signed,
)

MONEY = "moves money between accounts, which A8 does not name"
FEES = "the fee tier, which A8 does not name"
LEDGER = "deposits and withdrawals, which A8 does not name"


def _read(method: str, about: str, kind: str, args: tuple[Any, ...], body: dict[str, Any], **more: Any) -> Recording:
    return Recording(method, about, args, body, kind, **more)


def _for_user_and_sub(method: str, kind: str, args: tuple[Any, ...], body: dict[str, Any], **more: Any) -> tuple[Recording, Recording]:
    """Many are recorded twice: the user named as `user` and as `subAccountAddress`."""
    return (
        _read(method, "of a user", kind, (*args, {"user": USER}), body, **more),
        _read(method, "of a sub-account", kind, (*args, {"subAccountAddress": USER}), body, **more),
    )


def _candles(coin: str, interval: str, start: Any = 0, end: Any = NOW) -> dict[str, Any]:
    return {"type": "candleSnapshot", "req": {"coin": coin, "interval": interval, "startTime": start, "endTime": end}}


MARKET = (
    # The recorded request is older than the installed ccxt, which asks for the tokens.
    _read("fetchCurrencies", "all", "markets", (), {"type": "meta"}, sends={"type": "spotMeta"}),
    _read("fetchTickers", "spot", "tickers", (None, {"type": "spot"}), {"type": "spotMetaAndAssetCtxs"}),
    _read("fetchTickers", "swap", "tickers", (None, {"type": "swap"}), {"type": "metaAndAssetCtxs"}),
    _read("fetchOrderBook", "kilo pair", "order book", (KPEPE,), {"type": "l2Book", "coin": "kPEPE"}),
    _read("fetchOrderBook", "ETH", "order book", (ETH,), {"type": "l2Book", "coin": "ETH"}),
    _read("fetchOrderBook", "spot", "order book", (PURR,), {"type": "l2Book", "coin": PURR}),
    _read("fetchOHLCV", "spot by its mapped name", "candles", ("BTC/USDC", "1h"), _candles(BTC_PAIR, "1h")),
    _read("fetchOHLCV", "spot by its mapped name, another", "candles", ("PENGU/USDC", "1h"), _candles(PENGU_PAIR, "1h")),
    _read("fetchOHLCV", "kilo pair", "candles", (KPEPE,), _candles("kPEPE", "1m")),
    _read("fetchOHLCV", "ETH", "candles", (ETH,), _candles("ETH", "1m")),
    _read("fetchOHLCV", "spot", "candles", (PURR,), _candles(PURR, "1m")),
    _read(
        "fetchOHLCV",
        "until a time",
        "candles",
        (ETH, "1m", None, 10, {"until": "1730378220000"}),
        _candles("ETH", "1m", NOW, 1730378220000),
        empty="the recorded time is before this market's history",
    ),
    _read("fetchFundingRateHistory", "kilo pair", "funding", (KPEPE,), {"type": "fundingHistory", "coin": "kPEPE", "startTime": NOW}),
    _read(
        "fetchFundingRateHistory",
        "ETH, a user named",
        "funding",
        (ETH, None, None, {"user": USER}),
        {"type": "fundingHistory", "coin": "ETH", "startTime": NOW, "user": USER},
    ),
)

STATE = {"type": "clearinghouseState", "user": USER}
FILLS = {"type": "userFills", "user": USER}
UPDATES = {"type": "userNonFundingLedgerUpdates", "user": USER, "startTime": 1725278637122}

ACCOUNT = (
    _read("fetchBalance", "swap", "balance", ({"user": USER},), STATE),
    _read("fetchBalance", "spot", "balance", ({"type": "spot", "user": OWNER},), {"type": "spotClearinghouseState", "user": OWNER}),
    _read(
        "fetchBalance",
        "spot of a sub-account",
        "balance",
        ({"type": "spot", "subAccountAddress": OWNERS_SUB},),
        {"type": "spotClearinghouseState", "user": OWNERS_SUB},
    ),
    *_for_user_and_sub("fetchOpenOrders", "open orders", (ETH, None, None), {"type": "frontendOpenOrders", "user": USER}),
    _read(
        "fetchOrder",
        "of a user",
        "order status",
        (OID, ETH, {"user": USER}),
        {"type": "orderStatus", "oid": OID, "user": USER},
        needs="order of the user",
    ),
    _read(
        "fetchOrder",
        "client order id",
        "order status",
        (OTHER_CLOID, SOL, {"user": OWNER}),
        {"type": "orderStatus", "oid": OTHER_CLOID, "user": OWNER},
    ),
    _read(
        "fetchOrder",
        "of a sub-account",
        "order status",
        (OID, ETH, {"subAccountAddress": USER}),
        {"type": "orderStatus", "oid": OID, "user": USER},
        needs="order of the user",
    ),
    *_for_user_and_sub("fetchTrades", "fills", (ETH, None, None), FILLS),
    _read("fetchTrades", "of an address", "fills", (ETH, None, None, {"address": USER}), FILLS),
    *_for_user_and_sub("fetchMyTrades", "fills", (ETH, None, None), FILLS),
    *_for_user_and_sub("fetchPosition", "positions", (ETH,), STATE),
    *_for_user_and_sub("fetchPositions", "positions", ([ETH],), STATE),
)

CLASS_TRANSFER = {"hyperliquidChain": "Mainnet", "signatureChainId": "0x66eee", "type": "usdClassTransfer", "amount": "100"}
SUB_TRANSFER = {"type": "subAccountTransfer", "subAccountUser": RECEIVER}


def _withdrawal(amount: str, to: str) -> dict[str, Any]:
    chain = {"hyperliquidChain": "Mainnet", "signatureChainId": "0x66eee"}
    return signed({**chain, "destination": to, "amount": amount, "time": NONCE, "type": "withdraw3"})


_BESIDES: tuple[Recording, ...] = (
    Recording(
        "transfer",
        "spot to swap",
        ("USDC", 100, "spot", "swap"),
        signed({**CLASS_TRANSFER, "toPerp": True, "nonce": NONCE}),
        needs="usdc on the spot side",
    ),
    Recording("transfer", "swap to spot", ("USDC", 100, "swap", "spot"), signed({**CLASS_TRANSFER, "toPerp": False, "nonce": NONCE})),
    Recording(
        "transfer", "to a sub-account", ("USDC", 100, "main", RECEIVER), signed({**SUB_TRANSFER, "isDeposit": True, "usd": 100_000_000})
    ),
    Recording(
        "transfer", "from a sub-account", ("USDC", 100, RECEIVER, "main"), signed({**SUB_TRANSFER, "isDeposit": False, "usd": 100_000_000})
    ),
    Recording("withdraw", "on chain", ("USDC", 100, RECEIVER), _withdrawal("100", RECEIVER)),
    Recording("withdraw", "main net", ("USDC", 10, RECEIVER), _withdrawal("10", RECEIVER)),
    Recording(
        "withdraw",
        "from a vault",
        ("USDC", 100, RECEIVER, {"vaultAddress": RECEIVER}),  # recorded with an empty tag between, which this ccxt does not take
        signed({"vaultAddress": RECEIVER, "isDeposit": False, "usd": 100, "type": "vaultTransfer"}),
        sends=signed({"type": "vaultTransfer", "vaultAddress": RECEIVER, "isDeposit": False, "usd": 100}),
        refused=True,
    ),
)

BESIDES = (
    *(replace(row, outside=MONEY) for row in _BESIDES),
    *_for_user_and_sub("fetchTradingFee", "", (SOL,), {"type": "userFees", "user": USER}, outside=FEES),
    *(
        row
        for method in ("fetchLedger", "fetchDeposits", "fetchWithdrawals")
        for row in _for_user_and_sub(method, "", ("USDC", 1725278637122, 10), UPDATES, outside=LEDGER)
    ),
)

RECORDED = (*ORDERS, *CHANGES, *MARKET, *ACCOUNT, *BESIDES)

# How many of each method ccxt's file holds, so that none is forgotten here.
COUNTS = {
    "createOrderWithTakeProfitAndStopLoss": 1,
    "cancelAllOrdersAfter": 2,
    "fetchCurrencies": 1,
    "fetchTickers": 2,
    "createOrder": 29,
    "createOrders": 1,
    "editOrder": 3,
    "cancelOrder": 2,
    "cancelOrders": 1,
    "fetchBalance": 3,
    "fetchOrderBook": 3,
    "fetchOHLCV": 6,
    "fetchFundingRateHistory": 2,
    "fetchOpenOrders": 2,
    "fetchOrder": 3,
    "fetchTrades": 3,
    "fetchMyTrades": 2,
    "fetchPosition": 2,
    "fetchPositions": 2,
    "setLeverage": 3,
    "setMarginMode": 2,
    "transfer": 4,
    "withdraw": 3,
    "cancelOrdersForSymbols": 2,
    "fetchTradingFee": 2,
    "fetchLedger": 2,
    "fetchDeposits": 2,
    "fetchWithdrawals": 2,
}
