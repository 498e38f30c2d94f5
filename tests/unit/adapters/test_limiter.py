"""The limiter: a token bucket of request weight with a share kept for urgent requests."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from threet.adapters.venue.limiter import Limiter

BURST_SECONDS = 15


class ManualClock:
    seconds = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds


def test_a_full_bucket_grants_a_burst_and_then_says_how_long_to_wait() -> None:
    clock = ManualClock()
    limiter = Limiter(clock, per_minute=240, reserve_percent=0, burst_seconds=BURST_SECONDS)
    assert [limiter.take(20) for _ in range(3)] == [0, 0, 0]
    assert limiter.take(20) == 5.0
    clock.seconds += 4.9
    assert limiter.take(20) > 0
    clock.seconds += 0.1
    assert limiter.take(20) == 0


def test_the_reserve_is_for_urgent_requests_alone() -> None:
    limiter = Limiter(ManualClock(), per_minute=240, reserve_percent=20, burst_seconds=BURST_SECONDS)
    assert [limiter.take(12) for _ in range(4)] == [0, 0, 0, 0]
    assert limiter.take(1) > 0
    assert [limiter.take(1, urgent=True) for _ in range(12)] == [0] * 12
    assert limiter.take(1, urgent=True) > 0


def test_a_request_heavier_than_the_bucket_passes_when_it_is_full_and_leaves_a_debt() -> None:
    clock = ManualClock()
    limiter = Limiter(clock, per_minute=60, reserve_percent=20, burst_seconds=BURST_SECONDS)
    assert limiter.take(40) == 0
    assert limiter.take(1) > 25
    clock.seconds += 60
    assert limiter.take(40) == 0


def test_no_debt_of_the_others_is_taken_from_the_reserve() -> None:
    """A long list turns out to weigh more than the bucket holds; an order that closes a position is not to wait for that."""
    clock = ManualClock()
    limiter = Limiter(clock, per_minute=60, reserve_percent=20, burst_seconds=BURST_SECONDS)
    assert limiter.take(12) == 0
    limiter.charge(100)
    assert [limiter.take(1, urgent=True) for _ in range(3)] == [0] * 3
    assert limiter.take(1, urgent=True) == 1.0
    clock.seconds += 1
    assert limiter.take(1, urgent=True) == 0
    clock.seconds += 90
    assert limiter.take(1) > 0
    assert [limiter.take(1, urgent=True) for _ in range(3)] == [0] * 3


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 40), st.booleans()), max_size=200))
def test_no_minute_sees_more_than_its_share_and_one_burst(steps: list[tuple[float, int, bool]]) -> None:
    clock = ManualClock()
    limiter = Limiter(clock, per_minute=240, reserve_percent=20, burst_seconds=BURST_SECONDS)
    granted: list[tuple[float, int]] = []
    for pause, weight, urgent in steps:
        clock.seconds += pause
        if limiter.take(weight, urgent=urgent) == 0:
            granted.append((clock.seconds, weight))
    for start, _ in granted:
        assert sum(weight for at, weight in granted if start <= at < start + 60) <= 240 * (1 + BURST_SECONDS / 60) + 1e-6


@given(st.lists(st.integers(1, 60), max_size=50))
def test_the_wait_that_is_named_is_enough(weights: list[int]) -> None:
    clock = ManualClock()
    limiter = Limiter(clock, per_minute=240, reserve_percent=20, burst_seconds=BURST_SECONDS)
    for weight in weights:
        if (wait := limiter.take(weight)) > 0:
            clock.seconds += wait + 1e-6
            assert limiter.take(weight) == 0
