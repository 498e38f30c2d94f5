"""The strategy ``breakout``: in where the close leaves the Donchian channel, out at a stop some true ranges behind the best close."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from threet.engine.bars import Bars
from threet.engine.strategy import Parameter
from threet.engine.types import Floats, Ints


class Breakout:
    """Long above the highest high of ``channel_bars``, short below the lowest low; flat once the close falls ``stop_atrs`` average
    true ranges (over ``atr_bars``) behind the best close since the entry. ``best`` is that close, 0 while flat."""

    name = "breakout"
    parameters = (
        Parameter("channel_bars", low=2, high=1_000, whole=True),
        Parameter("atr_bars", low=1, high=1_000, whole=True),
        Parameter("stop_atrs", low=0.1, high=100),
    )
    state = ("best",)

    def accepts(self, parameters: Mapping[str, float]) -> bool:
        return True

    def bars_needed(self, highest: Mapping[str, float]) -> int:
        return int(max(highest["channel_bars"], highest["atr_bars"])) + 1

    def decide(self, bars: Bars, rows: Ints, parameters: Floats, state: Floats, direction: Ints) -> tuple[Ints, Floats]:
        close, best = bars.close[rows, -1], state[:, 0]
        lengths = parameters[:, :2].astype(np.int64)
        channel, atr = lengths[:, 0], lengths[:, 1]
        entry = (close > bars.highest_before(rows, channel)).astype(np.int64) - (close < bars.lowest_before(rows, channel))
        best = np.where(direction > 0, np.maximum(best, close), np.where(direction < 0, np.minimum(best, close), 0.0))
        reach = parameters[:, 2] * bars.mean_true_range(rows, atr)
        stopped = direction * (best - close) > reach
        wanted = np.where(entry != 0, entry, np.where(stopped, 0, direction))
        best = np.where(wanted == 0, 0.0, np.where(wanted == direction, best, close))
        return wanted, best[:, None]
