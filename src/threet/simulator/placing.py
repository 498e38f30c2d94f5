"""Placing, matching and cancelling orders, with the venue's refusals."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from threet.simulator import spot
from threet.simulator.account import ZERO
from threet.simulator.book import Level
from threet.simulator.exchange import Exchange
from threet.simulator.market import Listing
from threet.simulator.orders import CANCELED, FILLED, OPEN, TRIGGERED, Order, triggers_above
from threet.simulator.state import Account
from threet.simulator.wire import decimal_text, is_valid_price, is_valid_size

MINIMUM_USD = Decimal(10)
FARTHEST = Decimal("0.8")  # of the mark, as a limit price may be away from it

_CLOID = re.compile(r"^0x[0-9a-fA-F]{32}$")
_NUMBER = re.compile(r"^\d{1,12}(\.\d{1,12})?$")
_TIFS = {"Gtc", "Ioc", "Alo", "FrontendMarket"}

Status = dict[str, Any] | str


class BadRequest(Exception):
    """The request does not have the venue's form: answered with HTTP 422."""


class Refused(Exception):
    """An order the venue does not take: its error text and the status the order keeps."""

    def __init__(self, text: str, status: str) -> None:
        super().__init__(text)
        self.text = text
        self.status = status


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order as it was asked for."""

    asset: object
    is_buy: bool
    price: Decimal
    size: Decimal
    reduce_only: bool
    tif: str
    cloid: str | None
    trigger_px: Decimal | None = None
    trigger_is_market: bool = False
    tpsl: str | None = None


def parse_order(wire: Any) -> Wanted:
    """Reads one element of an order action. Raises BadRequest."""
    try:
        kind = wire["t"]
        cloid = wire.get("c")
        if cloid is not None and not _CLOID.match(cloid):
            raise BadRequest(f"c: found {cloid!r}, expected 0x and 32 hex digits")
        if not isinstance(wire["b"], bool) or not isinstance(wire["r"], bool):
            raise BadRequest("b, r: expected true or false")
        common = (wire["a"], wire["b"], plain_number(wire["p"]), plain_number(wire["s"]), wire["r"])
        if "limit" in kind:
            tif = kind["limit"]["tif"]
            if tif not in _TIFS:
                raise BadRequest(f"tif: found {tif!r}, expected one of {sorted(_TIFS)}")
            return Wanted(*common, "Ioc" if tif == "FrontendMarket" else tif, cloid and cloid.lower())
        trigger = kind["trigger"]
        if trigger["tpsl"] not in ("tp", "sl") or not isinstance(trigger["isMarket"], bool):
            raise BadRequest("trigger: expected tpsl of tp or sl and isMarket of true or false")
        market = trigger["isMarket"]
        return Wanted(
            *common, "Ioc" if market else "Gtc", cloid and cloid.lower(), plain_number(trigger["triggerPx"]), market, trigger["tpsl"]
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise BadRequest(f"order: {error!r}") from error


def place(exchange: Exchange, account: Account, wanted: Wanted, parent_oid: int | None = None, builder_rate: Decimal = ZERO) -> Status:
    """Checks an order, matches what can be matched at once, rests or cancels the rest. Answers with the venue's status."""
    listing = exchange.market.by_asset(wanted.asset)
    if listing is None:
        return {"error": f"Unknown asset. asset={wanted.asset}"}
    if wanted.cloid is not None and (account.address, wanted.cloid) in exchange.state.by_cloid:
        return {"error": f"Order with this cloid was placed before. asset={wanted.asset}"}
    order = _new_order(exchange, account, listing, wanted, parent_oid)
    try:
        _check(exchange, account, listing, wanted, order)
    except Refused as refusal:
        exchange.save_order(replace(order, status=refusal.status))
        return {"error": f"{refusal.text} asset={wanted.asset}"}
    if order.trigger_px is not None:
        exchange.save_order(order)
        return "waitingForTrigger" if parent_oid is not None else {"resting": _identity(order)}
    return execute(exchange, order, builder_rate)


