"""Marks and candles of one market tell the same story."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from threet.simulator.bars import MINUTE_MS, knots
from threet.simulator.coins import DEFAULT_COINS, spec_for
from threet.simulator.market import HOUR_MS, Market
from threet.simulator.seeded import SeededSource

NOW = 1_800_000_030_000


def _market() -> Market:
    market = Market(NOW // MINUTE_MS * MINUTE_MS - 1500 * MINUTE_MS)
    for spec in DEFAULT_COINS:
        market.add(spec, SeededSource(4, spec.name, float(spec.base_price)))
    return market


MARKET = _market()


@given(st.integers(0, 1000 * MINUTE_MS), st.sampled_from(["BTC", "DOGE"]))
def test_the_mark_is_the_close_of_the_candle_that_forms_and_lies_within_it(offset: int, coin: str) -> None:
    now = NOW + offset
    candle = MARKET.candles(coin, "1m", now, now, now)[-1]
    mark = MARKET.mark(coin, now)
    tick = Decimal("0.5") if coin == "BTC" else Decimal("0.000005")
    assert abs(Decimal(candle["c"]) - mark) <= tick
    assert Decimal(candle["l"]) - tick <= mark <= Decimal(candle["h"]) + tick


@given(st.integers(0, 10 * MINUTE_MS), st.integers(0, 3 * MINUTE_MS))
def test_every_mark_between_two_times_lies_within_their_extremes(offset: int, length: int) -> None:
    start, end = NOW + offset, NOW + offset + length
    low, high = MARKET.extremes("ETH", start, end)
    for at in range(start, end + 1, max(1, length // 7)):
        assert low <= MARKET.mark("ETH", at) <= high


def test_a_rising_bar_dips_before_it_peaks_and_a_falling_one_peaks_first() -> None:
    assert knots(np.array([100.0, 120.0, 90.0, 110.0, 1.0])) == (100.0, 90.0, 120.0, 110.0)
    assert knots(np.array([110.0, 120.0, 90.0, 100.0, 1.0])) == (110.0, 120.0, 90.0, 100.0)


def test_a_closed_candle_never_changes() -> None:
    first = MARKET.candles("SOL", "5m", NOW - HOUR_MS, NOW, NOW)
    later = MARKET.candles("SOL", "5m", NOW - HOUR_MS, NOW, NOW + 2 * HOUR_MS)
    assert [candle for candle in first if candle["T"] < NOW] == [candle for candle in later if candle["T"] < NOW]


def test_the_forming_candle_opens_where_the_last_one_closed() -> None:
    closed, forming = MARKET.candles("BTC", "1m", NOW - MINUTE_MS, NOW, NOW)[-2:]
    assert forming["o"] == closed["c"]
    assert closed["T"] < NOW <= forming["T"]


def test_an_hour_is_sixty_minutes_put_together() -> None:
    start = NOW // HOUR_MS * HOUR_MS - HOUR_MS
    minutes = MARKET.candles("ETH", "1m", start, start + HOUR_MS - 1, NOW)
    (hour,) = MARKET.candles("ETH", "1h", start, start + HOUR_MS - 1, NOW)
    assert len(minutes) == 60
    assert (hour["o"], hour["c"]) == (minutes[0]["o"], minutes[-1]["c"])
    assert Decimal(hour["h"]) == max(Decimal(minute["h"]) for minute in minutes)
    assert Decimal(hour["l"]) == min(Decimal(minute["l"]) for minute in minutes)


def test_a_request_gives_the_candles_that_overlap_it() -> None:
    start = NOW // MINUTE_MS * MINUTE_MS - 10 * MINUTE_MS
    candles = MARKET.candles("BTC", "1m", start + 1, start + 2 * MINUTE_MS, NOW)
    assert [candle["t"] for candle in candles] == [start, start + MINUTE_MS, start + 2 * MINUTE_MS]


def test_no_candle_lies_before_the_history_and_none_after_now() -> None:
    candles = MARKET.candles("BTC", "1m", 0, NOW * 2, NOW)
    assert candles[0]["t"] == MARKET.history_start_ms
    assert candles[-1]["t"] == NOW // MINUTE_MS * MINUTE_MS
    assert len(candles) == 1501


def test_a_price_that_is_set_scales_what_comes_and_not_what_was() -> None:
    market = _market()
    before = market.candles("BTC", "1m", 0, NOW, NOW)[:-1]
    market.set_price("BTC", Decimal(50_000), NOW)
    assert market.mark("BTC", NOW) == Decimal(50_000)
    assert market.candles("BTC", "1m", 0, NOW, NOW)[:-1] == before
    broken = market.candles("BTC", "1m", NOW, NOW, NOW)[-1]
    assert Decimal(broken["l"]) <= Decimal(50_000) < Decimal(broken["h"])
    assert abs(market.mark("BTC", NOW + HOUR_MS) / Decimal(50_000) - 1) < Decimal("0.1")


def test_funding_rates_are_hourly_and_small() -> None:
    rates = [MARKET.funding_rate("BTC", NOW + hour * HOUR_MS) for hour in range(48)]
    assert all(abs(rate) <= Decimal("0.0005") for rate in rates)
    assert len(set(rates)) > 10
    assert MARKET.funding_rate("BTC", NOW // HOUR_MS * HOUR_MS) == MARKET.funding_rate("BTC", NOW)


def test_a_coin_listed_while_it_runs_has_a_price_history_and_the_next_asset_number(make_desk: Callable[..., Any]) -> None:
    desk = make_desk("same")
    desk.venue.list_coin(spec_for("kPEPE", Decimal("0.0123")))
    now = desk.exchange.clock.now_ms()
    assert list(desk.exchange.market.listings).index("kPEPE") == len(DEFAULT_COINS)
    assert desk.exchange.mark("kPEPE") == Decimal("0.0123")
    assert len(desk.exchange.market.candles("kPEPE", "1m", 0, now, now)) > 1000
    mark = desk.exchange.mark("kPEPE")
    desk.venue.close()
    again = make_desk("same")
    assert again.exchange.mark("kPEPE") == mark
