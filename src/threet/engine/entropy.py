"""The strategy ``entropy``: the trend of two moving averages, traded only while the order of the closes is less than random."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from threet.engine.bars import Bars
from threet.engine.strategy import Parameter
from threet.engine.types import Floats, Ints


class Entropy:
    """Long while the fast average is above the slow one, short while below; flat while the permutation entropy of the last
    ``entropy_bars`` triples of closes is above ``most_entropy`` (1: a random walk)."""

    name = "entropy"
    parameters = (
        Parameter("fast_bars", low=1, high=1_000, whole=True),
        Parameter("slow_bars", low=2, high=1_000, whole=True),
        Parameter("entropy_bars", low=2, high=1_000, whole=True),
        Parameter("most_entropy", low=0, high=1),
    )
    state: tuple[str, ...] = ()

    def accepts(self, parameters: Mapping[str, float]) -> bool:
        return parameters["fast_bars"] < parameters["slow_bars"]

    def bars_needed(self, highest: Mapping[str, float]) -> int:
        return int(max(highest["fast_bars"], highest["slow_bars"], highest["entropy_bars"] + 2))

    def decide(self, bars: Bars, rows: Ints, parameters: Floats, state: Floats, direction: Ints) -> tuple[Ints, Floats]:
        lengths = parameters[:, :3].astype(np.int64)
        slow = bars.mean_close(rows, lengths[:, 1])
        fast = bars.mean_close(rows, lengths[:, 0])
        trending = bars.close_entropy(rows, lengths[:, 2]) <= parameters[:, 3]
        return np.where(trending, np.sign(fast - slow), 0).astype(np.int64), state
