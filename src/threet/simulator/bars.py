"""Candles as arrays: columns open, high, low, close, volume; and the path of the mark inside one candle."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]

OPEN, HIGH, LOW, CLOSE, VOLUME = range(5)
MINUTE_MS = 60_000

# Where inside its bar the mark reaches its first and its second extreme.
_KNOTS = (0.0, 0.3, 0.7, 1.0)


class BarSource(Protocol):
    """Base candles of one coin by index; index n opens at n * interval_ms."""

    @property
    def interval_ms(self) -> int: ...

    def rows(self, first: int, last: int) -> Rows:
        """Bars first <= n < last, shape (last - first, 5)."""
        ...


def knots(bar: Rows) -> tuple[float, float, float, float]:
    """The four prices the mark passes: a rising bar dips first, a falling one peaks first."""
    if bar[CLOSE] >= bar[OPEN]:
        return (float(bar[OPEN]), float(bar[LOW]), float(bar[HIGH]), float(bar[CLOSE]))
    return (float(bar[OPEN]), float(bar[HIGH]), float(bar[LOW]), float(bar[CLOSE]))


def price_inside(bar: Rows, fraction: float) -> float:
    """The mark after `fraction` (0 to 1) of the bar, moving in straight lines between its knots."""
    prices = knots(bar)
    for place in range(1, len(_KNOTS)):
        if fraction <= _KNOTS[place]:
            share = (fraction - _KNOTS[place - 1]) / (_KNOTS[place] - _KNOTS[place - 1])
            return prices[place - 1] + (prices[place] - prices[place - 1]) * share
    return prices[-1]


def range_inside(bar: Rows, start: float, end: float) -> tuple[float, float]:
    """Lowest and highest mark between two fractions of the bar."""
    passed = [price for at, price in zip(_KNOTS, knots(bar), strict=True) if start <= at <= end]
    passed += [price_inside(bar, start), price_inside(bar, end)]
    return min(passed), max(passed)


def forming(bar: Rows, fraction: float) -> Rows:
    """The bar as far as it has been seen after `fraction` of its time."""
    low, high = range_inside(bar, 0.0, fraction)
    return np.array([bar[OPEN], high, low, price_inside(bar, fraction), bar[VOLUME] * fraction])


def aggregate(rows: Rows, buckets: NDArray[np.int64]) -> Rows:
    """One row per run of equal bucket numbers: first open, highest high, lowest low, last close, sum of the volumes."""
    if len(rows) == 0:
        return rows
    starts = np.flatnonzero(np.r_[True, buckets[1:] != buckets[:-1]])
    ends = np.r_[starts[1:], len(rows)] - 1
    columns = (
        rows[starts, OPEN],
        np.maximum.reduceat(rows[:, HIGH], starts),
        np.minimum.reduceat(rows[:, LOW], starts),
        rows[ends, CLOSE],
        np.add.reduceat(rows[:, VOLUME], starts),
    )
    return np.column_stack(columns)