def execute(exchange: Exchange, order: Order, builder_rate: Decimal = ZERO) -> Status:
    """Takes what the book offers within the order's limit, then lets the rest stand (Gtc, Alo) or ends it (Ioc)."""
    done, spent = ZERO, ZERO
    left = order
    for level in _matching(exchange, order):
        size = min(left.size, level.size, _allowed(exchange, left))
        if size <= 0:
            break
        left = exchange.fill(left, size, level.price, True, builder_rate)
        done, spent = done + size, spent + size * level.price
    _take(exchange, order, spent)
    _save_rest(exchange, left, done)
    if done > 0:
        average = (spent / done).quantize(Decimal("0.000001"))
        return {"filled": {"totalSz": decimal_text(done), "avgPx": decimal_text(average), **_identity(order)}}
    if order.tif == "Ioc":
        return {"error": f"Order could not immediately match against any resting orders. asset={exchange.market.asset(order.coin)}"}
    return {"resting": _identity(order)}


def _save_rest(exchange: Exchange, left: Order, done: Decimal) -> None:
    if left.size == 0:
        exchange.finish(left, FILLED)
    elif left.reduce_only and _allowed(exchange, left) == 0:
        exchange.finish(left, "reduceOnlyCanceled")
    elif left.tif == "Ioc":
        exchange.finish(left, CANCELED if done > 0 else "iocCancelRejected")
    else:
        exchange.save_order(left)


def _matching(exchange: Exchange, order: Order) -> list[Level]:
    levels = exchange.book.side(exchange.spec(order.coin), exchange.mark(order.coin), order.is_buy, exchange.wall_ms())
    if order.is_buy:
        return [level for level in levels if level.price <= order.limit_px]
    return [level for level in levels if level.price >= order.limit_px]


def _take(exchange: Exchange, order: Order, usd: Decimal) -> None:
    if usd > 0:
        exchange.book.take(exchange.spec(order.coin), exchange.mark(order.coin), order.is_buy, usd, exchange.wall_ms())


def _allowed(exchange: Exchange, order: Order) -> Decimal:
    """How much of it may still fill: all, or for reduce-only no more than the position it reduces."""
    if not order.reduce_only:
        return order.size
    held = exchange.state.accounts[order.user].positions.get(order.coin)
    if held is None or (held.contracts > 0) == order.is_buy:
        return ZERO
    return min(order.size, abs(held.contracts))


def _new_order(exchange: Exchange, account: Account, listing: Listing, wanted: Wanted, parent_oid: int | None) -> Order:
    wall = exchange.wall_ms()
    return Order(
        oid=exchange.state.last_oid + 1,
        user=account.address,
        coin=listing.spec.name,
        is_buy=wanted.is_buy,
        limit_px=wanted.price,
        size=wanted.size,
        orig_size=wanted.size,
        reduce_only=wanted.reduce_only,
        tif=wanted.tif,
        timestamp_ms=wall,
        status=OPEN,
        status_ms=wall,
        cloid=wanted.cloid,
        trigger_px=wanted.trigger_px,
        trigger_is_market=wanted.trigger_is_market,
        tpsl=wanted.tpsl,
        parent_oid=parent_oid,
    )


def _check(exchange: Exchange, account: Account, listing: Listing, wanted: Wanted, order: Order) -> None:
    """Raises Refused with the venue's text."""
    spec, mark = listing.spec, exchange.mark(listing.spec.name)
    if wanted.size <= 0:
        raise Refused("Order has zero size.", "rejected")
    if not is_valid_size(wanted.size, spec.sz_decimals):
        raise Refused("Order has invalid size.", "rejected")
    if not is_valid_price(wanted.price, spec.price_sz_decimals):
        raise Refused("Price must be divisible by tick size.", "tickRejected")
    if wanted.trigger_px is not None and not is_valid_price(wanted.trigger_px, spec.price_sz_decimals):
        raise Refused("Price must be divisible by tick size.", "tickRejected")
    if spec.is_spot and (wanted.reduce_only or wanted.trigger_px is not None):
        raise Refused("Spot orders are neither reduce-only nor triggered here.", "rejected")
    reducible = _reducible(account, order)
    closes_all = wanted.reduce_only and wanted.size >= reducible > 0
    if wanted.size * wanted.price < MINIMUM_USD and not closes_all:
        raise Refused("Order must have minimum value of $10.", "minTradeNtlRejected")
    if abs(wanted.price - mark) > FARTHEST * mark and wanted.trigger_px is None:
        raise Refused("Order price cannot be more than 80% away from the reference price", "oracleRejected")
    if wanted.trigger_px is not None:
        if mark >= wanted.trigger_px if triggers_above(order) else mark <= wanted.trigger_px:
            raise Refused("Invalid TP/SL price.", "badTriggerPxRejected")
        return
    if wanted.reduce_only and reducible == 0:
        raise Refused("Reduce only order would increase position.", "reduceOnlyRejected")
    if wanted.tif == "Alo" and _matching(exchange, order):
        raise Refused(f"Post only order would have immediately matched, bbo was {_best(exchange, order)}.", "badAloPxRejected")
    if spec.is_spot:
        if not spot.covers(exchange, account, order):
            raise Refused("Insufficient spot balance.", "insufficientSpotBalanceRejected")
    elif not wanted.reduce_only:
        _check_margin(exchange, account, order, mark)


