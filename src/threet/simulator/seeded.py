"""A market that is a pure function of (seed, coin, bar index): trending and ranging regimes around a fixed price level.

Time is cut into blocks of 720 minutes. A block starts and ends at levels drawn from its own number, so any bar can be computed
without the bars before it; inside, trends of 90 to 210 minutes and ranges of 50 to 110 minutes follow each other.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from threet.simulator.bars import MINUTE_MS, Rows

# These, and the numbers below, are what a seed means: with others the same seed is another market. So they are no tunables.
BLOCK_BARS = 720
_CACHED_BLOCKS = 16
_TREND_SHARE = 0.55
_LEVEL_SPREAD = 0.05  # a block starts within about this fraction of the coin's base price

Floats = NDArray[np.float64]


class SeededSource:
    """Bars of one coin; the same seed, name and price give the same bars on every machine and in any order of asking."""

    interval_ms = MINUTE_MS

    def __init__(self, seed: int, coin: str, base_price: float) -> None:
        self._key = (seed & 0xFFFF_FFFF, zlib.crc32(coin.encode()))
        self._base = base_price
        self._blocks: OrderedDict[int, Rows] = OrderedDict()

    def rows(self, first: int, last: int) -> Rows:
        """Bars first <= n < last as open, high, low, close, volume."""
        if last <= first:
            return np.empty((0, 5))
        parts = []
        for block in range(first // BLOCK_BARS, (last - 1) // BLOCK_BARS + 1):
            start = block * BLOCK_BARS
            parts.append(self._block(block)[max(0, first - start) : last - start])
        return np.concatenate(parts)

    def _block(self, number: int) -> Rows:
        cached = self._blocks.get(number)
        if cached is None:
            cached = self._make_block(number)
            self._blocks[number] = cached
            while len(self._blocks) > _CACHED_BLOCKS:
                self._blocks.popitem(last=False)
        else:
            self._blocks.move_to_end(number)
        return cached

    def _level(self, number: int) -> float:
        draw = np.random.default_rng([*self._key, number, 1]).uniform(-1.0, 1.0)
        return float(draw) * _LEVEL_SPREAD

    def _make_block(self, number: int) -> Rows:
        rng = np.random.default_rng([*self._key, number, 2])
        sigma = float(rng.uniform(0.0006, 0.0012))  # of a one-minute log return
        path = np.cumsum(_regimes(rng, sigma))
        start, end = self._level(number), self._level(number + 1)
        path += start + (end - start - path[-1]) * np.arange(1, BLOCK_BARS + 1) / BLOCK_BARS
        closes = self._base * np.exp(path)
        opens = np.concatenate(([self._base * np.exp(start)], closes[:-1]))
        reach = np.abs(rng.normal(0.0, 0.4 * sigma, (2, BLOCK_BARS)))
        highs = np.maximum(opens, closes) * (1 + reach[0])
        lows = np.minimum(opens, closes) * (1 - reach[1])
        volumes = rng.lognormal(0.0, 0.6, BLOCK_BARS) * 400_000 / self._base
        return np.column_stack((opens, highs, lows, closes, volumes))


def _regimes(rng: np.random.Generator, sigma: float) -> Floats:
    """Log returns of one block: regimes until it is full."""
    parts: list[Floats] = []
    filled = 0
    while filled < BLOCK_BARS:
        part = _trend(rng, sigma) if rng.random() < _TREND_SHARE else _range(rng, sigma)
        parts.append(part)
        filled += len(part)
    return np.concatenate(parts)[:BLOCK_BARS]


def _trend(rng: np.random.Generator, sigma: float) -> Floats:
    """A drift of a third to a half of the noise per minute: over 20 to 60 bars the direction outweighs the noise."""
    length = int(rng.integers(90, 211))
    drift = sigma * rng.uniform(0.32, 0.52) * rng.choice((-1.0, 1.0))
    return rng.normal(drift, 0.85 * sigma, length)


def _range(rng: np.random.Generator, sigma: float) -> Floats:
    """Swings of 14 to 26 minutes around one level: long enough to turn a moving average, too short to be paid for it."""
    length = int(rng.integers(50, 111))
    period = rng.uniform(14.0, 26.0)
    swing = 3.0 * sigma * np.sin(2 * np.pi * (np.arange(length + 1) / period + rng.random()))
    return np.diff(swing) + rng.normal(0.0, 0.5 * sigma, length)
