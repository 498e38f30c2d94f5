"""The name of an order is a function of the decision (I4), so that a retry can never be a second order."""

from __future__ import annotations

import hashlib
from decimal import Decimal

from threet.domain.values import Correction


def client_order_id(epoch: str, cycle_id: int, correction: Correction, trigger_price: Decimal | None = None) -> str:
    """``0x`` and 32 hex digits: the venue's form. The same decision always has the same name."""
    parts = (
        epoch,
        str(cycle_id),
        str(correction.symbol),
        correction.side.value,
        format(correction.contracts.normalize(), "f"),
        "reduce" if correction.reduce_only else "open",
        *(() if trigger_price is None else (f"stop {trigger_price.normalize():f}",)),
    )
    return "0x" + hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]
