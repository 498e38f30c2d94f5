"""The life of an order (I4): which state may follow which. What is not in the table is forbidden.

Written invariants, each with a test:
- A final state is never left.
- What was sent is no intent again. What the venue has accepted is not doubted again, and only a person may call it not executed.
- From every state that is not final an end can be reached.
"""

from __future__ import annotations

from collections.abc import Mapping

from threet.domain.values import OrderState

_INTENT, _UNKNOWN, _ACCEPTED = OrderState.INTENT, OrderState.UNKNOWN, OrderState.ACCEPTED
_FILLED, _CANCELLED = OrderState.FILLED, OrderState.CANCELLED
_REJECTED, _NOT_EXECUTED = OrderState.REJECTED, OrderState.NOT_EXECUTED

STEPS: Mapping[OrderState, frozenset[OrderState]] = {
    _INTENT: frozenset({_UNKNOWN, _ACCEPTED, _FILLED, _CANCELLED, _REJECTED, _NOT_EXECUTED}),
    _UNKNOWN: frozenset({_UNKNOWN, _ACCEPTED, _FILLED, _CANCELLED, _REJECTED, _NOT_EXECUTED}),
    _ACCEPTED: frozenset({_ACCEPTED, _FILLED, _CANCELLED, _REJECTED}),
    _FILLED: frozenset({_FILLED}),
    _CANCELLED: frozenset({_CANCELLED}),
    _REJECTED: frozenset({_REJECTED}),
    _NOT_EXECUTED: frozenset({_NOT_EXECUTED}),
}
"""A state that may follow itself may be told again, with more about it."""

STEPS_OF_A_PERSON: Mapping[OrderState, frozenset[OrderState]] = {_ACCEPTED: frozenset({_NOT_EXECUTED})}
"""What only a person can say: the venue accepted it, and denies it now."""


class ForbiddenStep(ValueError):
    """An order may not become this; its state stays what it is."""


def ensure_step(old: OrderState, new: OrderState, *, by_person: bool = False) -> None:
    """Raises ForbiddenStep where ``new`` may not follow ``old``."""
    if new in STEPS[old] or (by_person and new in STEPS_OF_A_PERSON.get(old, frozenset())):
        return
    raise ForbiddenStep(f"ended as {old}, it cannot become {new}" if old.is_final else f"is {old}, it cannot become {new}")
