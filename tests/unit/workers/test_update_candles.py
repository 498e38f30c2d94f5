"""update_candles: every closed bar once, in order, none that is still open, and no request that cannot bring a new bar."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.workers.fakes import BTC, ETH, MINUTE_MS, NEW, NOON, FakeClock, FakeMarket, FakeProducts, FakePublisher, ms

from threet.application.publishing import PublishFailed
from threet.application.update_candles import UpdateCandles, interval_ms
from threet.domain.errors import VenueBusy, VenueRefused, VenueSilent

HISTORY = 11


def _update(market: FakeMarket, publisher: FakePublisher, symbols=(BTC,)) -> UpdateCandles:
    return UpdateCandles(FakeProducts(list(symbols)), market, publisher, FakeClock(), interval="1m", history_bars=HISTORY, most_failures=2)


def test_the_first_sight_of_a_symbol_brings_its_whole_warm_up():
    market, publisher = FakeMarket([BTC]), FakePublisher()
    result = _update(market, publisher)()
    assert result.published == {BTC: HISTORY}
    assert publisher.bars[BTC][-1] == ms(NOON) - MINUTE_MS


@pytest.mark.parametrize(("after", "requests"), [(timedelta(seconds=59, milliseconds=999), 1), (timedelta(seconds=60), 2)])
def test_the_venue_is_asked_again_exactly_when_one_more_bar_has_closed(after, requests):
    market = FakeMarket([BTC])
    update = _update(market, FakePublisher())
    update()
    market.at = NOON + after
    update()
    assert len(market.candle_requests) == requests


def test_a_short_absence_brings_exactly_what_was_missed():
    market, publisher = FakeMarket([BTC]), FakePublisher()
    update = _update(market, publisher)
    update()
    market.at = NOON + timedelta(minutes=7, seconds=30)
    assert update().published == {BTC: 7}
    opens = publisher.bars[BTC]
    assert {after - before for before, after in pairwise(opens)} == {MINUTE_MS}, "no gap"


def test_a_long_absence_brings_the_warm_up_and_not_all_that_was_missed():
    market, publisher = FakeMarket([BTC]), FakePublisher()
    publisher.bars[BTC] = [ms(NOON - timedelta(days=3))]
    assert _update(market, publisher)().published == {BTC: HISTORY}


def test_a_refused_symbol_is_reported_and_blocks_nothing():
    market = FakeMarket([BTC], errors={NEW: VenueRefused("not listed")})
    result = _update(market, FakePublisher(), [NEW, BTC])()
    assert result.refused == {NEW: "not listed"}
    assert result.published == {BTC: HISTORY}


def test_a_market_clock_that_went_back_is_reported_and_publishes_nothing_twice():
    market, publisher = FakeMarket([BTC]), FakePublisher()
    update = _update(market, publisher)
    update()
    before = list(publisher.bars[BTC])
    market.at -= timedelta(minutes=5)
    assert "market clock says 2026-06-01 11:55:00" in update().refused[BTC]
    assert publisher.bars[BTC] == before


def test_one_silent_symbol_is_raised_after_the_others_were_served():
    market, publisher = FakeMarket([BTC, ETH], errors={BTC: VenueSilent("no answer")}), FakePublisher()
    with pytest.raises(VenueSilent):
        _update(market, publisher, [BTC, ETH])()
    assert len(publisher.bars[ETH]) == HISTORY


def test_a_venue_that_fails_twice_is_left_alone_until_the_next_round():
    market = FakeMarket([], errors={BTC: VenueBusy("429", 1.0), ETH: VenueSilent("no answer")})
    with pytest.raises(VenueBusy):
        _update(market, FakePublisher(), [BTC, ETH, NEW])()
    assert [name for name, _, _ in market.candle_requests] == [BTC, ETH]


def test_a_stream_that_cannot_be_read_is_not_taken_for_an_empty_one():
    market = FakeMarket([BTC])
    with pytest.raises(PublishFailed):
        _update(market, FakePublisher(fails=True))()
    assert market.candle_requests == []


@given(steps=st.lists(st.integers(0, (HISTORY - 1) * MINUTE_MS), min_size=1, max_size=12), start=st.integers(0, 2 * MINUTE_MS))
def test_whatever_the_rhythm_every_bar_comes_once_in_order_and_closed(steps, start):
    market, publisher = FakeMarket([BTC], at=NOON + timedelta(milliseconds=start)), FakePublisher()
    update = _update(market, publisher)
    update()
    for step in steps:
        market.at += timedelta(milliseconds=step)
        update()
    bars = publisher.bars[BTC]
    assert bars == list(range(bars[0], bars[-1] + 1, MINUTE_MS))
    assert bars[-1] + MINUTE_MS <= ms(market.at) < bars[-1] + 2 * MINUTE_MS


@pytest.mark.parametrize(("text", "expected"), [("1m", 60_000), ("15m", 900_000), ("4h", 14_400_000), ("1d", 86_400_000)])
def test_intervals_are_read_as_milliseconds(text, expected):
    assert interval_ms(text) == expected


@pytest.mark.parametrize("text", ["", "m", "0m", "1s", "1M", "1.5h", "-1m", "60"])
def test_anything_else_is_no_interval(text):
    with pytest.raises(ValueError, match="expected an interval"):
        interval_ms(text)
