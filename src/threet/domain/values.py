"""The facts that the rules are written in: frozen, signed, with their units in their names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Generic, NewType, TypeVar

T = TypeVar("T")

Symbol = NewType("Symbol", str)
"""ccxt's unified name of a market, such as ``BTC/USDC:USDC``. Upper and lower case are kept as the venue gives them."""

_SYMBOL_FORM = re.compile(r"[A-Za-z0-9.\-]+/[A-Za-z0-9.\-]+:[A-Za-z0-9.\-]+")
_SYMBOL_LETTERS = 64  # of the database's columns


def symbol(text: str) -> Symbol:
    """Checks the form ``BASE/QUOTE:SETTLE`` and returns it as a Symbol. Raises ValueError."""
    if len(text) > _SYMBOL_LETTERS or not _SYMBOL_FORM.fullmatch(text):
        raise ValueError(f"expected a symbol of the form BASE/QUOTE:SETTLE, was {text[:_SYMBOL_LETTERS]!r}")
    return Symbol(text)


@dataclass(frozen=True, slots=True)
class Known(Generic[T]):
    """A value that was read: what, as of when (UTC, wall time of the source), and from whom."""

    value: T
    as_of: datetime
    source: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that could not be read. It has no arithmetic, so that it cannot become a number (I1)."""

    reason: str


@dataclass(frozen=True, slots=True)
class Position:
    """What an account holds of one symbol. ``contracts`` > 0 is long, < 0 short, in units of the base asset."""

    symbol: Symbol
    contracts: Decimal
    entry_price: Decimal | None = None


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        return 1 if self is Side.BUY else -1


@dataclass(frozen=True, slots=True)
class Correction:
    """An order that the plan wants: ``contracts`` > 0 always, the direction is in ``side``."""

    symbol: Symbol
    side: Side
    contracts: Decimal
    reduce_only: bool

    def __post_init__(self) -> None:
        if self.contracts <= 0:
            raise ValueError(f"expected contracts above 0, was {self.contracts} ({self.symbol})")

    @property
    def signed_contracts(self) -> Decimal:
        return self.contracts * self.side.sign


class OrderState(StrEnum):
    """The life of an order of ours. INTENT: committed, not known to be sent. The last four are final."""

    INTENT = "INTENT"
    ACCEPTED = "ACCEPTED"
    UNKNOWN = "UNKNOWN"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    NOT_EXECUTED = "NOT_EXECUTED"

    @property
    def is_final(self) -> bool:
        return self in _FINAL


_FINAL = frozenset({OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.NOT_EXECUTED})


@dataclass(frozen=True, slots=True)
class MarketRules:
    """What the venue allows of one market. ``lot`` is the step of a size in contracts; sizes below ``minimum_notional_usd`` are refused."""

    symbol: Symbol
    lot: Decimal
    price_decimals: int
    price_significant_digits: int
    minimum_notional_usd: Decimal
    max_leverage: int
