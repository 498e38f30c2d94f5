"""What an emergency did becomes orders like all others, before the next cycle settles and looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from threet.application.facts import OrderAnswer
from threet.application.store import OrderRecord
from threet.domain.values import OrderState


@dataclass(frozen=True, slots=True)
class EmergencyOrder:
    """An intent, and the last that is known of it; ``state`` is INTENT where no answer was written down."""

    order: OrderRecord
    state: OrderState
    answer: OrderAnswer | None
    text: str


class EmergencyRecords(Protocol):
    """The files of emergencies that the database may not have yet."""

    def waiting(self) -> Sequence[EmergencyOrder]:
        """Raises ValueError for a file that cannot be read, OSError where nobody can tell."""
        ...

    def done(self) -> None:
        """Puts aside the files that ``waiting`` read, except one that is still being written."""
        ...


class OrderImports(Protocol):
    def import_orders(self, orders: Sequence[OrderRecord]) -> int:
        """Inserts those whose client order id is not there, all in one transaction; returns how many."""
        ...


def import_emergencies(records: EmergencyRecords, store: OrderImports) -> str | None:
    """Why it could not be done, or None: then every order of every emergency is in ``orders``. May be repeated. Database errors leave."""
    try:
        waiting = records.waiting()
        if waiting:
            store.import_orders([as_order(one) for one in waiting])
        records.done()
    except (OSError, ValueError) as error:
        return f"what an emergency did cannot be imported: {error}"
    return None


def as_order(one: EmergencyOrder) -> OrderRecord:
    """As the cycle itself would have recorded it: executed is ACCEPTED until settlement has seen the fills, unanswered is UNKNOWN."""
    if one.state is OrderState.REJECTED:
        return replace(one.order, state=OrderState.REJECTED, text=one.text, settled_at=one.order.created_at)
    if one.answer is None:
        text = one.text or "an emergency ended before the answer was written down"
        return replace(one.order, state=OrderState.UNKNOWN, text=text)
    answer = one.answer
    return replace(
        one.order,
        state=OrderState.ACCEPTED,
        exchange_order_id=answer.exchange_order_id,
        filled_contracts=answer.filled_contracts,
        average_price=answer.average_price,
        text=one.text,
    )
