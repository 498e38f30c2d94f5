"""Every request that ccxt has recorded of this venue, written down in this project's own form: the call, and what it sends.

Facts of ccxt's static request file for this venue (see docs/simulator.md), in its order. In a body an asset stands by its coin's
name, and OID, LATER, NOW, NONCE and SIGNED stand for what differs with each call.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

# Stand for values that are made when the call is made; a body shows them as these words.
OID, OTHER_OID, LATER, NOW, NONCE = "<order number>", "<other order number>", "<milliseconds, later>", "<milliseconds>", "<nonce>"
SIGNED = {"r": "<hex>", "s": "<hex>", "v": "<27 or 28>"}

KINDS = (
    "markets",
    "balance",
    "positions",
    "tickers",
    "candles",
    "order book",
    "orders placed",
    "orders cancelled",
    "open orders",
    "order status",
    "fills",
    "funding",
    "leverage",
    "scheduleCancel",
)

BTC, ETH, SOL, MEME, HYPE, KPEPE = (f"{coin}/USDC:USDC" for coin in ("BTC", "ETH", "SOL", "MEME", "HYPE", "KPEPE"))
ADA, PURR = "ADA/USDC:USDC", "PURR/USDC"
BTC_PAIR, PENGU_PAIR = "@1", "@2"  # recorded as @142 and @184: here a pair's number is its place, like a coin's
USER = "0x15f43D1f2DeE81424aFd891943262aa90F22cc2A"
OWNER, OWNERS_SUB = "0x3B3741c0EFf9C6b556Ec813e70589161F416662A", "0x3B3741c0EFf9C6b556Ec813e70589161F416661B"
VAULT, OTHER_VAULT, RECEIVER = (
    "0xeba57e1d6bd242ba5f41b61ff1d30b481a535b58",
    "0xcb4d9044aab9e5aa3965b470ebff554cc8820c7b",
    "0xc751489d24a33172541ea451bc253d7a9e98c781",
)
CLOID, OTHER_CLOID = "0x1234567890abcdef1234567890abcdef", "0x1234567890abcdef1234567890abcded"
BUILDER = {"b": "0x6530512a6c89c7cfcebc3ba7fcd9ada5f30827a6", "f": 10}

MONEY = "moves money between accounts, which A8 does not name"
FEES = "the fee tier, which A8 does not name"
LEDGER = "deposits and withdrawals, which A8 does not name"


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded request."""

    method: str  # ccxt's, in its own spelling
    about: str
    args: tuple[Any, ...]
    body: dict[str, Any]
    kind: str = ""  # one of KINDS, or none
    outside: str = ""  # why it is of none of the kinds
    marks: dict[str, str] = field(default_factory=dict)  # where the coins stand, so that the recorded prices make sense
    needs: str = ""  # what is there before
    options: dict[str, Any] = field(default_factory=dict)  # of ccxt
    sends: dict[str, Any] | None = None  # what the installed ccxt sends where that is not `body`; then `body` is sent as it is, too
    refused: bool = False  # the simulator does not know it, and says so

    @property
    def name(self) -> str:
        return f"{self.method}: {self.about}"


GTC, IOC, ALO = ({"limit": {"tif": tif}} for tif in ("Gtc", "Ioc", "Alo"))


def stop(trigger_price: str, tpsl: str, market: bool = True) -> dict[str, Any]:
    return {"trigger": {"isMarket": market, "triggerPx": trigger_price, "tpsl": tpsl}}


def order(coin: str, side: str, price: str, size: str, how: dict[str, Any], reduce_only: bool = False, **more: str) -> dict[str, Any]:
    return {"a": coin, "b": side == "buy", "p": price, "s": size, "r": reduce_only, "t": how, **more}


def placed(*orders: dict[str, Any], grouping: str = "na", **vault: str) -> dict[str, Any]:
    action = {"type": "order", "orders": list(orders), "grouping": grouping, "builder": BUILDER}
    return {"action": action, "nonce": NONCE, "signature": SIGNED, **vault}


def modified(order: dict[str, Any], **vault: str) -> dict[str, Any]:
    action = {"type": "batchModify", "modifies": [{"oid": OID, "order": order}]}
    return {"action": action, "nonce": NONCE, "signature": SIGNED, **vault}


