"""The soak's judge: a leak is caught, noise, a warm-up and a saw are not."""

from __future__ import annotations

import random

import pytest
from tests.support.slopes import Allowance, Sample, growing, rates, slope_of_flow, slope_of_level, sparkline, theil_sen

MEMORY = Allowance(percent=10, floor=5)


def series(value: object, seconds: int = 180, step: int = 3) -> list[Sample]:
    return [(float(at), value(at)) for at in range(0, seconds + 1, step)]  # type: ignore[operator]


NOISE = random.Random(7)


@pytest.mark.parametrize(
    "flat",
    [
        lambda at: 100.0,
        lambda at: 100 + NOISE.uniform(-8, 8),
        lambda at: 60 + 40 * (1 - 0.95**at),  # a warm-up that is over in the first half
        lambda at: 100 + (at % 12) * 3.0,  # a saw: a garbage collector
        lambda at: 500.0 if at in (99, 150) else 100.0,  # single odd samples
        lambda at: 40.0 if at < 45 else 100.0,  # a restart early on
        lambda at: 100 - at / 10,
    ],
)
def test_what_stays_where_it_is_does_not_grow(flat):
    assert not slope_of_level(series(flat), MEMORY).is_growing


@pytest.mark.parametrize(
    "leak",
    [
        lambda at: 100 + at / 5,
        lambda at: 100 + at / 5 + NOISE.uniform(-8, 8),
        lambda at: 100 + at / 5 + (at % 12) * 3.0,
        lambda at: 100.0 * 1.002**at,
        lambda at: 100.0 if at < 90 else 100 + (at - 90) / 4,  # begins in the middle
    ],
)
def test_a_planted_leak_is_caught(leak):
    slope = slope_of_level(series(leak), MEMORY)
    assert slope.is_growing
    assert growing({"worker MB": slope, "flat": slope_of_level(series(lambda at: 1.0), MEMORY)})[0].startswith("worker MB: grew by")


def test_a_slow_leak_needs_a_long_look():
    def slow(at: int) -> float:
        return 100 + at / 60 + NOISE.uniform(-3, 3)  # one per cent a minute

    assert not slope_of_level(series(slow), MEMORY).is_growing
    assert slope_of_level(series(slow, 1800), MEMORY).is_growing


def test_what_piles_up_evenly_is_no_leak_and_what_piles_up_ever_faster_is():
    allowance = Allowance(percent=50, floor=100)
    evenly = series(lambda at: float(at // 4), 1800)
    faster = series(lambda at: at * at / 1000, 1800)
    assert not slope_of_flow(evenly, allowance, 60).is_growing
    assert slope_of_flow(faster, allowance, 60).is_growing


def test_rows_that_are_pruned_are_no_negative_flow():
    assert rates([(0, 0), (30, 60), (60, 10), (90, 70)], 30) == [(30, 7200), (60, 0), (90, 7200)]


def test_the_slope_is_the_median_of_all_pairs():
    assert theil_sen([(0, 0), (1, 1), (2, 2), (3, 3), (4, 100)]) == 1
    assert theil_sen([(0, 0), (1, 2), (2, 4)]) == 2
    assert theil_sen([(0, 5)]) == 0


def test_a_series_is_shown_as_digits():
    assert sparkline([0, 5, 10]) == "049"
    assert sparkline([3, 3]) == ".."
