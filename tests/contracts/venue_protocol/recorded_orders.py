"""The recorded requests that place, change and cancel orders, and those that set leverage and the dead man's switch."""

from __future__ import annotations

from typing import Any

from tests.contracts.venue_protocol.recording import (
    ADA,
    ALO,
    BTC,
    CLOID,
    ETH,
    GTC,
    HYPE,
    IOC,
    LATER,
    MEME,
    NONCE,
    OID,
    OTHER_CLOID,
    OTHER_OID,
    OTHER_VAULT,
    PURR,
    SIGNED,
    SOL,
    VAULT,
    Recording,
    cancelled,
    leverage,
    modified,
    order,
    placed,
    stop,
)


def _create(about: str, args: tuple[Any, ...], body: dict[str, Any], mark: str, **more: Any) -> Recording:
    coin = PURR if args[0] == PURR else args[0].partition("/")[0]
    return Recording("createOrder", about, args, body, "orders placed", marks={coin: mark}, **more)


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