def cancelled(kind: str, *cancels: dict[str, Any]) -> dict[str, Any]:
    return {"nonce": NONCE, "action": {"type": kind, "cancels": list(cancels)}, "signature": SIGNED}


def leverage(coin: str, *, cross: bool = True, vault: str = "") -> dict[str, Any]:
    action = {"type": "updateLeverage", "asset": coin, "isCross": cross, "leverage": 5}
    return {"action": action, "nonce": NONCE, "signature": SIGNED, **({"vaultAddress": vault} if vault else {})}


def signed(action: dict[str, Any]) -> dict[str, Any]:
    return {"action": action, "nonce": NONCE, "signature": SIGNED}


def _create(about: str, args: tuple[Any, ...], body: dict[str, Any], mark: str, **more: Any) -> Recording:
    coin = PURR if args[0] == PURR else args[0].partition("/")[0]
    return Recording("createOrder", about, args, body, "orders placed", marks={coin: mark}, **more)


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


IN_VAULT = {"vaultAddress": VAULT[2:]}

ORDERS = (
    Recording(
        "createOrderWithTakeProfitAndStopLoss",
        "both",
        (HYPE, "market", "buy", 1, 39, 30, 10),
        placed(
            order("HYPE", "buy", "40.95", "1", IOC),
            order("HYPE", "sell", "30", "1", stop("30", "tp", market=False), True),
            order("HYPE", "sell", "10", "1", stop("10", "sl", market=False), True),
            grouping="normalTpsl",
        ),
        "orders placed",
        # Recorded at 39.9: a profit taken below the entry. The venue lets it wait; so does the simulator at a mark below 30.
        marks={"HYPE": "29"},
    ),
    _create(
        "more than five digits",
        (BTC, "limit", "buy", 0.0014, 100000.42343243),
        placed(order("BTC", "buy", "100000", "0.0014", GTC)),
        "105000",
    ),
    _create("limit", (SOL, "limit", "buy", 0.1, 100.9), placed(order("SOL", "buy", "100.9", "0.1", GTC)), "110"),
    _create("market", (SOL, "market", "buy", 1, 110), placed(order("SOL", "buy", "115.5", "1", IOC)), "110"),
    _create(
        "trigger, limit",
        (SOL, "limit", "buy", 0.5, 50, {"triggerPrice": 55}),
        placed(order("SOL", "buy", "50", "0.5", stop("55", "sl", market=False))),
        "52",
    ),
    _create(
        "trigger, market",
        (SOL, "market", "buy", 0.5, 55, {"triggerPrice": 55}),
        placed(order("SOL", "buy", "57.75", "0.5", stop("55", "sl"))),
        "52",
    ),
    _create(
        "client order id",
        (SOL, "market", "buy", 0.5, 130, {"clientOrderId": CLOID}),
        placed(order("SOL", "buy", "136.5", "0.5", IOC, c=CLOID)),
        "130",
    ),
    _create(
        "price and size to be rounded, BTC",
        (BTC, "limit", "buy", 0.001409324, 70956.12312321),
        placed(order("BTC", "buy", "70956", "0.00141", GTC)),
        "72000",
    ),
    _create(
        "price and size to be rounded, ETH",
        (ETH, "limit", "buy", 0.01349234, 3500.12345),
        placed(order("ETH", "buy", "3500.1", "0.0135", GTC)),
        "3600",
    ),
    _create(
        "price and size to be rounded, MEME",
        (MEME, "limit", "buy", 1000.543543, 0.043423423434),
        placed(order("MEME", "buy", "0.043423", "1001", GTC)),
        "0.045",
    ),
    _create(
        "a long size", (BTC, "limit", "buy", 0.0014646006034154486, 70000), placed(order("BTC", "buy", "70000", "0.00146", GTC)), "72000"
    ),
    _create(
        "a long size, market",
        (BTC, "market", "buy", 0.0014646006034154486, 70000.234234324),
        placed(order("BTC", "buy", "73500", "0.00146", IOC)),
        "70000",
    ),
    _create(
        "time in force",
        (BTC, "limit", "buy", 0.0014646006034154486, 60000.234234324, {"timeInForce": "GTC"}),
        placed(order("BTC", "buy", "60000", "0.00146", GTC)),
        "62000",
    ),
    _create(
        "stop loss of a long position",
        (SOL, "market", "sell", 3.34, 100, {"stopLossPrice": 100}),
        placed(order("SOL", "sell", "95", "3.34", stop("100", "sl"))),
        "110",
        needs="long",
    ),
    _create(
        "take profit at 500",
        (SOL, "market", "buy", 3.34, 500, {"takeProfitPrice": 500}),
        placed(order("SOL", "buy", "525", "3.34", stop("500", "tp"))),
        "510",
    ),
    _create("a short position", (SOL, "market", "sell", 2, 175), placed(order("SOL", "sell", "166.25", "2", IOC)), "175"),
    _create(
        "take profit of a short position",
        (SOL, "market", "buy", 3.34, 100, {"takeProfitPrice": 100}),
        placed(order("SOL", "buy", "105", "3.34", stop("100", "tp"))),
        "175",
        needs="short",
    ),
    _create(
        "stop loss of a short position",
        (SOL, "market", "buy", 3.34, 300, {"stopLossPrice": 300}),
        placed(order("SOL", "buy", "315", "3.34", stop("300", "sl"))),
        "175",
        needs="short",
    ),
    _create(
        "in a vault, address without 0x",
        (SOL, "market", "buy", 0.1, 175, {"vaultAddress": VAULT[2:]}),
        placed(order("SOL", "buy", "183.75", "0.1", IOC), **IN_VAULT),
        "175",
    ),
    _create(
        "in a vault, address with 0x",
        (SOL, "market", "buy", 0.1, 175, {"vaultAddress": VAULT}),
        placed(order("SOL", "buy", "183.75", "0.1", IOC), **IN_VAULT),
        "175",
    ),
    _create(
        "reduce-only by the venue's own word",
        (SOL, "market", "buy", 0.1, 175, {"r": True}),
        placed(order("SOL", "buy", "183.75", "0.1", IOC, True)),
        "175",
        needs="short",
        # The recorded request is of a ccxt that let the venue's own words through; the installed one drops this one.
        sends=placed(order("SOL", "buy", "183.75", "0.1", IOC)),
    ),
    _create(
        "reduce-only",
        (SOL, "market", "buy", 0.1, 175, {"reduceOnly": True}),
        placed(order("SOL", "buy", "183.75", "0.1", IOC, True)),
        "175",
        needs="short",
    ),
    _create("post-only", (SOL, "limit", "buy", 0.1, 170, {"postOnly": True}), placed(order("SOL", "buy", "170", "0.1", ALO)), "175"),
    _create(
        "spot, market",
        (PURR, "market", "buy", 1000, 0.019),
        placed(order(PURR, "buy", "0.01995", "1000", IOC)),
        "0.019",
        needs="usdc on the spot side",
    ),
    _create(
        "spot, limit",
        (PURR, "limit", "buy", 700, 0.015),
        placed(order(PURR, "buy", "0.015", "700", GTC)),
        "0.019",
        needs="usdc on the spot side",
    ),
    _create("three decimals", (SOL, "limit", "buy", 0.5, 55.423434234), placed(order("SOL", "buy", "55.423", "0.5", GTC)), "57"),
    _create("two decimals", (SOL, "limit", "sell", 0.5, 100.3424324), placed(order("SOL", "sell", "100.34", "0.5", GTC)), "98"),
    _create(
        "a short position with stops at the market",
        (
            SOL,
            "market",
            "sell",
            2,
            150,
            {"stopLoss": {"type": "market", "triggerPrice": 200}, "takeProfit": {"type": "market", "triggerPrice": 50}},
        ),
        placed(
            order("SOL", "sell", "142.5", "2", IOC),
            order("SOL", "buy", "52.5", "2", stop("50", "tp"), True),
            order("SOL", "buy", "210", "2", stop("200", "sl"), True),
            grouping="normalTpsl",
        ),
        "150",
    ),
    _create(
        "a short position with limited stops",
        (
            SOL,
            "market",
            "sell",
            2,
            150,
            {
                "stopLoss": {"type": "limit", "triggerPrice": 200, "stopLossPrice": 190},
                "takeProfit": {"type": "limit", "triggerPrice": 50, "takeProfitPrice": 40},
            },
        ),
        placed(
            order("SOL", "sell", "142.5", "2", IOC),
            order("SOL", "buy", "40", "2", stop("50", "tp", market=False), True),
            order("SOL", "buy", "190", "2", stop("200", "sl", market=False), True),
            grouping="normalTpsl",
        ),
        "150",
    ),
    _create(
        "of a sub-account",
        (SOL, "market", "buy", 0.1, 175, {"subAccountAddress": VAULT[2:]}),
        placed(order("SOL", "buy", "183.75", "0.1", IOC), **IN_VAULT),
        "175",
    ),
    Recording(
        "createOrders",
        "two",
        # Recorded at 60 and 61, six dollars each, before the venue had its minimum of ten: a hundred dollars higher here.
        ([{"symbol": SOL, "amount": size, "side": "buy", "type": "limit", "price": price} for size, price in ((0.1, 160), (0.11, 161))],),
        placed(order("SOL", "buy", "160", "0.1", GTC), order("SOL", "buy", "161", "0.11", GTC)),
        "orders placed",
        marks={"SOL": "165"},
    ),
)

