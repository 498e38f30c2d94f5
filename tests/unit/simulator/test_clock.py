"""Market time: its speed, its pauses, its end, and that it never goes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threet.simulator.clock import MarketClock
from threet.simulator.venue import Venue


class _Wall:
    ms = 1_000_000

    def __call__(self) -> int:
        return self.ms


def test_market_time_runs_at_the_speed_and_stands_still_while_paused() -> None:
    wall = _Wall()
    clock = MarketClock(wall, 5_000, 60.0)
    wall.ms += 2_000
    assert clock.now_ms() == 125_000
    clock.pause()
    wall.ms += 10_000
    assert clock.now_ms() == 125_000
    clock.resume()
    clock.set_speed(1.0)
    wall.ms += 1_000
    assert clock.now_ms() == 126_000


def test_market_time_ends_with_the_data() -> None:
    wall = _Wall()
    clock = MarketClock(wall, 0, 10.0, end_ms=5_000)
    assert not clock.ended
    wall.ms += 1_000
    assert clock.now_ms() == 5_000
    assert clock.ended


def test_market_time_is_never_told_beyond_what_was_reserved_on_disk() -> None:
    wall = _Wall()
    clock = MarketClock(wall, 0, 1.0)
    clock.reserved_ms = 1_500
    wall.ms += 60_000
    assert clock.now_ms() == 1_500


def test_a_speed_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a number above zero"):
        MarketClock(_Wall(), 0, 1.0).set_speed(0)


@given(st.lists(st.tuples(st.sampled_from(["pause", "resume", "fast", "slow", "wait", "back"]), st.integers(0, 10_000)), max_size=30))
def test_market_time_never_goes_back(steps: list[tuple[str, int]]) -> None:
    wall = _Wall()
    clock = MarketClock(wall, 0, 1.0)
    before = clock.now_ms()
    for step, millis in steps:
        wall.ms += millis
        if step == "pause":
            clock.pause()
        elif step == "resume":
            clock.resume()
        elif step in ("fast", "slow"):
            clock.set_speed(60.0 if step == "fast" else 0.5)
        assert clock.now_ms() >= before
        before = clock.now_ms()


def test_after_a_kill_market_time_goes_on_at_or_after_the_last_one_seen(make_desk: Callable[..., Any]) -> None:
    desk = make_desk("same", speed=60.0)
    desk.advance(7.3)
    seen = desk.exchange.clock.now_ms()
    desk.venue._journal._lock.close()  # what the kernel does to a killed process
    again = Venue(desk.options, desk.wall)
    try:
        assert seen <= again.exchange.clock.now_ms() <= seen + 2_000 * 60
    finally:
        again.close()


def test_after_a_stop_market_time_goes_on_exactly_where_it_was(make_desk: Callable[..., Any]) -> None:
    desk = make_desk("same", speed=60.0)
    desk.advance(7.3)
    seen = desk.exchange.clock.now_ms()
    desk.venue.close()
    desk.wall.ms += 3_600_000
    again = make_desk("same", speed=60.0)
    assert again.exchange.clock.now_ms() == seen
