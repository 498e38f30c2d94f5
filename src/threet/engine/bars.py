"""The closed candles that indicators are functions of, and the indicators: once per symbol, for every length at once."""

from __future__ import annotations

from functools import cached_property

from threet.engine import indicators
from threet.engine.types import Floats


class Bars:
    """The last ``warmup_bars`` closed candles of some symbols: arrays of shape (symbols, bars), the newest bar last.

    Each indicator is computed when the first strategy asks for it; its column n - 1 is the indicator over n bars.
    """

    def __init__(self, open: Floats, high: Floats, low: Floats, close: Floats, volume: Floats) -> None:
        self.open = open
        self.high = high
        self.low = low
        self.close = close
        self.volume = volume

    @cached_property
    def close_means(self) -> Floats:
        """Simple moving averages of the close."""
        return indicators.running_means(self.close)

    @cached_property
    def channel_high(self) -> Floats:
        """The highest high of the n bars before the newest."""
        return indicators.donchian_high(self.high)

    @cached_property
    def channel_low(self) -> Floats:
        """The lowest low of the n bars before the newest."""
        return indicators.donchian_low(self.low)

    @cached_property
    def true_range_means(self) -> Floats:
        """The average true range over n bars."""
        return indicators.average_true_range(self.high, self.low, self.close)

    @cached_property
    def close_entropy(self) -> Floats:
        """The permutation entropy of the newest n triples of closes, 0 to 1."""
        return indicators.permutation_entropy(self.close)
