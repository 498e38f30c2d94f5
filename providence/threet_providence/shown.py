"""Which rows the database shows otherwise than the runs are now: compared as columns, so that only what changed costs anything."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from threet.engine.types import Slots
from threet_providence.messages import View

_Facts = NDArray[np.uint64]
"""One line a run: its id in two words, then the bits of what of its row changes while it is active: the result first."""
_ID = slice(0, 2)
_DECIDED = 3  # from here on what changes by a decision, and not by each price


class Shown:
    """What was committed last, by the run's slot. A slot that another run took has another id, so that its row is news."""

    def __init__(self) -> None:
        self._facts: _Facts = np.zeros((0, 6), dtype=np.uint64)

    def changed(self, view: View, results: bool) -> tuple[Slots, Slots]:
        """The places in ``view`` of the runs that were never shown, and of those whose row is not shown as they are.

        Without ``results`` a run of which only the result differs is not among them.
        """
        self._make_room(view.slots)
        differs = _facts(view) != self._facts[view.slots]
        new = differs[:, _ID].any(axis=1)
        return np.flatnonzero(new), np.flatnonzero(differs[:, _ID.stop if results else _DECIDED :].any(axis=1) & ~new)

    def take(self, view: View, *places: Slots) -> None:
        """These places of the view are committed."""
        self._make_room(view.slots)
        facts = _facts(view)
        for at in places:
            self._facts[view.slots[at]] = facts[at]

    def _make_room(self, slots: Slots) -> None:
        needed = int(slots.max(initial=-1)) + 1
        if needed > len(self._facts):
            larger = np.zeros((2 * needed, self._facts.shape[1]), dtype=np.uint64)
            larger[: len(self._facts)] = self._facts
            self._facts = larger


def _facts(view: View) -> _Facts:
    facts = np.empty((len(view.slots), 6), dtype=np.uint64)
    facts[:, :2] = view.ids
    facts[:, 2] = view.live_pnl.view(np.uint64)
    facts[:, 3] = view.direction.view(np.uint64)
    facts[:, 4] = view.closed_trades.view(np.uint64)
    facts[:, 5] = view.votes
    return facts
