"""The prices of the simulated venue at any market time: marks, candles, day figures, funding rates, shifts made by hand."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threet.simulator.bars import CLOSE, HIGH, LOW, MINUTE_MS, OPEN, VOLUME, BarSource, Rows, aggregate, forming, price_inside, range_inside
from threet.simulator.coins import CoinSpec
from threet.simulator.replay import INTERVAL_MS
from threet.simulator.wire import PERP_PRICE_DECIMALS, SIGNIFICANT_DIGITS, round_price

MAX_CANDLES = 5000
SPOT_ASSETS = 10_000  # the venue's number of its first spot pair
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
_BASE_FUNDING = 0.0000125  # per hour: the venue's interest component, 0.01 % in eight hours


@dataclass(slots=True)
class Listing:
    """A coin, where its prices come from, and the factors that `set_price` put on them from some market time on."""

    spec: CoinSpec
    source: BarSource
    shift_times_ms: list[int] = field(default_factory=list)
    shift_factors: list[float] = field(default_factory=list)
    last_mark: tuple[int, Decimal] | None = None  # one request asks for the same moment many times
    last_day: tuple[int, Decimal, Decimal] | None = None  # its figures change once a bar

    def factor(self, at_ms: int) -> float:
        place = bisect_right(self.shift_times_ms, at_ms)
        return self.shift_factors[place - 1] if place else 1.0


class Market:
    """All listed coins. Every answer is a function of market time, so that nothing here needs to be saved but the shifts."""

    def __init__(self, history_start_ms: int) -> None:
        self.history_start_ms = history_start_ms
        self.listings: dict[str, Listing] = {}  # perpetuals
        self.spot: dict[str, Listing] = {}

    def add(self, spec: CoinSpec, source: BarSource) -> None:
        """Lists a coin behind the others: its asset number is its place. Raises ValueError if it is listed already."""
        if self.find(spec.name) is not None:
            raise ValueError(f"coin: {spec.name} is listed already")
        (self.spot if spec.is_spot else self.listings)[spec.name] = Listing(spec, source)

    def find(self, coin: str) -> Listing | None:
        """The perpetual or spot pair of this name, None where there is none."""
        return self.listings.get(coin) or self.spot.get(coin)

    def listing(self, coin: str) -> Listing:
        """The same. Raises KeyError where there is none."""
        return self.spot[coin] if coin in self.spot else self.listings[coin]

    def asset(self, coin: str) -> int:
        """The coin's asset number: its place, from 10,000 on for spot pairs. Raises ValueError."""
        return SPOT_ASSETS + list(self.spot).index(coin) if coin in self.spot else list(self.listings).index(coin)

    def by_asset(self, asset: object) -> Listing | None:
        """The listing with this asset number, None where there is none."""
        if not isinstance(asset, int) or isinstance(asset, bool) or asset < 0:
            return None
        listings = list(self.listings.values())
        if asset >= SPOT_ASSETS:
            listings, asset = list(self.spot.values()), asset - SPOT_ASSETS
        return listings[asset] if asset < len(listings) else None

    def mark(self, coin: str, at_ms: int) -> Decimal:
        """The mark price in USD. Raises KeyError for a coin that is not listed."""
        listing = self.listing(coin)
        if listing.last_mark is None or listing.last_mark[0] != at_ms:
            listing.last_mark = (at_ms, _tick(self._raw(listing, at_ms) * listing.factor(at_ms), listing.spec))
        return listing.last_mark[1]

    def extremes(self, coin: str, start_ms: int, end_ms: int) -> tuple[Decimal, Decimal]:
        """Lowest and highest mark between two market times, both included."""
        listing = self.listing(coin)
        step = listing.source.interval_ms
        first, last = start_ms // step, end_ms // step
        factor = listing.factor(end_ms)
        low, high = float("inf"), 0.0
        for index, bar in enumerate(listing.source.rows(first, last + 1), start=first):
            begin = (start_ms % step) / step if index == first else 0.0
            until = (end_ms % step) / step if index == last else 1.0
            bottom, top = range_inside(bar, begin, until)
            low, high = min(low, bottom * factor), max(high, top * factor)
        edges = (self.mark(coin, start_ms), self.mark(coin, end_ms))
        return min(_tick(low, listing.spec), *edges), max(_tick(high, listing.spec), *edges)

    def set_price(self, coin: str, price: Decimal, at_ms: int) -> float:
        """From now on the coin's prices are scaled so that its mark is `price`; returns the factor, to be saved."""
        listing = self.listing(coin)
        factor = float(price) / self._raw(listing, at_ms)
        self.restore_shift(coin, at_ms, factor)
        return factor

    def restore_shift(self, coin: str, at_ms: int, factor: float) -> None:
        """Puts a saved factor back."""
        listing = self.listing(coin)
        listing.shift_times_ms.append(at_ms)
        listing.shift_factors.append(factor)
        listing.last_mark = listing.last_day = None

    def candles(self, coin: str, interval: str, start_ms: int, end_ms: int, now_ms: int) -> list[dict[str, Any]]:
        """The venue's candles that overlap [start, end], the forming one included, at most the last 5000.

        An interval finer than the market's own, or one that it does not divide, gives none.
        """
        listing = self.listing(coin)
        step = listing.source.interval_ms
        width = INTERVAL_MS.get(interval, 0)
        if width < step or width % step:
            return []
        last_ms = min(end_ms, now_ms)
        first_bucket = max(-(-self.history_start_ms // width), start_ms // width, last_ms // width - MAX_CANDLES + 1)
        last_bucket = last_ms // width
        if last_bucket < first_bucket:
            return []
        first, last = first_bucket * width // step, min((last_bucket + 1) * width // step, now_ms // step + 1)
        rows = self._rows(listing, first, last, now_ms)
        buckets = np.arange(first, last, dtype=np.int64) * step // width
        numbers, bars = np.unique(buckets).tolist(), aggregate(rows, buckets).tolist()
        return [_candle(listing.spec, interval, width, number, bar) for number, bar in zip(numbers, bars, strict=True)]

    def day(self, coin: str, now_ms: int) -> tuple[Decimal, Decimal]:
        """The mark a day ago and the day's volume in USD, as of the bar that forms now."""
        listing = self.listing(coin)
        step = listing.source.interval_ms
        if listing.last_day is not None and listing.last_day[0] == now_ms // step:
            return listing.last_day[1:]
        now_ms = now_ms // step * step
        start_ms = max(self.history_start_ms, now_ms - DAY_MS)
        rows = listing.source.rows(start_ms // step, max(now_ms // step, start_ms // step + 1))
        volume = float(np.dot(rows[:, CLOSE], rows[:, VOLUME]))
        day_ago = _tick(self._raw(listing, start_ms) * listing.factor(start_ms), listing.spec)
        listing.last_day = (now_ms // step, day_ago, Decimal(f"{volume:.2f}"))
        return listing.last_day[1:]

    def funding_rate(self, coin: str, at_ms: int) -> Decimal:
        """Hourly rate, longs pay shorts where positive: the interest part plus a part of the last hour's move, capped at 0.05 %."""
        listing = self.listings[coin]
        hour_ms = at_ms // HOUR_MS * HOUR_MS
        move = self._raw(listing, hour_ms) / self._raw(listing, hour_ms - HOUR_MS) - 1
        return Decimal(f"{max(-0.0005, min(0.0005, _BASE_FUNDING + 0.002 * move)):.8f}")

    def _raw(self, listing: Listing, at_ms: int) -> float:
        step = listing.source.interval_ms
        index, inside = divmod(at_ms, step)
        return price_inside(listing.source.rows(index, index + 1)[0], inside / step)

    def _rows(self, listing: Listing, first: int, last: int, now_ms: int) -> Rows:
        """Base bars with the last one only as far as it has formed, and with the shifts applied."""
        step = listing.source.interval_ms
        rows = listing.source.rows(first, last).copy()
        index, inside = divmod(now_ms, step)
        if first <= index < last:
            rows[index - first] = forming(rows[index - first], inside / step)
        if listing.shift_times_ms:
            _shift(rows, np.arange(first, last) * step, step, now_ms, listing)
        return rows


def _shift(rows: Rows, opens_ms: NDArray[np.int64], step: int, now_ms: int, listing: Listing) -> None:
    before = np.array([listing.factor(int(at)) for at in opens_ms])
    after = np.array([listing.factor(min(int(at) + step - 1, now_ms)) for at in opens_ms])
    rows[:, OPEN] *= before
    rows[:, CLOSE] *= after
    rows[:, HIGH] *= np.maximum(before, after)
    rows[:, LOW] *= np.minimum(before, after)


def _tick(price: float, spec: CoinSpec) -> Decimal:
    return round_price(Decimal(repr(price)), spec.price_sz_decimals)


def _price_text(price: float, spec: CoinSpec) -> str:
    """As `decimal_text(_tick(price))`, an order of magnitude faster: a page of candles has 20,000 prices."""
    allowed = SIGNIFICANT_DIGITS - 1 - math.floor(math.log10(price))
    return _plain(f"{price:.{max(0, min(PERP_PRICE_DECIMALS - spec.price_sz_decimals, allowed))}f}")


def _plain(text: str) -> str:
    if "." not in text:
        return text + ".0"
    text = text.rstrip("0")
    return text + "0" if text.endswith(".") else text


def _candle(spec: CoinSpec, interval: str, width_ms: int, bucket: int, row: list[float]) -> dict[str, Any]:
    open_, high, low, close = (_price_text(row[column], spec) for column in (OPEN, HIGH, LOW, CLOSE))
    start = bucket * width_ms
    return {
        "t": start,
        "T": start + width_ms - 1,
        "s": spec.name,
        "i": interval,
        "o": open_,
        "c": close,
        "h": high,
        "l": low,
        "v": _plain(f"{row[VOLUME]:.{spec.sz_decimals}f}"),
        "n": max(1, int(row[VOLUME]) % 997),
    }
