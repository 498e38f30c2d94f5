"""How much of the venue's patience one process uses: a token bucket of request weight."""

from __future__ import annotations

import threading

from threet.application.ports import Clock


class Limiter:
    """Grants request weight at ``per_minute``. ``reserve_percent`` of the bucket is kept for urgent requests: orders and cancels.

    The bucket holds what flows in during ``burst_seconds``: no minute sees more than its share and so much besides. What flows in fills
    the reserve first, and no debt of the others is taken from it.

    It never waits: who is refused learns after how many seconds to ask again.
    """

    def __init__(self, clock: Clock, per_minute: float, reserve_percent: float, burst_seconds: float) -> None:
        self._clock = clock
        self._per_second = per_minute / 60
        whole = self._per_second * burst_seconds
        self._reserve = self._reserved = whole * reserve_percent / 100
        self._capacity = self._level = whole - self._reserve
        self._filled_at = clock.monotonic()
        self._lock = threading.Lock()

    def take(self, weight: float, *, urgent: bool = False) -> float:
        """0 where ``weight`` was granted, else the seconds until it could be.

        A request heavier than the bucket passes once the bucket is full and leaves a debt, since it would otherwise never pass.
        """
        with self._lock:
            self._fill()
            free = max(0.0, self._level)
            missing = min(weight, self._capacity) - self._level + self._reserve - self._reserved
            if urgent:
                missing = min(missing, weight - self._reserved - free)
            if missing > 1e-9:
                return missing / self._per_second
            reserved = min(self._reserved, max(0.0, weight - free)) if urgent else 0.0
            self._reserved -= reserved
            self._level -= weight - reserved
            return 0.0

    def charge(self, weight: float) -> None:
        """Takes what an answer turned out to weigh besides; the bucket may go into debt."""
        with self._lock:
            self._level -= weight

    def _fill(self) -> None:
        now = self._clock.monotonic()
        flown = (now - self._filled_at) * self._per_second
        self._filled_at = now
        kept = min(flown, self._reserve - self._reserved)
        self._reserved += kept
        self._level = min(self._capacity, self._level + flown - kept)
