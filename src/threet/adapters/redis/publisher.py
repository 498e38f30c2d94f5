"""Where the market and account workers publish: three bounded streams and the last values beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from threet.adapters.redis.keys import BALANCE_STREAM, CANDLES_STREAM, LAST_CANDLES, LAST_PRICES, PRICES_STREAM, to_ms
from threet.application.facts import AccountSnapshot, Candle, Price
from threet.application.publishing import PublishFailed
from threet.domain.values import Symbol
from threet.settings.sections import RedisSettings

# Two workers may have fetched the same bars: only the first publishes them, so that the stream never goes back in time.
_PUBLISH_CANDLES = """
local last = redis.call('HGET', KEYS[2], ARGV[1])
if last and tonumber(last) >= tonumber(ARGV[2]) then return 0 end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[4], '*',
  'symbol', ARGV[5], 'interval', ARGV[6], 'observed_at_ms', ARGV[7], 'candles', ARGV[8])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
return 1
"""


class RedisPublisher:
    """Implements MarketPublisher and BalancePublisher. Every method raises PublishFailed where Redis does not answer."""

    def __init__(self, redis: Redis, limits: RedisSettings) -> None:
        self._redis: Any = redis  # redis-py's types cover its synchronous and asynchronous clients at once
        self._limits = limits
        self._publish_candles = self._redis.register_script(_PUBLISH_CANDLES)

    def publish_prices(self, prices: Sequence[Price]) -> None:
        """One entry for all of one request, and the last value of each, in one transaction."""
        if not prices:
            return
        newest = max(prices, key=lambda price: price.observed_at)
        fields = {
            "market_time_ms": str(to_ms(newest.market_time)),
            "observed_at_ms": str(to_ms(newest.observed_at)),
            "prices": _compact({price.symbol: format(price.mark, "f") for price in prices}),
            "funding": _compact({p.symbol: format(p.hourly_funding, "f") for p in prices if p.hourly_funding is not None}),
        }
        try:
            pipe = self._redis.pipeline(transaction=True)
            pipe.xadd(PRICES_STREAM, fields, maxlen=self._limits.prices_stream_entries, approximate=True)
            pipe.hset(LAST_PRICES, mapping={price.symbol: _last_price(price) for price in prices})
            pipe.execute()
        except RedisError as error:
            raise _failed("prices", error) from error

    def publish_candles(self, symbol: Symbol, interval: str, candles: Sequence[Candle], observed_at: datetime) -> None:
        """One entry of closed candles, oldest first; nothing where another worker has published the first of them already."""
        if not candles:
            return
        rows = [[c.open_time_ms, c.open, c.high, c.low, c.close, c.volume] for c in candles]
        first, last = candles[0].open_time_ms, candles[-1].open_time_ms
        limit, observed_at_ms = self._limits.candles_stream_entries, to_ms(observed_at)
        try:
            self._publish_candles(
                keys=[CANDLES_STREAM, LAST_CANDLES],
                args=[_field(symbol, interval), first, last, limit, symbol, interval, observed_at_ms, _compact(rows)],
            )
        except RedisError as error:
            raise _failed(f"candles of {symbol}", error) from error

    def last_candle_open_ms(self, symbol: Symbol, interval: str) -> int | None:
        """None only where Redis says that nothing was published. Raises PublishFailed where it says nothing, or no number."""
        try:
            text = self._redis.hget(LAST_CANDLES, _field(symbol, interval))
        except RedisError as error:
            raise _failed(f"candles of {symbol}", error) from error
        if text is None:
            return None
        if not text.isascii() or not text.isdigit():
            raise PublishFailed(f"expected milliseconds, was {text!r} (redis {LAST_CANDLES}: {_field(symbol, interval)}); delete the field")
        return int(text)

    def publish_balance(self, snapshot: AccountSnapshot, snapshot_id: int) -> None:
        """``snapshot_id`` is the committed row of ``position_snapshots``."""
        fields = {
            "account": snapshot.account,
            "account_value": format(snapshot.account_value, "f"),
            "withdrawable": format(snapshot.withdrawable, "f"),
            "exchange_time_ms": str(to_ms(snapshot.exchange_time)),
            "observed_at_ms": str(to_ms(snapshot.observed_at)),
            "snapshot_id": str(snapshot_id),
        }
        try:
            self._redis.xadd(BALANCE_STREAM, fields, maxlen=self._limits.balance_stream_entries, approximate=True)
        except RedisError as error:
            raise _failed("balance", error) from error


def _last_price(price: Price) -> str:
    return _compact(
        {"mark": format(price.mark, "f"), "market_time_ms": to_ms(price.market_time), "observed_at_ms": to_ms(price.observed_at)},
    )


def _field(symbol: Symbol, interval: str) -> str:
    return f"{symbol}|{interval}"


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _failed(what: str, error: RedisError) -> PublishFailed:
    return PublishFailed(f"{what} not published: {type(error).__name__}: {error}")
