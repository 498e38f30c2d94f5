"""Counts the decisions of a show as they come, so that a long one need not be read again at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from threet.application.store import CycleStore, DecisionRecord

_FIRST_LOOK = 2
_MOST_AT_ONCE = 4096


@dataclass
class Tally:
    """What the decisions since ``started_at`` amount to."""

    started_at: datetime
    decisions: int = 0
    consensus_cycles: int = 0
    max_abs_target: dict[str, Decimal] = field(default_factory=dict)
    last: DecisionRecord | None = None

    def read(self, store: CycleStore) -> None:
        """Adds what is new. Raises what the store raises, and is then as before."""
        limit = _FIRST_LOOK
        newest = store.decisions(limit)
        while len(newest) == limit < _MOST_AT_ONCE and self._is_new(newest[-1]):
            limit *= 4
            newest = store.decisions(limit)
        self.add([decision for decision in reversed(newest) if self._is_new(decision)])

    def add(self, oldest_first: Sequence[DecisionRecord]) -> None:
        for decision in oldest_first:
            self.decisions += 1
            self.consensus_cycles += bool(decision.targets) and all(entry["agreed"] for entry in decision.targets.values())
            for name, entry in decision.targets.items():
                contracts = entry["target"]["contracts"]
                size = abs(Decimal(contracts)) if contracts is not None else Decimal(0)
                self.max_abs_target[name] = max(size, self.max_abs_target.get(name, Decimal(0)))
            self.last = decision

    def _is_new(self, decision: DecisionRecord) -> bool:
        return decision.at >= self.started_at and (self.last is None or decision.cycle_id > self.last.cycle_id)
