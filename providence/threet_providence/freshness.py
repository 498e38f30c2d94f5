"""Whether a symbol's candles still come: a bar that should have closed may be missing only for so long of wall time.

Market time alone cannot say it, for it may run at any speed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CandleAges:
    """``monotonic`` gives seconds of this process; ``patience_seconds`` is how long a due candle may be missing."""

    def __init__(self, monotonic: Callable[[], float], interval_ms: int, patience_seconds: float) -> None:
        self._monotonic, self._interval_ms, self._patience = monotonic, interval_ms, patience_seconds
        self._begun = monotonic()
        self._arrived: dict[str, float] = {}

    def arrived(self, symbols: Iterable[str]) -> None:
        now = self._monotonic()
        self._arrived |= dict.fromkeys(symbols, now)

    def is_fresh(self, symbol: str, behind_ms: int) -> bool:
        """``behind_ms``: how far the newest candle's close lies behind the market's clock."""
        if behind_ms < self._interval_ms:
            return True
        return self._monotonic() - self._arrived.get(symbol, self._begun) <= self._patience


def gap_told(first_ms: int, next_ms: int) -> str:
    """The bars that open from ``first_ms`` to before ``next_ms``, in market time."""
    first, behind = (_EPOCH + timedelta(milliseconds=ms) for ms in (first_ms, next_ms))
    return f"candles from {first:%Y-%m-%d %H:%M} to {behind:%H:%M} are missing: its runs are paused until there are enough without a gap"
