"""Indicators over the closed candles of many symbols, for every length at once: arrays of shape (symbols, bars), the newest bar last.

Sums go one by one from the newest bar back, so that neither the number of symbols in the call, nor the longest length that is asked
for, nor the processor's vector width changes a bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain
from typing import Generic, TypeVar

import numpy as np

from threet.engine.types import Floats, Ints

Table = TypeVar("Table", Floats, Ints)
"""Of shape (symbols, lengths): column n - 1 is about the newest n bars."""


class ByLength(Generic[Table]):
    """An indicator for every length, worked out for no more lengths than were asked for.

    ``tables`` makes what is summed up along the bars, for so many lengths at most; ``value`` the indicator of what stands there at one
    length, for many runs at once.
    """

    def __init__(self, longest: int, tables: Callable[[int], Sequence[Table]], value: Callable[[Sequence[Table], Ints], Floats]) -> None:
        self.longest = longest
        self._make: Callable[[int], Sequence[Table]] = tables
        self._value: Callable[[Sequence[Table], Ints], Floats] = value
        self._tables: Sequence[Table] = ()
        self._depth = 0

    def at(self, rows: Ints, lengths: Ints) -> Floats:
        """Of each of ``rows`` over as many bars. Raises IndexError where there are not so many."""
        asked = int(np.maximum.reduce(lengths, initial=0))
        if asked > self.longest:
            raise IndexError(f"expected lengths up to {self.longest}, since there are no more bars, was {asked}")
        if asked > self._depth:
            self._depth, self._tables = asked, self._make(asked)
        places = rows * self._depth + (lengths - 1)
        return self._value([table.take(places) for table in self._tables], lengths)

    def whole(self) -> Floats:
        """Of every symbol over every length."""
        return self._value(self._make(self.longest), np.arange(1, self.longest + 1))


def running_means(values: Floats) -> ByLength[Floats]:
    """Simple moving averages."""
    newest_first = values[:, ::-1]
    return ByLength(values.shape[1], lambda most: [np.cumsum(newest_first[:, :most], axis=1)], _mean)


def donchian_high(high: Floats) -> ByLength[Floats]:
    """The highest high of the n bars *before* the newest: Donchian's upper channel, without the bar that may leave it."""
    before = high[:, -2::-1]
    return ByLength(before.shape[1], lambda most: [np.maximum.accumulate(before[:, :most], axis=1)], _itself)


def donchian_low(low: Floats) -> ByLength[Floats]:
    """The lowest low of the n bars before the newest."""
    before = low[:, -2::-1]
    return ByLength(before.shape[1], lambda most: [np.minimum.accumulate(before[:, :most], axis=1)], _itself)


def average_true_range(high: Floats, low: Floats, close: Floats) -> ByLength[Floats]:
    """Mean of the true range over n bars (Wilder, New Concepts in Technical Trading Systems, 1978), in units of the price.

    A simple mean, where Wilder smooths: his depends on all bars since the beginning, and a restart would not have the same bits.
    """
    highs, lows, before = high[:, :0:-1], low[:, :0:-1], close[:, -2::-1]

    def sums(most: int) -> list[Floats]:
        true_range = np.maximum(highs[:, :most], before[:, :most]) - np.minimum(lows[:, :most], before[:, :most])
        return [np.cumsum(true_range, axis=1)]

    return ByLength(before.shape[1], sums, _mean)


def permutation_entropy(values: Floats) -> ByLength[Ints]:
    """Of the order of three neighbours (Bandt and Pompe, Phys. Rev. Lett. 88, 174102, 2002), from 0 (one pattern) to 1 (all six alike).

    Of length n it looks at the newest n triples, so at n + 2 bars. Equal neighbours count as rising.
    """
    triples = max(0, values.shape[1] - 2)
    third, second, first = values[:, :1:-1], values[:, -2:0:-1], values[:, -3::-1]

    def counts(most: int) -> list[Ints]:
        one, two, three = first[:, :most], second[:, :most], third[:, :most]
        pattern = 4 * (one <= two) + 2 * (two <= three) + (one <= three)
        return [ones.take(pattern).cumsum(axis=1) for ones in _ones(len(_POSSIBLE) if most < 1 << _bits(len(_POSSIBLE)) else 3)]

    def entropy(packed: Sequence[Ints], lengths: Ints) -> Floats:
        in_each = len(_POSSIBLE) // len(packed)
        bits = _bits(in_each)
        places = np.arange(0, in_each * bits, bits).reshape(-1, *(1,) * packed[0].ndim)
        x_log_x = _x_log_x(triples)
        total: Floats = sum(chain.from_iterable(x_log_x[(several >> places) & ((1 << bits) - 1)] for several in packed))
        return (_logs(triples)[lengths - 1] - total / lengths) / math.log(len(_POSSIBLE))

    return ByLength(triples, counts, entropy)


_POSSIBLE = (0, 2, 3, 4, 5, 7)
"""Of the eight answers to (a <= b, b <= c, a <= c) the six that an order of three can give."""


def _bits(codes: int) -> int:
    """What the count of one code may take, where so many stand side by side in an int64."""
    return 63 // codes


@cache
def _ones(codes: int) -> list[Ints]:
    """For so many codes at a time, by the code, a one in the place of its count: one sum counts them all."""
    told = np.zeros((len(_POSSIBLE) // codes, 8), dtype=np.int64)
    for number, code in enumerate(_POSSIBLE):
        told[number // codes, code] = 1 << (number % codes * _bits(codes))
    return list(told)


def _mean(sums: Sequence[Floats], lengths: Ints) -> Floats:
    return sums[0] / lengths


def _itself(values: Sequence[Floats], lengths: Ints) -> Floats:
    return values[0]


@cache
def _x_log_x(most: int) -> Floats:
    """n log n for n = 0 to ``most``, by the C library's log: numpy's own may differ in the last bit between processors."""
    return np.array([n * math.log(n) if n else 0.0 for n in range(most + 1)])


@cache
def _logs(most: int) -> Floats:
    return np.array([math.log(n) for n in range(1, most + 1)])
