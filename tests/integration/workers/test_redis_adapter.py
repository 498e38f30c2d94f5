"""The Redis adapter against a real server: what is published is read back exactly and bounded; a lost server is Unknown, never a number."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests.support.redis import RedisServer
from tests.support.venue_settings import write_config

from threet.adapters.market_feed import MarketFeed, PricesEntry
from threet.adapters.redis import Canaries, RedisLastValues, RedisPublisher, make_redis
from threet.application.facts import AccountSnapshot, Candle, Price
from threet.application.publishing import PublishFailed
from threet.domain.values import Known, Position, Symbol, Unknown
from threet.settings import Secrets, load_settings

BTC, ETH = Symbol("BTC/USDC:USDC"), Symbol("kPEPE/USDC:USDC")
SEEN = datetime(2026, 6, 1, 12, 0, 0, 123000, tzinfo=UTC)
MARKET = datetime(2025, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def settings(server: RedisServer, tmp_path: Path):
    values = {"url": server.url, "socket_timeout_seconds": 1, "prices_stream_entries": 100, "candles_stream_entries": 100}
    return load_settings(write_config(tmp_path, {"redis": values}))


@pytest.fixture
def client(settings, server):
    made = make_redis(settings, Secrets.model_validate({"redis": {"password": server.password}}))
    made.flushall()
    yield made
    made.close()


@pytest.fixture
def publisher(client, settings):
    return RedisPublisher(client, settings.redis)


def _price(symbol: Symbol, mark: str, seen: datetime = SEEN) -> Price:
    return Price(symbol, Decimal(mark), MARKET, seen)


def _bars(first: int, count: int) -> list[Candle]:
    return [Candle((first + i) * 60_000, 1.1, 2.2, 0.1 + 0.2, 1.5, 1e-9) for i in range(count)]


def test_prices_are_read_back_to_the_last_digit(publisher, client):
    publisher.publish_prices([_price(BTC, "64000.10"), _price(ETH, "0.0000012345678901234567890")])
    read = RedisLastValues(client).last_prices()
    assert read == {
        BTC: Known(_price(BTC, "64000.10"), SEEN, "redis last:prices"),
        ETH: Known(_price(ETH, "0.0000012345678901234567890"), SEEN, "redis last:prices"),
    }


def test_the_stream_of_prices_has_one_entry_for_all_of_one_request(publisher, client):
    publisher.publish_prices([_price(BTC, "64000.1"), _price(ETH, "2.5E-7")])
    [(_, entry)] = client.xrange("prices")
    assert json.loads(entry["prices"]) == {BTC: "64000.1", ETH: "0.00000025"}
    assert json.loads(entry["funding"]) == {}
    assert (entry["market_time_ms"], entry["observed_at_ms"]) == ("1735787045678", "1780315200123")


def test_rates_of_funding_go_with_the_prices_that_they_came_with(publisher, client):
    publisher.publish_prices([replace(_price(BTC, "64000.1"), hourly_funding=Decimal("-1.25E-5")), _price(ETH, "2.5")])
    feed = MarketFeed(client, block_seconds=0.02, most_entries=10)
    feed.seek({})
    while not (entries := feed.read().entries):
        pass
    assert [entry.funding for entry in entries if isinstance(entry, PricesEntry)] == [{BTC: -0.0000125}]


def test_an_old_price_keeps_its_age(publisher, client):
    publisher.publish_prices([_price(BTC, "1", SEEN - timedelta(hours=1))])
    publisher.publish_prices([_price(ETH, "2")])
    read = RedisLastValues(client).last_prices()
    assert not isinstance(read, Unknown)
    assert read[BTC].as_of == SEEN - timedelta(hours=1)


def test_without_a_published_price_there_is_no_empty_market_but_an_unknown_one(client):
    assert isinstance(RedisLastValues(client).last_prices(), Unknown)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "0",
        "null",
        "[]",
        '{"mark": "64000"}',
        '{"mark": 64000.5, "market_time_ms": 1, "observed_at_ms": 1}',
        '{"mark": "NaN", "market_time_ms": 1, "observed_at_ms": 1}',
        '{"mark": "Infinity", "market_time_ms": 1, "observed_at_ms": 1}',
        '{"mark": "0", "market_time_ms": 1, "observed_at_ms": 1}',
        '{"mark": "-1", "market_time_ms": 1, "observed_at_ms": 1}',
        '{"mark": "x", "market_time_ms": 1, "observed_at_ms": 1}',
        '{"mark": "1", "market_time_ms": "1", "observed_at_ms": 1}',
        '{"mark": "1", "market_time_ms": true, "observed_at_ms": 1}',
        '{"mark": "1", "market_time_ms": 1, "observed_at_ms": 99999999999999999999}',
    ],
)
def test_a_malformed_value_is_unknown_and_named(publisher, client, value):
    publisher.publish_prices([_price(ETH, "2")])
    client.hset("last:prices", BTC, value)
    read = RedisLastValues(client).last_prices()
    assert isinstance(read, Unknown)
    assert BTC in read.reason


def test_candles_are_read_back_bit_for_bit(publisher, client):
    publisher.publish_candles(BTC, "1m", _bars(10, 3), SEEN)
    [(_, entry)] = client.xrange("candles")
    assert (entry["symbol"], entry["interval"], entry["observed_at_ms"]) == (BTC, "1m", "1780315200123")
    rows = json.loads(entry["candles"])
    assert [Candle(*row) for row in rows] == _bars(10, 3)
    assert publisher.last_candle_open_ms(BTC, "1m") == 12 * 60_000


def test_the_same_bars_of_a_second_worker_are_not_published_again(publisher, client):
    publisher.publish_candles(BTC, "1m", _bars(10, 3), SEEN)
    publisher.publish_candles(BTC, "1m", _bars(12, 2), SEEN)
    publisher.publish_candles(BTC, "1m", _bars(13, 2), SEEN)
    published = [row[0] // 60_000 for _, entry in client.xrange("candles") for row in json.loads(entry["candles"])]
    assert published == [10, 11, 12, 13, 14]


def test_what_was_never_published_is_none_and_what_is_no_number_is_refused(publisher, client):
    assert publisher.last_candle_open_ms(BTC, "1m") is None
    client.hset("last:candles", f"{BTC}|1m", "yesterday")
    with pytest.raises(PublishFailed, match="expected milliseconds, was 'yesterday'"):
        publisher.last_candle_open_ms(BTC, "1m")


def test_the_balance_carries_the_snapshot_that_was_committed(publisher, client):
    held = (Position(BTC, Decimal("-0.5")),)
    publisher.publish_balance(AccountSnapshot("0xabc", Decimal("10000.10"), Decimal("9E+3"), Decimal(1), held, MARKET, SEEN), 7)
    [(_, entry)] = client.xrange("balance")
    assert entry == {
        "account": "0xabc",
        "account_value": "10000.10",
        "withdrawable": "9000",
        "exchange_time_ms": "1735787045678",
        "observed_at_ms": "1780315200123",
        "snapshot_id": "7",
    }


def test_the_streams_are_bounded(publisher, client):
    for i in range(600):
        publisher.publish_prices([_price(BTC, "1")])
        publisher.publish_candles(BTC, "1m", _bars(i, 1), SEEN)
    assert client.xlen("prices") < 300  # Redis trims whole nodes of a hundred entries
    assert client.xlen("candles") < 300


class _Clock:
    def now(self) -> datetime:
        return SEEN

    def monotonic(self) -> float:
        return 0.0


def test_a_canary_leaves_its_time_and_a_queue_without_one_is_missing(client):
    canaries = Canaries(client, _Clock())
    canaries.ran("market")
    assert canaries.last_runs() == {"market": Known(SEEN, SEEN, "redis canary")}
    client.lpush("account", "message")
    assert canaries.queue_lengths(["market", "account"]) == {"market": 0, "account": 1}
    client.hset("canary", "account", "long ago")
    assert isinstance(canaries.last_runs(), Unknown)


def test_a_server_that_is_away_is_unknown_soon_and_published_to_again_when_it_is_back(tmp_path):
    with RedisServer(tmp_path / "redis") as server:
        settings = load_settings(write_config(tmp_path, {"redis": {"url": server.url, "socket_timeout_seconds": 1}}))
        client = make_redis(settings, Secrets.model_validate({"redis": {"password": server.password}}))
        publisher, last, canaries = RedisPublisher(client, settings.redis), RedisLastValues(client), Canaries(client, _Clock())
        publisher.publish_prices([_price(BTC, "1")])
        server.kill()
        started = time.monotonic()
        assert isinstance(last.last_prices(), Unknown)
        assert isinstance(canaries.last_runs(), Unknown)
        assert isinstance(canaries.queue_lengths(["market"]), Unknown)
        for publish in (
            lambda: publisher.publish_prices([_price(BTC, "1")]),
            lambda: publisher.publish_candles(BTC, "1m", _bars(1, 1), SEEN),
            lambda: publisher.last_candle_open_ms(BTC, "1m"),
            lambda: canaries.ran("market"),
        ):
            with pytest.raises(PublishFailed):
                publish()
        assert time.monotonic() - started < 14  # seven commands, each within twice the timeout
        server.start()
        publisher.publish_prices([_price(BTC, "2")])
        publisher.publish_candles(BTC, "1m", _bars(1, 1), SEEN)
        read = last.last_prices()
        assert not isinstance(read, Unknown)
        assert read[BTC].value.mark == 2


def test_a_wrong_password_is_unknown(server, settings):
    client = make_redis(settings, Secrets.model_validate({"redis": {"password": "wrong"}}))
    read = RedisLastValues(client).last_prices()
    assert isinstance(read, Unknown)
    assert "invalid username-password pair" in read.reason


def test_a_server_that_hangs_costs_no_more_than_the_timeout(server, client):
    server.pause()
    try:
        started = time.monotonic()
        assert isinstance(RedisLastValues(client).last_prices(), Unknown)
        assert time.monotonic() - started < 3
    finally:
        server.resume()
