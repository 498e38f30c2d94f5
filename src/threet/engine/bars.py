"""The closed candles that indicators are functions of, and the indicators: once per symbol, for every length at once."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from threet.engine.types import Floats


class Bars:
    """The last ``warmup_bars`` closed candles of some symbols: arrays of shape (symbols, bars), the newest bar last."""

    def __init__(self, open: Floats, high: Floats, low: Floats, close: Floats, volume: Floats) -> None:
        self.open = open
        self.high = high
        self.low = low
        self.close = close
        self.volume = volume

    @cached_property
    def close_means(self) -> Floats:
        """Simple moving averages of the close, shape (symbols, bars): column n - 1 is the mean of the newest n bars.

        Summed one by one from the newest bar back (numpy's cumsum adds in order), so that neither the number of symbols in the
        call nor the processor's vector width changes a bit.
        """
        newest_first = self.close[:, ::-1]
        return np.cumsum(newest_first, axis=1) / np.arange(1, self.close.shape[1] + 1)
