"""Clocks that a test sets forward: the machine's with something added, and one that moves by its hand alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import monotonic

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class AheadClock:
    """Fulfils the port ``Clock``: the machine's, plus what was added."""

    def __init__(self) -> None:
        self._wall, self._durations = timedelta(0), 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + self._wall

    def monotonic(self) -> float:
        return monotonic() + self._durations

    def pass_by(self, seconds: float) -> None:
        """As if so many seconds had been waited."""
        self._wall += timedelta(seconds=seconds)
        self._durations += seconds

    def take(self, seconds: float) -> None:
        """As if what is being done had taken so many seconds, with the wall clock where it was."""
        self._durations += seconds


class ManualClock:
    """Fulfils the port ``Clock``. Both of its hands stand still until somebody moves them, in whole microseconds."""

    def __init__(self, start: datetime) -> None:
        self._start, self._passed = start, 0

    def now(self) -> datetime:
        return self._start + timedelta(microseconds=self._passed)

    def monotonic(self) -> float:
        return self._passed / 1_000_000

    def wall_ms(self) -> int:
        """Milliseconds since 1970, rounded down."""
        return (self.now() - _EPOCH) // timedelta(milliseconds=1)

    def pass_by(self, microseconds: int) -> None:
        self._passed += microseconds
