"""A stop of ours that the venue holds."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from threet.domain.values import Side, Symbol


@dataclass(frozen=True, slots=True)
class RestingStop:
    """``contracts`` > 0; it is reduce-only, and becomes an order where the mark reaches ``trigger_price``."""

    client_order_id: str
    symbol: Symbol
    side: Side
    contracts: Decimal
    trigger_price: Decimal
