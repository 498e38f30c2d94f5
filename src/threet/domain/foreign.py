"""What rests at the venue and is not ours: counted in every worst case, reported, never touched."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from threet.domain.caps import Pending
from threet.domain.values import Known, Symbol, Unknown


@dataclass(frozen=True, slots=True)
class ForeignOrder:
    """An open order that this database has not sent, or takes for ended. ``signed_contracts`` is what is left of it."""

    exchange_order_id: str
    symbol: Symbol
    signed_contracts: Decimal
    reduce_only: bool

    @property
    def pending(self) -> Pending:
        return Pending(self.symbol, self.signed_contracts, self.reduce_only)

    def __str__(self) -> str:
        return f"{self.exchange_order_id}: {self.signed_contracts:+f}{' reduce-only' if self.reduce_only else ''}"


ForeignOrders = Known[tuple[ForeignOrder, ...]] | Unknown


def foreign_orders_of(foreign: ForeignOrders, name: Symbol) -> tuple[ForeignOrder, ...]:
    """Those of one symbol; none where they could not be read, which is told of the account as a whole."""
    return () if isinstance(foreign, Unknown) else tuple(order for order in foreign.value if order.symbol == name)


def why_uncounted(foreign: ForeignOrders) -> str | None:
    """Why nothing may grow: an order that nobody could read weighs an unknown amount. None where all were read."""
    return f"orders of other origin could not be read: {foreign.reason}" if isinstance(foreign, Unknown) else None
