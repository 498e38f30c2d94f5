"""The last word before an intent is committed: no order may lead beyond a cap, in the worst case of everything pending (I5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from threet.domain.values import Correction, Symbol


class CapExceeded(Exception):
    """The order would lead beyond a cap; the message names the cap, the worst case and the limit."""


@dataclass(frozen=True, slots=True)
class Caps:
    """Limits in USD: of one symbol's notional, of the sums over all symbols, and of one order; and how many orders an hour may have."""

    symbol_notional: Mapping[Symbol, Decimal]
    gross_notional: Decimal
    net_notional: Decimal
    order_notional: Decimal
    orders_per_hour: int


@dataclass(frozen=True, slots=True)
class Exposure:
    """Signed ``contracts`` held at ``price`` (USD). ``or_else`` is what the fills or another source say, where that is another: either
    may be true."""

    contracts: Decimal
    price: Decimal
    or_else: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """An order whose end is not known, at its whole size (signed contracts). A reduce-only one stops at zero."""

    symbol: Symbol
    signed_contracts: Decimal
    reduce_only: bool


def check_caps(correction: Correction, held: Mapping[Symbol, Exposure], pending: Sequence[Pending], caps: Caps) -> None:
    """Raises CapExceeded where ``correction`` could lead beyond a cap. A reduction is never refused: stopping always works.

    The worst case of a symbol takes all its pending buys as filled and no sell, and the other way round, reductions first.
    The net is looked at on the side that the correction leads to; on the other it can only help.
    """
    if correction.reduce_only:
        return
    orders = [*pending, Pending(correction.symbol, correction.signed_contracts, reduce_only=False)]
    unpriced = {order.symbol for order in orders if not order.reduce_only} - set(held)
    if unpriced:
        raise CapExceeded(f"exposure of {', '.join(sorted(unpriced))} is unknown while orders there are pending")
    order_usd = correction.contracts * held[correction.symbol].price
    if order_usd > caps.order_notional:
        raise CapExceeded(f"an order of {order_usd:.2f} USD, the limit is {caps.order_notional:.2f} USD")
    longest = {name: _worst(name, held[name], orders, 1) for name in held}
    shortest = {name: _worst(name, held[name], orders, -1) for name in held}
    gross = {name: max(abs(longest[name]), abs(shortest[name])) for name in held}
    _require("notional of " + correction.symbol, gross[correction.symbol], caps.symbol_notional.get(correction.symbol, Decimal(0)))
    _require("gross exposure", sum(gross.values(), Decimal(0)), caps.gross_notional)
    sign = correction.side.sign
    net = sum((longest if sign > 0 else shortest).values(), Decimal(0)) * sign
    _require("net exposure", net, caps.net_notional)


def room_of(correction: Correction, held: Mapping[Symbol, Exposure], pending: Sequence[Pending], caps: Caps) -> tuple[Decimal, str]:
    """How many contracts >= 0 of an opening ``correction`` the caps of exposure leave, beside ``pending``, and the cap that leaves least.

    ``check_caps`` has the last word; it refuses no size up to this one that it would not refuse at any size.
    """
    symbol, sign = correction.symbol, correction.side.sign
    worst = {name: max(abs(_worst(name, held[name], pending, 1)), abs(_worst(name, held[name], pending, -1))) for name in held}
    toward = {name: _worst(name, held[name], pending, sign) * sign for name in held}
    others = sum((worst[name] for name in held if name != symbol), Decimal(0))
    rooms = {
        f"notional of {symbol}": caps.symbol_notional.get(symbol, Decimal(0)) - toward[symbol],
        "gross exposure": caps.gross_notional - others - toward[symbol],
        "net exposure": caps.net_notional - sum(toward.values(), Decimal(0)),
    }
    least = min(rooms, key=lambda name: rooms[name])
    return max(Decimal(0), rooms[least]) / held[symbol].price, least


def check_rate(correction: Correction, orders_last_hour: int, caps: Caps) -> None:
    """Raises CapExceeded where the last hour had as many orders as it may have. A reduction is never refused."""
    if not correction.reduce_only and orders_last_hour >= caps.orders_per_hour:
        raise CapExceeded(f"{orders_last_hour} orders in the last hour, the limit is {caps.orders_per_hour}")


def _worst(name: Symbol, item: Exposure, orders: Sequence[Pending], sign: int) -> Decimal:
    """The signed notional (USD) furthest toward ``sign``. A reduction leads there too, up to zero and not through it."""
    if item.or_else is not None:
        both = [_worst(name, Exposure(contracts, item.price), orders, sign) for contracts in (item.contracts, item.or_else)]
        return max(both, key=lambda usd: usd * sign)
    that_way = [order for order in orders if order.symbol == name and order.signed_contracts * sign > 0]
    reduced = sum((abs(order.signed_contracts) for order in that_way if order.reduce_only), Decimal(0))
    added = sum((abs(order.signed_contracts) for order in that_way if not order.reduce_only), Decimal(0))
    contracts = item.contracts * sign
    start = min(Decimal(0), contracts + reduced) if contracts < 0 else contracts
    return (start + added) * sign * item.price


def _require(what: str, worst: Decimal, cap: Decimal) -> None:
    if worst > cap:
        raise CapExceeded(f"{what} could reach {worst:.2f} USD, the cap is {cap:.2f} USD")
