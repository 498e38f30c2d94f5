"""`POST /info`: one function per request type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from threet.simulator import account_views as views
from threet.simulator import spot
from threet.simulator.exchange import Exchange
from threet.simulator.market import HOUR_MS, Listing
from threet.simulator.placing import BadRequest
from threet.simulator.wire import decimal_text

MAX_FUNDING_ROWS = 500
BOOK_LEVELS = 20  # as many as the venue shows

Body = Mapping[str, Any]


def answer(exchange: Exchange, body: Any) -> Any:
    """The venue's answer as JSON values. Raises BadRequest for what the venue would not understand."""
    kind = body.get("type") if isinstance(body, dict) else None
    handler = _HANDLERS.get(kind) if isinstance(kind, str) else None
    if handler is None:
        raise BadRequest(f"type: found {kind!r}, expected one of {sorted(_HANDLERS)}")
    if body.get("dex"):
        raise BadRequest(f"dex: found {body['dex']!r}, expected none: the simulator has no builder-deployed venues")
    try:
        return handler(exchange, body)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadRequest(f"{kind}: {error!r}") from error


def user_of(body: Any) -> str | None:
    """The address a request asks about, in lower case."""
    user = body.get("user") if isinstance(body, dict) else None
    return user.lower() if isinstance(user, str) else None


def _user(body: Body) -> str:
    user = user_of(body)
    if user is None or len(user) != 42 or not user.startswith("0x"):
        raise BadRequest(f"user: found {body.get('user')!r}, expected 0x and 40 hex digits")
    return user


def _meta(exchange: Exchange, body: Body) -> dict[str, Any]:
    universe = [
        {
            "szDecimals": listing.spec.sz_decimals,
            "name": listing.spec.name,
            "maxLeverage": listing.spec.max_leverage,
            "marginTableId": listing.spec.max_leverage,
        }
        for listing in exchange.market.listings.values()
    ]
    tables = sorted({row["maxLeverage"] for row in universe if isinstance(row["maxLeverage"], int)})
    margin_tables = [[lev, {"description": "", "marginTiers": [{"lowerBound": "0.0", "maxLeverage": lev}]}] for lev in tables]
    return {"universe": universe, "marginTables": margin_tables, "collateralToken": 0}


def _meta_and_contexts(exchange: Exchange, body: Body) -> list[Any]:
    return [_meta(exchange, body), [_context(exchange, listing) for listing in exchange.market.listings.values()]]


def _context(exchange: Exchange, listing: Listing) -> dict[str, Any]:
    coin, now = listing.spec.name, exchange.clock.now_ms()
    mark = exchange.market.mark(coin, now)
    day_ago, volume = exchange.market.day(coin, now)
    wall = exchange.wall_ms()
    bids, asks = (exchange.book.side(listing.spec, mark, side, wall, limit=1) for side in (False, True))
    middle = decimal_text((bids[0].price + asks[0].price) / 2) if bids and asks else None
    return {
        "funding": decimal_text(exchange.market.funding_rate(coin, now)),
        "openInterest": decimal_text(_open_interest(exchange, coin)),
        "prevDayPx": decimal_text(day_ago),
        "dayNtlVlm": decimal_text(volume),
        "premium": "0.0",
        "oraclePx": decimal_text(mark),
        "markPx": decimal_text(mark),
        "midPx": middle,
        "impactPxs": [decimal_text(bids[0].price), decimal_text(asks[0].price)] if bids and asks else None,
        "dayBaseVlm": decimal_text((volume / mark).quantize(Decimal("0.01"))),
    }


def _open_interest(exchange: Exchange, coin: str) -> Decimal:
    held = (account.positions.get(coin) for account in exchange.state.accounts.values())
    return sum((abs(position.contracts) for position in held if position is not None), Decimal(0))


def _all_mids(exchange: Exchange, body: Body) -> dict[str, str]:
    contexts = [(coin, _context(exchange, listing)) for coin, listing in exchange.market.listings.items()]
    return {coin: context["midPx"] or context["markPx"] for coin, context in contexts}


