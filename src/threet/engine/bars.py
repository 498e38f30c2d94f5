"""The closed candles that indicators are functions of, and the indicators: once per symbol, for every length that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from threet.engine import indicators
from threet.engine.indicators import ByLength
from threet.engine.types import Floats, Ints


class Bars:
    """The last ``warmup_bars`` closed candles of some symbols: arrays of shape (symbols, bars), the newest bar last.

    Indicators are asked for by the run: ``rows[i]`` is the symbol's row, ``bars[i]`` over how many bars, 1 or more. They raise
    IndexError where there are not so many.
    """

    def __init__(self, column: Callable[[int], Floats]) -> None:
        """``column`` gives open, high, low, close and volume as number 0 to 4, when they are first looked at."""
        self._column = column

    @classmethod
    def of(cls, open: Floats, high: Floats, low: Floats, close: Floats, volume: Floats) -> Bars:
        return cls((open, high, low, close, volume).__getitem__)

    @cached_property
    def open(self) -> Floats:
        return self._column(0)

    @cached_property
    def high(self) -> Floats:
        return self._column(1)

    @cached_property
    def low(self) -> Floats:
        return self._column(2)

    @cached_property
    def close(self) -> Floats:
        return self._column(3)

    @cached_property
    def volume(self) -> Floats:
        return self._column(4)

    def mean_close(self, rows: Ints, bars: Ints) -> Floats:
        """Simple moving averages of the close."""
        return self._close_means.at(rows, bars)

    def highest_before(self, rows: Ints, bars: Ints) -> Floats:
        """The highest high of the bars before the newest: Donchian's upper channel, without the bar that may leave it."""
        return self._highest.at(rows, bars)

    def lowest_before(self, rows: Ints, bars: Ints) -> Floats:
        """The lowest low of the bars before the newest."""
        return self._lowest.at(rows, bars)

    def mean_true_range(self, rows: Ints, bars: Ints) -> Floats:
        """The average true range."""
        return self._true_range_means.at(rows, bars)

    def close_entropy(self, rows: Ints, triples: Ints) -> Floats:
        """The permutation entropy of so many newest triples of closes, 0 to 1."""
        return self._entropies.at(rows, triples)

    @cached_property
    def _close_means(self) -> ByLength[Floats]:
        return indicators.running_means(self.close)

    @cached_property
    def _highest(self) -> ByLength[Floats]:
        return indicators.donchian_high(self.high)

    @cached_property
    def _lowest(self) -> ByLength[Floats]:
        return indicators.donchian_low(self.low)

    @cached_property
    def _true_range_means(self) -> ByLength[Floats]:
        return indicators.average_true_range(self.high, self.low, self.close)

    @cached_property
    def _entropies(self) -> ByLength[Ints]:
        return indicators.permutation_entropy(self.close)
