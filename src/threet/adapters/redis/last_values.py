"""What the market workers last published, as the reconciliation reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from threet.adapters.redis.keys import LAST_PRICES, from_ms
from threet.application.facts import Price
from threet.domain.values import Known, Symbol, Unknown, symbol

_SOURCE = f"redis {LAST_PRICES}"


class RedisLastValues:
    """Implements LastValues. A symbol that was never priced is missing; an old price is there, with its age in ``as_of``."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis

    def last_prices(self) -> Mapping[Symbol, Known[Price]] | Unknown:
        """Unknown where Redis is away, holds nothing, or holds anything that is not a price (I1)."""
        try:
            rows: dict[str, str] = self._redis.hgetall(LAST_PRICES)
        except RedisError as error:
            return Unknown(f"{_SOURCE}: {type(error).__name__}: {error}")
        if not rows:
            return Unknown(f"{_SOURCE} is empty: no price was published yet")
        prices: dict[Symbol, Known[Price]] = {}
        for name, text in rows.items():
            try:
                price = _price(name, text)
            except (ValueError, KeyError, TypeError, InvalidOperation, OverflowError):
                return Unknown(f'{_SOURCE}: expected {{"mark", "market_time_ms", "observed_at_ms"}} of {name}, was {text[:100]!r}')
            prices[price.symbol] = Known(price, price.observed_at, _SOURCE)
        return prices


def _price(name: str, text: str) -> Price:
    value = json.loads(text)
    mark = Decimal(_text(value["mark"]))
    if not mark.is_finite() or mark <= 0:
        raise ValueError(f"expected a price above 0, was {mark}")
    return Price(symbol(name), mark, from_ms(_whole(value["market_time_ms"])), from_ms(_whole(value["observed_at_ms"])))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a decimal in text, was {value!r}")
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"expected whole milliseconds, was {value!r}")
    return value
