"""The streams come in one order, whoever reads them, however the reading is cut; what is no entry is named and passed over."""

import json
import random

import pytest
from tests.support.redis import RedisServer

from threet.adapters.market_feed import BadEntry, CandlesEntry, FeedAway, MarketFeed, PricesEntry


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def redis(server):
    client = server.client()
    client.flushall()
    return client


def price(mark="1.5"):
    return {"market_time_ms": 7, "observed_at_ms": 0, "prices": json.dumps({"A/B:B": mark})}


def candle(rows=((60_000, 1, 2, 0.5, 1.5, 9),), symbol="A/B:B"):
    return {"symbol": symbol, "interval": "1m", "observed_at_ms": 0, "candles": json.dumps(rows)}


def read_all(feed):
    read = []
    while True:
        batch = feed.read()
        read.extend(batch.entries)
        if batch.caught_up:
            return read


def feed_from(redis, ids=None):
    feed = MarketFeed(redis, block_seconds=0.05, most_entries=500)
    feed.seek(ids or {})
    return feed


def key(entry):
    return type(entry).__name__, entry.id


def test_entries_come_by_time_and_prices_before_candles_within_a_millisecond(redis):
    for stream, fields, entry_id in [
        ("candles", candle(), "100-0"),
        ("prices", price(), "100-0"),
        ("prices", price(), "100-1"),
        ("prices", price(), "101-0"),
    ]:
        redis.xadd(stream, fields, id=entry_id)
    redis.xadd("candles", candle(), id="102-0")
    assert [key(e) for e in read_all(feed_from(redis))] == [
        ("PricesEntry", "100-0"),
        ("PricesEntry", "100-1"),
        ("CandlesEntry", "100-0"),
        ("PricesEntry", "101-0"),
        ("CandlesEntry", "102-0"),
    ]


def test_two_readers_see_the_same_order_also_where_one_stops_and_starts_and_the_streams_are_long(redis):
    chance = random.Random(3)
    last = {"prices": 0, "candles": 0}
    for _ in range(2_500):
        stream = chance.choice(["prices", "candles"])
        last[stream] += chance.randint(1, 3)
        redis.xadd(stream, price() if stream == "prices" else candle(), id=f"{last[stream]}-0")
    whole = [key(entry) for entry in read_all(feed_from(redis))]
    assert len(whole) == 2_500
    ids: dict[str, str] = {}
    cut: list[tuple[str, str]] = []
    while len(cut) < 2_500:
        for entry in feed_from(redis, ids).read().entries[: chance.randint(1, 400)]:
            cut.append(key(entry))
            ids["prices" if isinstance(entry, PricesEntry) else "candles"] = entry.id
    assert cut == whole


def test_a_millisecond_with_more_entries_than_one_reading_is_read_whole(redis):
    for number in range(1_200):
        redis.xadd("candles", candle(), id=f"50-{number}")
    redis.xadd("prices", price(), id="60-0")
    read = [key(entry) for entry in read_all(feed_from(redis))]
    assert len(read) == 1_201
    assert read[-1] == ("PricesEntry", "60-0")


def test_a_shard_that_never_read_begins_with_all_candles_and_the_newest_price(redis):
    redis.xadd("candles", candle(), id="10-0")
    for number in (20, 21, 22):
        redis.xadd("prices", price(str(number)), id=f"{number}-0")
    feed = MarketFeed(redis, block_seconds=0.05, most_entries=500)
    feed.seek(feed.start_ids())
    assert [key(entry) for entry in read_all(feed)] == [("CandlesEntry", "10-0"), ("PricesEntry", "22-0")]


def test_an_empty_redis_is_caught_up(redis):
    feed = MarketFeed(redis, block_seconds=0.02, most_entries=500)
    feed.seek(feed.start_ids())
    assert feed.read().caught_up


@pytest.mark.parametrize(
    ("stream", "fields", "reason"),
    [
        ("prices", {"prices": "{}"}, "market_time_ms"),
        ("prices", price("0"), "price above 0"),
        ("prices", price("nan"), "price above 0"),
        ("prices", {"market_time_ms": 1, "prices": "[1]"}, "AttributeError"),
        ("prices", price() | {"funding": '{"A/B:B": "nan"}'}, "finite rate"),
        ("candles", {"symbol": "A/B:B", "candles": "[]"}, "interval"),
        ("candles", candle([[1, 2, 3]]), "unpack"),
        ("candles", candle([[2, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]]), "oldest first"),
        ("candles", candle([[1, 1, 1, 1, 1, -1]]), "volume"),
    ],
)
def test_what_is_no_entry_is_named_and_passed_over(redis, stream, fields, reason):
    redis.xadd(stream, fields, id="5-0")
    redis.xadd("prices", price(), id="9-0")
    bad, good = read_all(feed_from(redis))
    assert isinstance(bad, BadEntry)
    assert (bad.stream, bad.id) == (stream, "5-0")
    assert reason in bad.reason
    assert isinstance(good, PricesEntry)
    assert good.marks == {"A/B:B": 1.5}


def test_numbers_are_read_as_they_were_written(redis):
    redis.xadd("candles", candle([[60_000, 0.1, 0.3, 0.05, 0.2, 0]]), id="5-0")
    (entry,) = read_all(feed_from(redis))
    assert isinstance(entry, CandlesEntry)
    assert entry.candles == ((60_000.0, 0.1, 0.3, 0.05, 0.2, 0.0),)


def test_a_redis_that_is_away_is_said_so(tmp_path):
    with RedisServer(tmp_path / "gone") as server:
        feed = feed_from(server.client())
    for ask in (feed.read, feed.start_ids):
        with pytest.raises(FeedAway):
            ask()