CHANGES = (
    Recording(
        "editOrder",
        "one",
        (OID, SOL, "limit", "buy", 0.7, 100),
        modified(order("SOL", "buy", "100", "0.7", GTC)),
        "orders placed",
        marks={"SOL": "110"},
        needs="order",
    ),
    *(
        Recording(
            "editOrder",
            about,
            (OID, SOL, "limit", "buy", 0.2, 151, {key: VAULT}),
            modified(order("SOL", "buy", "151", "0.2", GTC), **IN_VAULT),
            "orders placed",
            marks={"SOL": "160"},
            needs="order in the vault",
        )
        for about, key in (("in a vault", "vaultAddress"), ("of a sub-account", "subAccountAddress"))
    ),
    Recording("cancelOrder", "one", (OID, SOL), cancelled("cancel", {"a": "SOL", "o": OID}), "orders cancelled", needs="order"),
    Recording(
        "cancelOrder", "spot", (OID, PURR), cancelled("cancel", {"a": PURR, "o": OID}), "orders cancelled", needs="order on the spot side"
    ),
    Recording(
        "cancelOrders",
        "two",
        ([OID, OTHER_OID], SOL),
        cancelled("cancel", {"a": "SOL", "o": OID}, {"a": "SOL", "o": OTHER_OID}),
        "orders cancelled",
        needs="orders",
    ),
    Recording(
        "cancelOrdersForSymbols",
        "two coins",
        ([{"id": OID, "symbol": SOL}, {"id": OTHER_OID, "symbol": ADA}],),
        cancelled("cancel", {"a": "SOL", "o": OID}, {"a": "ADA", "o": OTHER_OID}),
        "orders cancelled",
        needs="orders of two coins",
    ),
    Recording(
        "cancelOrdersForSymbols",
        "client order id",
        ([{"clientOrderId": OTHER_CLOID, "symbol": SOL}],),
        cancelled("cancelByCloid", {"asset": "SOL", "cloid": OTHER_CLOID}),
        "orders cancelled",
        needs="client order id",
    ),
    *(
        Recording(
            "cancelAllOrdersAfter",
            about,
            (1,),
            {
                "nonce": NONCE,
                "action": {"type": "scheduleCancel", "time": LATER},
                "signature": SIGNED,
                "vaultAddress": OTHER_VAULT[2:],
            },
            "scheduleCancel",
            options={key: OTHER_VAULT},
        )
        for about, key in (("in a vault", "vaultAddress"), ("of a sub-account", "subAccountAddress"))
    ),
    Recording("setLeverage", "one", (5, BTC), leverage("BTC"), "leverage"),
    Recording("setLeverage", "in a vault", (5, SOL, {"vaultAddress": VAULT}), leverage("SOL", vault=VAULT[2:]), "leverage"),
    Recording("setLeverage", "of a sub-account", (5, SOL, {"subAccountAddress": VAULT}), leverage("SOL", vault=VAULT[2:]), "leverage"),
    Recording("setMarginMode", "cross", ("cross", SOL, {"leverage": 5}), leverage("SOL"), "leverage"),
    Recording("setMarginMode", "isolated", ("isolated", SOL, {"leverage": 5}), leverage("SOL", cross=False), "leverage"),
)

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
