"""Votes of the virtual runs, and the net vote of a symbol."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from threet.domain.values import Symbol


@dataclass(frozen=True, slots=True)
class Vote:
    """The votes of one symbol: ``direction_sum`` = Σ direction over its ``voters``. ``warm`` is past the warm-up."""

    symbol: Symbol
    direction_sum: int
    voters: int
    active_runs: int
    quarantined_runs: int
    warm: bool
    paused: str = ""  # why its runs decide nothing now, as their shard says


def net_vote(direction_sum: int, voters: int, full_size_runs: int) -> Decimal:
    """Σ direction × votes / max(voters, ``full_size_runs``), in [-1, 1]: few voters make a small position."""
    return Decimal(direction_sum) / Decimal(max(voters, full_size_runs))
