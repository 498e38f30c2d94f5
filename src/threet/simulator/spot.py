"""The spot side of an account: what it holds, what its orders hold back, and how the venue lists its pairs."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from threet.simulator.account import ZERO
from threet.simulator.coins import CoinSpec
from threet.simulator.exchange import Exchange
from threet.simulator.market import Listing
from threet.simulator.orders import Order
from threet.simulator.state import Account
from threet.simulator.tokens import EMPTY, USDC, WEI_BEHIND_SIZE
from threet.simulator.wire import decimal_text, usd_text

_USDC: Mapping[str, Any] = {
    "name": USDC,
    "szDecimals": 8,
    "weiDecimals": 8,
    "index": 0,
    "tokenId": "0x6d1e7cde53ba9467b783cb7c530ce054",
    "isCanonical": True,
    "evmContract": None,
    "fullName": None,
}


def spot_spec(token: str, number: int, price: Decimal) -> CoinSpec:
    """The pair of a token with USDC. The venue gives only its first pair a name, the others a number."""
    name = f"{token}/{USDC}" if number == 0 else f"@{number}"
    return CoinSpec(name, min(5, max(0, price.adjusted())), 1, price, token)


def balances(exchange: Exchange, account: Account) -> list[dict[str, Any]]:
    """The tokens an account holds, as `spotClearinghouseState` lists them."""
    numbers = {token["name"]: token["index"] for token in _tokens(exchange)}
    return [
        {
            "coin": token,
            "token": numbers[token],
            "total": decimal_text(held.total),
            "hold": decimal_text(held_back(exchange, account, token)),
            "entryNtl": "0.0" if token == USDC else usd_text(held.cost),
        }
        for token, held in sorted(account.tokens.items(), key=lambda item: numbers[item[0]])
    ]


def held_back(exchange: Exchange, account: Account, token: str) -> Decimal:
    """How much of a token is promised to resting orders."""
    held = ZERO
    for order in exchange.state.orders_of(account.address):
        spec = exchange.spec(order.coin)
        if spec.is_spot and order.is_buy and token == USDC:
            held += order.size * order.limit_px
        elif spec.is_spot and not order.is_buy and token == spec.token:
            held += order.size
    return held


def free(exchange: Exchange, account: Account, token: str) -> Decimal:
    """What of a token may still be promised or moved."""
    return account.tokens.get(token, EMPTY).total - held_back(exchange, account, token)


def covers(exchange: Exchange, account: Account, order: Order) -> bool:
    """True where the account has what the order gives away: a spot order is paid in full."""
    spec = exchange.spec(order.coin)
    token, needed = (USDC, order.size * order.limit_px) if order.is_buy else (spec.token, order.size)
    return needed <= free(exchange, account, token)


def meta(exchange: Exchange) -> dict[str, Any]:
    """The pairs and their tokens."""
    universe = [
        {"name": name, "tokens": [number, 0], "index": number - 1, "isCanonical": number == 1}
        for number, name in enumerate(exchange.market.spot, start=1)
    ]
    return {"universe": universe, "tokens": _tokens(exchange)}


def contexts(exchange: Exchange) -> list[dict[str, Any]]:
    """Prices and volume of each pair, in the order of `meta`."""
    return [_context(exchange, listing) for listing in exchange.market.spot.values()]


def _context(exchange: Exchange, listing: Listing) -> dict[str, Any]:
    name, now = listing.spec.name, exchange.clock.now_ms()
    mark = exchange.market.mark(name, now)
    day_ago, volume = exchange.market.day(name, now)
    bids, asks = (exchange.book.side(listing.spec, mark, side, exchange.wall_ms(), limit=1) for side in (False, True))
    return {
        "coin": name,
        "prevDayPx": decimal_text(day_ago),
        "dayNtlVlm": decimal_text(volume),
        "markPx": decimal_text(mark),
        "midPx": decimal_text((bids[0].price + asks[0].price) / 2) if bids and asks else None,
    }


def _tokens(exchange: Exchange) -> list[dict[str, Any]]:
    listed = [
        {
            "name": spec.token,
            "szDecimals": spec.sz_decimals,
            "weiDecimals": spec.sz_decimals + WEI_BEHIND_SIZE,
            "index": number,
            "tokenId": f"0x{number:032x}",
            "isCanonical": number == 1,
            "evmContract": None,
            "fullName": None,
        }
        for number, spec in enumerate((listing.spec for listing in exchange.market.spot.values()), start=1)
    ]
    return [dict(_USDC), *listed]
