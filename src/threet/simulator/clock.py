"""Two times: wall time, which nobody changes, and market time, which runs at a speed, can stand still and ends with the data."""

from __future__ import annotations

import time
from collections.abc import Callable

WallMs = Callable[[], int]


def system_wall_ms() -> int:
    """Milliseconds since 1970 by the system's clock."""
    return time.time_ns() // 1_000_000


class MarketClock:
    """Market milliseconds as a function of wall milliseconds; it never goes back."""

    def __init__(self, wall_ms: WallMs, start_ms: int, speed: float, end_ms: int | None = None) -> None:
        self.wall_ms = wall_ms
        self._anchor_wall_ms = wall_ms()
        self._anchor_market_ms = start_ms
        self._speed = speed
        self._paused = False
        self.end_ms = end_ms
        self.reserved_ms: int | None = None  # market time is never told beyond what has been saved

    def now_ms(self) -> int:
        """Market time now; stands still while paused, at the end of the data and where no more is reserved."""
        elapsed = 0 if self._paused else max(0, self.wall_ms() - self._anchor_wall_ms)
        now = self._anchor_market_ms + int(elapsed * self._speed)
        limits = [limit for limit in (self.end_ms, self.reserved_ms) if limit is not None]
        return min([now, *limits])

    @property
    def speed(self) -> float:
        """Market seconds per wall second."""
        return self._speed

    @property
    def paused(self) -> bool:
        return self._paused

    @property
    def ended(self) -> bool:
        """True once a replay has played its last candle."""
        return self.end_ms is not None and self.now_ms() >= self.end_ms

    def pause(self) -> None:
        self._anchor(paused=True)

    def resume(self) -> None:
        self._anchor(paused=False)

    def set_speed(self, speed: float) -> None:
        """Raises ValueError unless the speed is above zero."""
        if not speed > 0:
            raise ValueError(f"speed: found {speed}, expected a number above zero (market seconds per wall second)")
        self._anchor(paused=self._paused)
        self._speed = speed

    def _anchor(self, paused: bool) -> None:
        self._anchor_market_ms = self.now_ms()
        self._anchor_wall_ms = self.wall_ms()
        self._paused = paused
