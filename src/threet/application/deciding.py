"""A decision on votes that were held against the runs: what the heartbeats tell decides, and is checked where it would trade."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from threet.domain.decision import Decision, decide
from threet.domain.inputs import CycleInputs
from threet.domain.targets import Flatten
from threet.domain.values import Symbol, Unknown
from threet.domain.votes import Vote

Check = Callable[[CycleInputs, Sequence[Symbol]], Mapping[Symbol, Vote | Unknown]]
"""The votes of these symbols, read again with the rows of their runs."""


def decide_on_checked_votes(inputs: CycleInputs, check: Check) -> tuple[CycleInputs, Decision]:
    """The decision, and the inputs that it was made from: with the votes that ``check`` gave of each symbol that trades on its votes.

    Each is checked once. Where its votes changed by that, all is decided again, and what trades only then is checked too.
    """
    checked: set[Symbol] = set()
    while True:
        decision = decide(inputs)
        asked = [name for name in _trading_on_votes(decision) if name not in checked]
        if not asked or isinstance(inputs.votes, Unknown):
            return inputs, decision
        checked.update(asked)
        votes = {**inputs.votes.value, **check(inputs, asked)}
        if votes == inputs.votes.value:
            return inputs, decision
        inputs = replace(inputs, votes=replace(inputs.votes, value=votes))


def _trading_on_votes(decision: Decision) -> list[Symbol]:
    """A flatten, of a person or of the risk limits, asks no vote."""
    names = [order.correction.symbol for order in decision.plan]
    return sorted(name for name in names if not isinstance(decision.by_symbol[name].target, Flatten))
