"""Indicators over the closed candles of many symbols, for every length at once: arrays of shape (symbols, bars), the newest bar last.

The answers' column n - 1 is the indicator over the newest n bars. Sums go one by one from the newest bar back, so that neither
the number of symbols in the call nor the processor's vector width changes a bit.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from threet.engine.types import Floats, Ints


def running_means(values: Floats) -> Floats:
    """Simple moving averages."""
    return np.cumsum(values[:, ::-1], axis=1) / np.arange(1, values.shape[1] + 1)


def donchian_high(high: Floats) -> Floats:
    """The highest high of the n bars *before* the newest: Donchian's upper channel, without the bar that may leave it."""
    return np.maximum.accumulate(high[:, -2::-1], axis=1)


def donchian_low(low: Floats) -> Floats:
    """The lowest low of the n bars before the newest."""
    return np.minimum.accumulate(low[:, -2::-1], axis=1)


def average_true_range(high: Floats, low: Floats, close: Floats) -> Floats:
    """Mean of the true range over n bars (Wilder, New Concepts in Technical Trading Systems, 1978), in units of the price.

    A simple mean, where Wilder smooths: his depends on all bars since the beginning, and a restart would not have the same bits.
    """
    before = close[:, :-1]
    true_range = np.maximum(high[:, 1:], before) - np.minimum(low[:, 1:], before)
    return running_means(true_range)


def permutation_entropy(values: Floats) -> Floats:
    """Of the order of three neighbours (Bandt and Pompe, Phys. Rev. Lett. 88, 174102, 2002), from 0 (one pattern) to 1 (all six alike).

    Column n - 1 looks at the newest n triples, so at n + 2 bars. Equal neighbours count as rising.
    """
    first, second, third = values[:, :-2], values[:, 1:-1], values[:, 2:]
    pattern = 4 * (first <= second) + 2 * (second <= third) + (first <= third)
    newest_first = pattern[:, ::-1]
    triples = newest_first.shape[1]
    table = _x_log_x(triples)
    total: Floats = np.zeros(newest_first.shape)
    for code in _POSSIBLE:
        total += table[np.cumsum(newest_first == code, axis=1)]
    counts = np.arange(1, triples + 1)
    return (_logs(triples) - total / counts) / math.log(len(_POSSIBLE))


_POSSIBLE = (0, 2, 3, 4, 5, 7)
"""Of the eight answers to (a <= b, b <= c, a <= c) the six that an order of three can give."""


@cache
def _x_log_x(most: int) -> Floats:
    """n log n for n = 0 to ``most``, by the C library's log: numpy's own may differ in the last bit between processors."""
    return np.array([n * math.log(n) if n else 0.0 for n in range(most + 1)])


@cache
def _logs(most: int) -> Floats:
    return np.array([math.log(n) for n in range(1, most + 1)])


def lengths(parameter: Floats) -> Ints:
    """A whole parameter, drawn as a float, as the column of its length."""
    return parameter.astype(np.intp) - 1
