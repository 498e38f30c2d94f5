"""The clock of this machine."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """Fulfils the port ``Clock``."""

    def now(self) -> datetime:
        """Wall time, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that only rise."""
        return time.monotonic()


class VenueClock:
    """Fulfils the port ``Clock`` with the venue's wall time as last heard, for who must act although this machine's clock is wrong."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def keep_time(self, venue_now: datetime) -> None:
        """From now on it shows this and goes on from there."""
        self._ahead = venue_now - datetime.now(UTC)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def monotonic(self) -> float:
        return time.monotonic()
