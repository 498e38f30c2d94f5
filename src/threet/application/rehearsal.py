"""What the next cycle would decide, without any of its effects: no lease, no settlement, no record, no order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from threet.application.deciding import decide_on_checked_votes
from threet.application.gathering import Gatherer
from threet.application.settlement import Settlement
from threet.application.store import CycleStore, Lease
from threet.domain.decision import Decision
from threet.domain.inputs import CycleInputs
from threet.domain.values import OrderState


class ReadOnlySequences:
    """Judges an observer's sequence against the highest known one, and does not raise it."""

    def __init__(self, highest: Callable[[str], int]) -> None:
        self._highest = highest

    def highest(self, public_key: str) -> int:
        return self._highest(public_key)

    def raise_to(self, public_key: str, sequence: int) -> bool:
        return sequence > self._highest(public_key)


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """``halted`` says why a cycle of now would send nothing whatever it decides, or is None."""

    inputs: CycleInputs
    decision: Decision
    halted: str | None


def rehearse(store: CycleStore, gatherer: Gatherer, clock: Callable[[], datetime], halt_file: Callable[[], str]) -> Rehearsed:
    """Reads every source as a cycle does and decides. Orders whose end is not known count as they are: only a cycle settles them.

    Raises what the database raises; what the venue or an observer does not tell is Unknown in the inputs.
    """
    last = next(iter(store.decisions(1)), None)
    now = clock()
    nobodys = Lease("rehearsal", "nobody", last.cycle_id + 1 if last else 1, now, now)
    control = store.control()
    unsettled = store.unsettled_orders()
    stops = [order for order in unsettled if order.trigger_price is not None and order.state is OrderState.ACCEPTED]
    as_it_is = Settlement(0, [order for order in unsettled if order not in stops], stops, 0, readable=True, problems=[])
    inputs, decision = decide_on_checked_votes(gatherer.gather(nobodys, control, as_it_is, clock), gatherer.checked_votes)
    halted = halt_file() or (control.halt_reason if control.halted else "")
    return Rehearsed(inputs, decision, halted or None)
