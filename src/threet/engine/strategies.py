"""The strategies that come with 3T, by their names."""

from __future__ import annotations

from threet.engine.breakout import Breakout
from threet.engine.entropy import Entropy
from threet.engine.strategy import Strategy
from threet.engine.trend import Trend


def built_in() -> dict[str, Strategy]:
    """By the name under ``providence.strategies``."""
    return {strategy.name: strategy for strategy in (Trend(), Breakout(), Entropy())}
