"""The candles of a run's symbol, from Redis."""

from __future__ import annotations

from collections.abc import Sequence

from threet.adapters.market_feed import CandleRow, FeedAway, recent_candles
from threet.adapters.redis import make_redis
from threet.application.update_candles import interval_ms
from threet.domain.values import Unknown
from threet.settings import Secrets, Settings


def candles_of(settings: Settings, secrets: Secrets, symbol: str, since_ms: int) -> Sequence[CandleRow] | Unknown:
    """Those that close after ``since_ms`` (market time)."""
    interval, page = settings.providence.candle_interval, settings.providence.read_entries
    try:
        return recent_candles(make_redis(settings, secrets), symbol, interval, since_ms - interval_ms(interval), page)
    except FeedAway as error:
        return Unknown(f"Redis is away: {str(error).splitlines()[0]}")
