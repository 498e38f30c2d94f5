"""Whether something that shall stay bounded grows: the slope of a series, robust against a warm-up, bursts and single odd samples.

The slope is that of Theil (1950) and Sen (1968): the median of the slopes between all pairs of samples, here of the second half alone.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Sample = tuple[float, float]
"""Seconds since the start, and the value."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a level may grow by within the second half: ``percent`` of it or ``floor``, in its own unit, whichever is more."""

    percent: float
    floor: float


@dataclass(frozen=True, slots=True)
class Slope:
    """``growth`` is what the slope makes of the second half; ``per_hour`` the same slope in units an hour."""

    level: float
    growth: float
    per_hour: float
    allowed: float

    @property
    def is_growing(self) -> bool:
        return self.growth > self.allowed


def theil_sen(samples: Sequence[Sample]) -> float:
    """Units a second; 0 for fewer than two samples."""
    slopes = [(y2 - y1) / (x2 - x1) for i, (x1, y1) in enumerate(samples) for x2, y2 in samples[i + 1 :] if x2 > x1]
    return statistics.median(slopes) if slopes else 0.0


def second_half(samples: Sequence[Sample]) -> list[Sample]:
    """By time: the first half is the warm-up."""
    middle = (samples[0][0] + samples[-1][0]) / 2
    return [sample for sample in samples if sample[0] >= middle]


def slope_of_level(samples: Sequence[Sample], allowance: Allowance) -> Slope:
    """Of something that has a level, such as memory."""
    looked_at = second_half(samples)
    slope = theil_sen(looked_at)
    level = statistics.median(value for _, value in looked_at)
    growth = slope * (looked_at[-1][0] - looked_at[0][0])
    return Slope(level, growth, slope * 3600, max(abs(level) * allowance.percent / 100, allowance.floor))


def slope_of_flow(samples: Sequence[Sample], allowance: Allowance, block_seconds: float) -> Slope:
    """Of something that only piles up, such as rows that are kept for days: what is new in each hour, block by block, must not grow."""
    return slope_of_level(rates(samples, block_seconds), allowance)


def rates(samples: Sequence[Sample], block_seconds: float) -> list[Sample]:
    """New units an hour in each block of about so many seconds, at the block's end. What is taken away counts as nothing new."""
    blocks: list[Sample] = []
    last = first = samples[0]
    new = 0.0
    for sample in samples[1:]:
        new += max(0.0, sample[1] - last[1])
        last = sample
        if sample[0] - first[0] >= block_seconds:
            blocks.append((sample[0], new * 3600 / (sample[0] - first[0])))
            first, new = sample, 0.0
    return blocks


def growing(slopes: Mapping[str, Slope]) -> list[str]:
    """One line for each series that grows."""
    return [
        f"{name}: grew by {slope.growth:.4g} around {slope.level:.4g}, allowed {slope.allowed:.4g} ({slope.per_hour:+.4g} an hour)"
        for name, slope in sorted(slopes.items())
        if slope.is_growing
    ]


def sparkline(values: Iterable[float], width: int = 48) -> str:
    """A series as a line of digits, 0 its lowest and 9 its highest value; a dot for each sample where all are equal."""
    told = list(values)
    step = max(1.0, len(told) / width)
    shown = [told[int(number * step)] for number in range(min(width, len(told)))]
    low, high = min(shown), max(shown)
    return "".join("." if high == low else str(round((value - low) / (high - low) * 9)) for value in shown)
