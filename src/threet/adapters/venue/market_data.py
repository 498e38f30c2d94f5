"""The venue's public side: marks, clocks, candles and rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from threet.adapters.venue.catalogue import Listing
from threet.adapters.venue.reading import as_list, decimal_field, garbled, int_field, time_field, to_ms
from threet.adapters.venue.venue import Venue
from threet.application.facts import Candle, Price
from threet.application.ports import Clock
from threet.domain.errors import VenueRefused
from threet.domain.values import MarketRules, Symbol, Unknown
from threet.settings import Settings

CLOCK_WEIGHT = 2
CANDLES_PER_REQUEST = 5000
"""The most that the venue answers at once."""


class CcxtMarketData:
    """Fulfils the port ``MarketData``."""

    def __init__(self, settings: Settings, clock: Clock, venue: Venue | None = None) -> None:
        self._venue = venue or Venue(settings, clock)
        self._catalogue = self._venue.catalogue
        self._last_market_time: datetime | None = None

    def prices(self, symbols: Sequence[Symbol]) -> dict[Symbol, Price]:
        """Marks and rates of funding from one request, with the market clock and our own as they stood just before it."""
        market_time, observed_at = self.market_time(), self._venue.clock.now()
        quotes = self._catalogue.read()
        found = {name: quotes[name] for name in symbols if name in quotes}
        return {name: Price(name, quote.mark, market_time, observed_at, quote.hourly_funding) for name, quote in found.items()}

    def market_time(self) -> datetime:
        """The time of an order book: the one clock of the market that the venue shows (tickers carry none)."""
        answer = self._venue.connection.info({"type": "l2Book", "coin": self._catalogue.any_coin()}, CLOCK_WEIGHT)
        self._last_market_time = time_field(answer, "time", "l2Book")
        return self._last_market_time

    def exchange_time(self) -> datetime:
        return time_field(self._venue.connection.info({"type": "exchangeStatus"}, CLOCK_WEIGHT), "time", "exchangeStatus")

    def candles(self, symbol: Symbol, interval: str, start: datetime, end: datetime) -> list[Candle]:
        """Closed candles with start <= open time < end, oldest first. A candle counts as closed once the market clock is past its end.

        The clock is read before the candles where it is not known to be past ``end``. Raises VenueRefused for an unlisted symbol.
        """
        coin = self._catalogue.coin_of(symbol)
        if isinstance(coin, Unknown):
            raise VenueRefused(coin.reason)
        step_ms = round(self._venue.connection.client.parse_timeframe(interval) * 1000)
        closed_until_ms = to_ms(self._clock_past(end))
        first_ms, last_ms = to_ms(start), min(to_ms(end) - 1, closed_until_ms - step_ms)
        found: list[Candle] = []
        for page_ms in range(first_ms, last_ms + 1, step_ms * CANDLES_PER_REQUEST):
            until_ms = min(last_ms, page_ms + step_ms * CANDLES_PER_REQUEST - 1)
            page = self._page(coin, interval, page_ms, until_ms)
            found += [candle for candle in page if page_ms <= candle.open_time_ms <= until_ms]
        return found

    def rules(self, symbols: Sequence[Symbol]) -> dict[Symbol, MarketRules | Unknown]:
        listings = {name: self._catalogue.listing(name) for name in symbols}
        return {name: item.rules if isinstance(item, Listing) else item for name, item in listings.items()}

    def _clock_past(self, end: datetime) -> datetime:
        """A market time that has been: the last one read if it is at or past ``end``, else a new reading."""
        known = self._last_market_time
        return known if known is not None and known >= end else self.market_time()

    def _page(self, coin: str, interval: str, start_ms: int, end_ms: int) -> list[Candle]:
        request = {"type": "candleSnapshot", "req": {"coin": coin, "interval": interval, "startTime": start_ms, "endTime": end_ms}}
        weight = 20 + min(CANDLES_PER_REQUEST, (end_ms - start_ms) // 60_000) / 60  # one more for 60 candles, guessed as minutes
        candles = [_candle(entry, coin, interval) for entry in as_list(self._venue.connection.info(request, weight), "candleSnapshot")]
        candles.sort(key=lambda candle: candle.open_time_ms)
        times = [candle.open_time_ms for candle in candles]
        if len(set(times)) != len(times):
            raise garbled(f"candleSnapshot {coin}", "each candle once", times)
        return candles


def _candle(entry: Any, coin: str, interval: str) -> Candle:
    what = f"candleSnapshot {coin} {interval}"
    if not isinstance(entry, dict) or entry.get("s") != coin or entry.get("i") != interval:
        raise garbled(what, "candles of this market and interval", entry)
    opened, high, low, close = (float(decimal_field(entry, key, what)) for key in ("o", "h", "l", "c"))
    if not 0 < low <= min(opened, close) <= max(opened, close) <= high:
        raise garbled(what, "0 < low <= open and close <= high", entry)
    return Candle(int_field(entry, "t", what), opened, high, low, close, float(decimal_field(entry, "v", what)))
