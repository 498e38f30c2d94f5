"""The keys that the parts share, and the form of times in them: whole milliseconds since 1970, UTC, as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

PRICES_STREAM = "prices"
CANDLES_STREAM = "candles"
BALANCE_STREAM = "balance"
LAST_PRICES = "last:prices"
LAST_CANDLES = "last:candles"
CANARY = "canary"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(moment: datetime) -> int:
    """Exact, where a float of seconds would not be."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def from_ms(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)
