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
    """Limits in USD: of one symbol's notional, and of the sums over all symbols."""

    symbol_notional: Mapping[Symbol, Decimal]
    gross_notional: Decimal
    net_notional: Decimal


@dataclass(frozen=True, slots=True)
class Exposure:
    """Signed ``contracts`` held at ``price`` (USD)."""

    contracts: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class Pending:
    """An order whose end is not known, at its unfilled size (signed contracts). A reduce-only one cannot add exposure."""

    symbol: Symbol
    signed_contracts: Decimal
    reduce_only: bool


def check_caps(correction: Correction, held: Mapping[Symbol, Exposure], pending: Sequence[Pending], caps: Caps) -> None:
    """Raises CapExceeded where ``correction`` could lead beyond a cap. A reduce-only correction cannot.

    The worst case of a symbol takes all its pending buys as filled and no sell, and the other way round.
    """
    if correction.reduce_only:
        return
    mine = Pending(correction.symbol, correction.signed_contracts, reduce_only=False)
    opening = [order for order in [*pending, mine] if not order.reduce_only]
    unpriced = {order.symbol for order in opening} - set(held)
    if unpriced:
        raise CapExceeded(f"exposure of {', '.join(sorted(unpriced))} is unknown while orders there are pending")
    longest = {name: _worst(name, held[name], opening, 1) for name in held}
    shortest = {name: _worst(name, held[name], opening, -1) for name in held}
    gross = {name: max(abs(longest[name]), abs(shortest[name])) for name in held}
    _require("notional of " + correction.symbol, gross[correction.symbol], caps.symbol_notional.get(correction.symbol, Decimal(0)))
    _require("gross exposure", sum(gross.values(), Decimal(0)), caps.gross_notional)
    net = max(abs(sum(longest.values(), Decimal(0))), abs(sum(shortest.values(), Decimal(0))))
    before = abs(sum((item.contracts * item.price for item in held.values()), Decimal(0)))
    if net > before:
        _require("net exposure", net, caps.net_notional)


def _worst(name: Symbol, item: Exposure, opening: Sequence[Pending], sign: int) -> Decimal:
    added = sum((o.signed_contracts for o in opening if o.symbol == name and o.signed_contracts * sign > 0), Decimal(0))
    return (item.contracts + added) * item.price


def _require(what: str, worst: Decimal, cap: Decimal) -> None:
    if worst > cap:
        raise CapExceeded(f"{what} could reach {worst:.2f} USD, the cap is {cap:.2f} USD")
