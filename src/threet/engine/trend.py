"""The strategy ``trend``: a fast and a slow moving average of the close, and a band between them that must be left."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from threet.engine.bars import Bars
from threet.engine.strategy import Parameter
from threet.engine.types import Floats, Ints


class Trend:
    """Long when the fast average is above the slow one by more than ``band_bps``, short when it is below by more, else as before."""

    name = "trend"
    parameters = (
        Parameter("fast_bars", low=1, high=1_000, whole=True),
        Parameter("slow_bars", low=2, high=1_000, whole=True),
        Parameter("band_bps", low=0, high=1_000),
    )
    state = ("signal",)

    def accepts(self, parameters: Mapping[str, float]) -> bool:
        return parameters["fast_bars"] < parameters["slow_bars"]

    def bars_needed(self, highest: Mapping[str, float]) -> int:
        return int(max(highest["fast_bars"], highest["slow_bars"]))

    def decide(self, bars: Bars, rows: Ints, parameters: Floats, state: Floats, direction: Ints) -> tuple[Ints, Floats]:
        lengths = parameters[:, :2].astype(np.int64)
        slow = bars.mean_close(rows, lengths[:, 1])
        fast = bars.mean_close(rows, lengths[:, 0])
        band = slow * (parameters[:, 2] / 10_000.0)
        signal = np.where(fast > slow + band, 1.0, np.where(fast < slow - band, -1.0, state[:, 0]))
        return signal.astype(np.int64), signal[:, None]
