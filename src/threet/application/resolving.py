"""A person says how an order ended that nothing else can end: one that was accepted and then denied, or one without an expiry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from threet.application.facts import Fill, OpenOrder
from threet.application.store import AlreadySettled, CycleStore, OrderRecord
from threet.domain.errors import VenueError
from threet.domain.values import Known, OrderState


class NotResolved(Exception):
    """Nothing was changed; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Word:
    """What a person says of an order: so many contracts were executed (0: none), and who says so and why."""

    executed_contracts: Decimal
    who: str
    why: str


class Resolver:
    """``expiry_margin`` and ``fills_overlap`` as in settlement: what settlement may still do by itself is left to it.

    ``open_orders`` asks the venue: of a stop alone, which outlives its request.
    """

    def __init__(
        self,
        store: CycleStore,
        account: str,
        open_orders: Callable[[], Sequence[OpenOrder]],
        *,
        expiry_margin: timedelta,
        fills_overlap: timedelta,
    ) -> None:
        self._store = store
        self._account = account
        self._open_orders = open_orders
        self._expiry_margin = expiry_margin
        self._fills_overlap = fills_overlap

    def resolve(self, client_order_id: str, word: Word) -> OrderState:
        """Ends the order and records who said so and why. ``client_order_id`` may be its beginning. Raises NotResolved."""
        order = self._one(client_order_id)
        self._ensure_expired(order)
        self._ensure_gone(order)
        fills = [item.fill for item in self._store.fills_after(order.created_at - self._fills_overlap) if _is_of(item.fill, order)]
        state = _state(order, fills, word.executed_contracts)
        filled = sum((fill.contracts for fill in fills), Decimal(0))
        paid = sum((fill.contracts * fill.price for fill in fills), Decimal(0))
        now = self._store.now()
        try:
            self._store.record_outcome(
                order.client_order_id,
                state,
                exchange_order_id=order.exchange_order_id,
                filled_contracts=word.executed_contracts,
                average_price=paid / filled if filled and filled == word.executed_contracts else None,
                text=f"{word.who} says at {now.isoformat(timespec='seconds')}: {_told(word)}, because {word.why}; before: {order.text}",
                settled_at=now,
                by_person=True,
            )
        except AlreadySettled as settled:
            raise NotResolved(f"{settled}; nothing is left to say") from None
        return state

    def _one(self, beginning: str) -> OrderRecord:
        unsettled = self._store.unsettled_orders()
        found = [order for order in unsettled if order.client_order_id.startswith(beginning.lower())]
        if len(found) != 1:
            there = "; ".join(f"{order.client_order_id} {order.state} {order.symbol}" for order in unsettled) or "none"
            raise NotResolved(f"expected one order without an end whose id begins with {beginning}, found {len(found)}. There are: {there}")
        return found[0]

    def _ensure_expired(self, order: OrderRecord) -> None:
        """By the venue's clock, as the account's last snapshot shows it."""
        seen = self._store.snapshot(self._account)
        after = order.expires_at + self._expiry_margin
        if isinstance(seen, Known) and seen.value.exchange_time > after:
            return
        shown = seen.value.exchange_time.isoformat() if isinstance(seen, Known) else f"unknown ({seen.reason})"
        raise NotResolved(f"it may still be executed until {after.isoformat()} by the venue's clock, which was last {shown}: wait")

    def _ensure_gone(self, order: OrderRecord) -> None:
        """A stop that rests on, called over, would close a position of later days."""
        if not order.is_stop:
            return
        try:
            listed = [other.client_order_id for other in self._open_orders()]
        except VenueError as error:
            raise NotResolved(f"it is a stop, and whether it rests at the venue could not be read: {error}") from None
        if order.client_order_id in listed:
            raise NotResolved("it is a stop and rests at the venue: it has no end yet. Cancel it there first, or leave it")


def _state(order: OrderRecord, fills: Sequence[Fill], executed: Decimal) -> OrderState:
    filled = sum((fill.contracts for fill in fills), Decimal(0))
    if not 0 <= executed <= order.contracts:
        raise NotResolved(f"expected executed contracts of 0 to {order.contracts}, the order's size, was {executed}")
    if executed < filled:
        raise NotResolved(f"the venue's fills say that {filled} contracts were executed: it cannot be less, was {executed}")
    if executed == 0:
        return OrderState.NOT_EXECUTED
    return OrderState.FILLED if executed == order.contracts else OrderState.CANCELLED


def _is_of(fill: Fill, order: OrderRecord) -> bool:
    return order.client_order_id == fill.client_order_id or (
        order.exchange_order_id is not None and order.exchange_order_id == fill.exchange_order_id
    )


def _told(word: Word) -> str:
    return f"executed {word.executed_contracts}" if word.executed_contracts else "not executed"
