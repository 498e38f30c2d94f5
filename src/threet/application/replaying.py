"""A recorded decision computed again from its inputs: what was planned then is what these rules plan, or the difference is shown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from threet.application.records import hash_of, inputs_from_json, plan_to_json, targets_to_json
from threet.application.store import DecisionRecord
from threet.domain.decision import decide


@dataclass(frozen=True, slots=True)
class Replayed:
    """Targets and plan as canonical JSON, as they were recorded and as they were computed again."""

    cycle_id: int
    symbols: int
    orders: int
    recorded: str
    computed: str

    @property
    def is_equal(self) -> bool:
        """Byte for byte."""
        return self.recorded == self.computed


class NotReplayable(Exception):
    """The record holds nothing to compute from; the message says why."""


def replay(record: DecisionRecord) -> Replayed:
    """Raises NotReplayable for a cycle that read nothing, or whose inputs are not those that its hash names."""
    if not record.inputs:
        raise NotReplayable(f"cycle {record.cycle_id} read nothing, so that there is nothing to decide again: {record.reason}")
    if hash_of(record.inputs) != record.inputs_hash:
        raise NotReplayable(f"the inputs of cycle {record.cycle_id} are not those that were recorded: their hash differs")
    inputs = inputs_from_json(record.inputs)
    decision = decide(inputs)
    computed = _canonical(targets_to_json(decision, inputs.terms.vote_full_size_runs, {}), plan_to_json(decision))
    recorded = _canonical({name: {**target, "not_sent": None} for name, target in record.targets.items()}, record.plan)
    return Replayed(record.cycle_id, len(record.targets), len(record.plan), recorded, computed)


def _canonical(targets: Mapping[str, Any], plan: Sequence[Mapping[str, Any]]) -> str:
    """What became of the orders at the sending (``not_sent``) is no part of the plan."""
    return json.dumps({"targets": targets, "plan": list(plan)}, sort_keys=True, indent=1)
