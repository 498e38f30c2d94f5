"""Marks, clocks, candles and rules through ccxt against the simulator."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests.contracts.venue_adapter.conftest import BTC, ETH, Desk
from tests.support.simulator import SimulatorProcess
from tests.support.venue_settings import venue_settings

from threet.adapters.clock import SystemClock
from threet.adapters.venue import CcxtMarketData, Venue
from threet.adapters.venue.errors import RETRY_SECONDS
from threet.adapters.venue.reading import from_ms, to_ms
from threet.domain.errors import VenueBusy, VenueError, VenueRefused
from threet.domain.values import MarketRules, Symbol, Unknown

MINUTE = timedelta(minutes=1)
NOPE = Symbol("NOPE/USDC:USDC")


def last_minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def test_marks_of_all_symbols_come_with_both_times(desk: Desk) -> None:
    desk.simulator.pause()
    try:
        prices = desk.market.prices([BTC, ETH, NOPE])
        assert set(prices) == {BTC, ETH}
        assert prices[BTC].mark == Decimal(desk.simulator.mark("BTC"))
        universe, contexts = desk.simulator.info({"type": "metaAndAssetCtxs"})
        rates = {coin["name"]: Decimal(context["funding"]) for coin, context in zip(universe["universe"], contexts, strict=True)}
        assert (prices[BTC].hourly_funding, prices[ETH].hourly_funding) == (rates["BTC"], rates["ETH"])
        assert to_ms(prices[BTC].market_time) == desk.simulator.market()["market_ms"]
        assert abs(prices[BTC].observed_at - desk.clock.now()) < timedelta(seconds=5)
    finally:
        desk.simulator.resume()


def test_the_venues_wall_clock_is_not_its_market_clock(tmp_path: Path) -> None:
    with SimulatorProcess(tmp_path / "simulator", ["--start", "2026-06-01T00:00:00+00:00", "--speed", "60"]) as process:
        market = CcxtMarketData(venue_settings(tmp_path, process.url), SystemClock())
        assert abs(market.exchange_time() - SystemClock().now()) < timedelta(seconds=5)
        assert abs(market.market_time() - SystemClock().now()) > timedelta(hours=1)


def test_rules_are_the_venues_and_an_unlisted_symbol_blocks_nothing(desk: Desk) -> None:
    rules = desk.market.rules([BTC, NOPE])
    assert rules[BTC] == MarketRules(BTC, Decimal("0.00001"), 1, 5, Decimal(10), 40)
    assert rules[NOPE] == Unknown("NOPE/USDC:USDC: not listed by the venue")


def test_a_coin_that_nobody_asked_for_yet_is_looked_for_at_once(tmp_path: Path) -> None:
    with SimulatorProcess(tmp_path / "simulator") as process:
        settings = venue_settings(tmp_path, process.url)
        frozen = _Clock()
        market = CcxtMarketData(settings, frozen, Venue(settings, frozen))
        market.rules([BTC])
        process.list_coin("kPEPE", "0.01")
        frozen.seconds += settings.schedule.reconcile_positions_seconds
        new = Symbol("KPEPE/USDC:USDC")
        assert isinstance(market.rules([new])[new], MarketRules)
        assert new in market.prices([new])


def test_a_coin_that_was_asked_for_before_the_venue_lists_it_is_found_with_the_next_rules(tmp_path: Path) -> None:
    with SimulatorProcess(tmp_path / "simulator") as process:
        settings = venue_settings(tmp_path, process.url)
        frozen = _Clock()
        market = CcxtMarketData(settings, frozen, Venue(settings, frozen))
        new = Symbol("KPEPE/USDC:USDC")
        assert isinstance(market.rules([new])[new], Unknown)
        process.list_coin("kPEPE", "0.01")
        assert isinstance(market.rules([new])[new], Unknown)  # asked a moment ago
        frozen.seconds += settings.exchange.rules_refresh_seconds
        assert isinstance(market.rules([new])[new], MarketRules)
        assert new in market.prices([new])


class _Clock(SystemClock):
    seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


def test_candles_are_closed_ordered_and_within_their_bounds(desk: Desk) -> None:
    now = desk.market.market_time()
    end = last_minute(now) + 10 * MINUTE
    start = last_minute(now) - 30 * MINUTE
    candles = desk.market.candles(BTC, "1m", start, end)
    times = [from_ms(candle.open_time_ms) for candle in candles]
    assert times[0] == start
    assert times[-1] + MINUTE <= desk.market.market_time()
    assert all(later - earlier == MINUTE for earlier, later in itertools.pairwise(times))
    assert len(times) >= 30
    shorter = desk.market.candles(BTC, "1m", start, start + 5 * MINUTE)
    assert shorter == candles[:5]


def test_a_candle_that_is_still_open_is_left_out(tmp_path: Path) -> None:
    with SimulatorProcess(tmp_path / "simulator", ["--start", "2026-06-01T00:00:30+00:00"]) as process:
        process.pause()
        market = CcxtMarketData(venue_settings(tmp_path, process.url), SystemClock())
        now = market.market_time()
        open_bar = last_minute(now)
        assert [from_ms(c.open_time_ms) for c in market.candles(BTC, "1m", open_bar - MINUTE, open_bar + MINUTE)] == [open_bar - MINUTE]


def test_more_candles_than_one_answer_holds_are_paged(tmp_path: Path) -> None:
    with SimulatorProcess(tmp_path / "simulator", ["--history-bars", "6500"]) as process:
        process.pause()
        market = CcxtMarketData(venue_settings(tmp_path, process.url), SystemClock())
        end = last_minute(market.market_time())
        candles = market.candles(BTC, "1m", end - 6000 * MINUTE, end)
        times = [candle.open_time_ms for candle in candles]
        assert len(times) == 6000
        assert times == sorted(set(times))


def test_candles_of_an_unlisted_symbol_are_refused(desk: Desk) -> None:
    now = desk.market.market_time()
    with pytest.raises(VenueRefused, match="not listed"):
        desk.market.candles(NOPE, "1m", now - 5 * MINUTE, now)


@pytest.mark.parametrize("kind", ["http_429", "http_500", "no_answer", "empty_list"])
def test_a_failed_read_is_an_error_never_a_default(desk: Desk, kind: str) -> None:
    desk.simulator.fault(kind, match={"type": "metaAndAssetCtxs"}, seconds=4)
    with pytest.raises(VenueError):
        desk.market.prices([BTC])
    desk.simulator.clear_faults()
    desk.clock.take(RETRY_SECONDS)
    assert BTC in desk.market.prices([BTC])


def test_a_busy_venue_says_so_and_is_left_alone_for_as_long_as_it_wants(desk: Desk) -> None:
    ways = (desk.market.exchange_time, desk.account.snapshot, lambda: desk.trading.cancel("0x" + "1" * 32, BTC))
    desk.rules()
    fault = desk.simulator.fault("http_429")
    with pytest.raises(VenueBusy, match="429"):
        desk.market.exchange_time()
    for way in ways:
        with pytest.raises(VenueBusy, match="left alone for"):
            way()
    assert desk.simulator.hits(fault) == 1
    desk.clock.take(RETRY_SECONDS - 0.5)
    with pytest.raises(VenueBusy, match="left alone for 0"):
        desk.market.exchange_time()
    desk.simulator.clear_faults()
    desk.clock.take(0.5)
    assert desk.market.exchange_time() > desk.account.snapshot().exchange_time - timedelta(seconds=5)


def test_a_list_with_markets_missing_is_no_answer_and_moves_no_asset_number(desk: Desk) -> None:
    before = desk.market.rules([BTC, ETH])
    desk.simulator.fault("partial_list", match={"type": "metaAndAssetCtxs"})
    with pytest.raises(VenueError, match="known in their order"):
        desk.market.prices([BTC])
    assert desk.market.rules([BTC, ETH]) == before


def test_a_dropped_connection_is_read_again(desk: Desk) -> None:
    desk.simulator.fault("lost_answer", match={"type": "exchangeStatus"}, count=1)
    desk.market.exchange_time()


def test_our_own_limit_is_busy_and_leaves_the_signer_its_share(tmp_path: Path, desk: Desk) -> None:
    settings = venue_settings(tmp_path / "limited", desk.simulator.url, requests_per_minute=1200)
    venue = Venue(settings, _Clock())
    market = CcxtMarketData(settings, _Clock(), venue)
    market.prices([BTC])
    market.prices([BTC])
    with pytest.raises(VenueBusy, match="request_shares_percent") as refused:
        market.prices([BTC])
    assert 0 < refused.value.retry_after_seconds < 60
    venue.connection._take("info", 1, "order", urgent=True)
