"""When a run votes: a rule with hysteresis, asked at bar closes only, so that a breath of the price makes no order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from threet.engine.types import Bools, Floats, Ints


@dataclass(frozen=True, slots=True)
class VoteRules:
    """Returns are fractions of the start balance; the age is market time."""

    min_age_ms: int
    min_trades: int
    enter_return: float
    exit_return: float


def risen(before: Bools, returns: Floats, rules: VoteRules) -> Bools:
    """True where the return rose above ``enter_return`` and has not since fallen below ``exit_return``."""
    return np.where(before, ~(returns < rules.exit_return), returns > rules.enter_return)


def votes(has_risen: Bools, ages_ms: Ints, closed_trades: Ints, rules: VoteRules) -> Bools:
    """A run votes when it has risen, is older than the least age and has closed enough trades."""
    return has_risen & (ages_ms > rules.min_age_ms) & (closed_trades >= rules.min_trades)
