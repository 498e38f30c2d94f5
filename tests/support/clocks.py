"""A clock that a test sets forward: both of its hands at once, or the durations alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import monotonic


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