def _book(exchange: Exchange, body: Body) -> dict[str, Any] | None:
    """Carries market time: the venue's other public answers have no time at all."""
    listing = exchange.market.find(body["coin"])
    if listing is None:
        return None
    now = exchange.clock.now_ms()
    mark, wall = exchange.market.mark(listing.spec.name, now), exchange.wall_ms()
    sides = [exchange.book.side(listing.spec, mark, asks, wall, BOOK_LEVELS) for asks in (False, True)]
    levels = [[{"px": decimal_text(level.price), "sz": decimal_text(level.size), "n": 1} for level in side] for side in sides]
    return {"coin": listing.spec.name, "time": now, "levels": levels}


def _candles(exchange: Exchange, body: Body) -> list[dict[str, Any]] | None:
    request = body["req"]
    if exchange.market.find(request["coin"]) is None:
        return None
    now = exchange.clock.now_ms()
    start, end = int(request["startTime"]), int(request.get("endTime") or now)
    return exchange.market.candles(request["coin"], request["interval"], start, end, now)


def _funding_history(exchange: Exchange, body: Body) -> list[dict[str, Any]] | None:
    """Hourly rates in market time, oldest first, at most 500."""
    coin = body["coin"]
    if coin not in exchange.market.listings:
        return None
    now = exchange.clock.now_ms()
    start = max(int(body["startTime"]), exchange.market.history_start_ms + HOUR_MS)
    end = min(int(body.get("endTime") or now), now)
    hours = range(-(-start // HOUR_MS) * HOUR_MS, end + 1, HOUR_MS)
    rates = ((hour, exchange.market.funding_rate(coin, hour)) for hour in hours[:MAX_FUNDING_ROWS])
    return [{"coin": coin, "fundingRate": decimal_text(rate), "premium": "0.0", "time": hour} for hour, rate in rates]


_HANDLERS: Mapping[str, Callable[[Exchange, Body], Any]] = {
    "meta": _meta,
    "metaAndAssetCtxs": _meta_and_contexts,
    "allMids": _all_mids,
    "spotMeta": lambda exchange, body: spot.meta(exchange),
    "spotMetaAndAssetCtxs": lambda exchange, body: [spot.meta(exchange), spot.contexts(exchange)],
    "perpDexs": lambda exchange, body: [None],
    "exchangeStatus": lambda exchange, body: {"specialStatuses": None, "time": exchange.wall_ms()},
    "l2Book": _book,
    "candleSnapshot": _candles,
    "fundingHistory": _funding_history,
    "clearinghouseState": lambda exchange, body: views.clearinghouse_state(exchange, _user(body)),
    "spotClearinghouseState": lambda exchange, body: views.spot_state(exchange, _user(body)),
    "frontendOpenOrders": lambda exchange, body: views.open_orders(exchange, _user(body)),
    "openOrders": lambda exchange, body: views.brief_open_orders(exchange, _user(body)),
    "orderStatus": lambda exchange, body: views.order_status(exchange, _user(body), body["oid"]),
    "historicalOrders": lambda exchange, body: views.historical_orders(exchange, _user(body)),
    "userFills": lambda exchange, body: views.fills(exchange, _user(body)),
    "userFillsByTime": lambda exchange, body: views.fills_by_time(exchange, _user(body), body),
    "userFunding": lambda exchange, body: views.fundings(exchange, _user(body), body),
    "userNonFundingLedgerUpdates": lambda exchange, body: views.transfers(exchange, _user(body), body),
    "userFees": lambda exchange, body: views.fees(exchange, _user(body)),
    "userRateLimit": lambda exchange, body: views.rate_limit(exchange, _user(body)),
    "userRole": lambda exchange, body: views.role(exchange, _user(body)),
    "userAbstraction": lambda exchange, body: "disabled",
    "subAccounts": lambda exchange, body: views.sub_accounts(exchange, _user(body)),
    "extraAgents": lambda exchange, body: views.agents(exchange, _user(body)),
    "maxBuilderFee": lambda exchange, body: 0,
}
