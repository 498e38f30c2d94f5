"""Use case: the candles that have closed since the last time, of each product, into the stream."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from threet.application.ports import Clock, MarketData, MarketPublisher, Products
from threet.domain.errors import VenueError, VenueRefused
from threet.domain.values import Symbol

_UNITS_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def interval_ms(interval: str) -> int:
    """Milliseconds of ``1m``, ``15m``, ``4h``, ``1d``. Raises ValueError."""
    match = re.fullmatch(r"([1-9][0-9]*)([mhd])", interval)
    if match is None:
        raise ValueError(f"expected an interval such as 1m, 4h or 1d, was {interval!r}")
    return int(match[1]) * _UNITS_MS[match[2]]


@dataclass(frozen=True, slots=True)
class CandlesUpdated:
    """Bars published per symbol, of those that were asked for; ``refused``: why there are none of the others."""

    published: Mapping[Symbol, int]
    refused: Mapping[Symbol, str]


@dataclass(slots=True)
class _Round:
    published: dict[Symbol, int] = field(default_factory=dict)
    refused: dict[Symbol, str] = field(default_factory=dict)
    failures: list[VenueError] = field(default_factory=list)


class UpdateCandles:
    """Asks for a symbol only when, by the venue's market clock, one more of its bars must have closed.

    Raises PublishFailed, or the first VenueBusy or VenueSilent after the other symbols were served; a venue that
    fails ``most_failures`` times in one round is left alone until the next. A refused symbol is reported and blocks nothing.
    """

    def __init__(
        self,
        products: Products,
        market: MarketData,
        publisher: MarketPublisher,
        clock: Clock,
        *,
        interval: str,
        history_bars: int,
        most_failures: int,
    ) -> None:
        self._products = products
        self._market = market
        self._publisher = publisher
        self._clock = clock
        self._interval = interval
        self._bar_ms = interval_ms(interval)
        self._history_ms = history_bars * self._bar_ms
        self._most_failures = most_failures

    def __call__(self) -> CandlesUpdated:
        done = _Round()
        symbols = [product.symbol for product in self._products.all()]
        if symbols:
            self._update(symbols, done)
        if done.failures:
            raise done.failures[0]
        return CandlesUpdated(published=done.published, refused=done.refused)

    def _update(self, symbols: Sequence[Symbol], done: _Round) -> None:
        now_ms = (self._market.market_time() - _EPOCH) // timedelta(milliseconds=1)
        end_ms = now_ms - now_ms % self._bar_ms  # bars that open before this one have closed
        for name in symbols:
            start_ms = self._start_ms(name, end_ms)
            if start_ms > end_ms:
                done.refused[name] = f"published until {_moment(start_ms)}, but the venue's market clock says {_moment(now_ms)}"
            if start_ms >= end_ms:
                continue
            try:
                done.published[name] = self._publish(name, start_ms, end_ms)
            except VenueRefused as error:
                done.refused[name] = str(error)
            except VenueError as error:
                done.failures.append(error)
                if len(done.failures) == self._most_failures:
                    return

    def _start_ms(self, name: Symbol, end_ms: int) -> int:
        last = self._publisher.last_candle_open_ms(name, self._interval)
        history = end_ms - self._history_ms
        return history if last is None else max(last + self._bar_ms, history)

    def _publish(self, name: Symbol, start_ms: int, end_ms: int) -> int:
        candles = self._market.candles(name, self._interval, _moment(start_ms), _moment(end_ms))
        closed = [candle for candle in candles if start_ms <= candle.open_time_ms < end_ms]
        self._publisher.publish_candles(name, self._interval, closed, self._clock.now())
        return len(closed)


def _moment(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)