def _check_margin(exchange: Exchange, account: Account, order: Order, mark: Decimal) -> None:
    """What the order would add to the position must be covered at the account's leverage, its fee included."""
    held = account.positions.get(order.coin)
    now = held.contracts if held else ZERO
    added = abs(now + order.sign * order.size) - abs(now)
    if added <= 0:
        return
    price = order.limit_px if order.is_buy else max(mark, order.limit_px)
    needed = added * price / exchange.leverage(account, order.coin) + order.size * price * exchange.fees.taker
    if needed > exchange.margin(account).free - exchange.order_margin(account):
        raise Refused("Insufficient margin to place order.", "perpMarginRejected")


def _reducible(account: Account, order: Order) -> Decimal:
    """Contracts the order could close."""
    held = account.positions.get(order.coin)
    if held is None or (held.contracts > 0) == order.is_buy:
        return ZERO
    return abs(held.contracts)


def _best(exchange: Exchange, order: Order) -> str:
    spec, mark, wall = exchange.spec(order.coin), exchange.mark(order.coin), exchange.wall_ms()
    sides = (exchange.book.side(spec, mark, asks, wall) for asks in (False, True))
    return "@".join(decimal_text(levels[0].price) if levels else "-" for levels in sides)


def cancel(exchange: Exchange, account: Account, asset: object, order: Order | None) -> Status:
    """Ends a live order of this account on this asset."""
    listing = exchange.market.by_asset(asset)
    known = order is not None and order.user == account.address and order.is_live
    if listing is None or order is None or not known or order.coin != listing.spec.name:
        return {"error": f"Order was never placed, already canceled, or filled. asset={asset}"}
    exchange.finish(order, CANCELED)
    return "success"


def run_resting(exchange: Exchange, since_ms: int, now_ms: int) -> None:
    """Fires triggers and fills resting orders that the mark has crossed between two market times."""
    coins = {order.coin for order in exchange.state.open_orders.values()}
    ranges = {coin: exchange.market.extremes(coin, since_ms, now_ms) for coin in coins}
    for order in list(exchange.state.open_orders.values()):
        low, high = ranges[order.coin]
        if order.waits_for_trigger:
            _maybe_trigger(exchange, order, low, high)
        elif low <= order.limit_px if order.is_buy else high >= order.limit_px:
            _fill_resting(exchange, order)


def _maybe_trigger(exchange: Exchange, order: Order, low: Decimal, high: Decimal) -> None:
    if order.trigger_px is None:
        return
    parent = exchange.state.order(order.parent_oid) if order.parent_oid is not None else None
    if parent is not None and parent.size == parent.orig_size:
        if not parent.is_live:
            exchange.finish(order, CANCELED)
        return
    if high >= order.trigger_px if triggers_above(order) else low <= order.trigger_px:
        execute(exchange, replace(order, status=TRIGGERED, status_ms=exchange.wall_ms()))


def _fill_resting(exchange: Exchange, order: Order) -> None:
    """As a maker, at its own price, one level's worth at a time."""
    listing_lot = exchange.spec(order.coin).lot
    portion = max(listing_lot, (exchange.book.shape.usd_per_level / order.limit_px) // listing_lot * listing_lot)
    size = min(portion, _allowed(exchange, order))
    if size <= 0:
        exchange.finish(order, "reduceOnlyCanceled")
        return
    left = exchange.fill(order, size, order.limit_px, False)
    if left.size == 0:
        exchange.finish(left, FILLED)
    else:
        exchange.save_order(left)


def _identity(order: Order) -> dict[str, Any]:
    return {"oid": order.oid} if order.cloid is None else {"oid": order.oid, "cloid": order.cloid}


def plain_number(text: object) -> Decimal:
    """Plain decimal notation only, as the venue has it: no sign, no exponent."""
    if not isinstance(text, str) or not _NUMBER.match(text):
        raise BadRequest(f'found {text!r}, expected a number such as "12.5" in a string')
    return Decimal(text)
