"""What Providence reads: the streams `prices` and `candles`, merged into one order that does not depend on when they were read.

Redis stamps entries with its own clock. Entries of one millisecond are handed out only when that millisecond is over, prices before
candles; so two readers of the same streams, or one that was killed and reads again, see the same sequence.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, ClassVar

from redis import Redis
from redis.exceptions import RedisError

from threet.adapters.redis.keys import CANDLES_STREAM, LAST_CANDLES, PRICES_STREAM

STREAMS = (PRICES_STREAM, CANDLES_STREAM)
_BEGINNING = "0-0"
_LAST_SEQUENCE = 2**64 - 1  # of an entry's id in Redis
_HELD_BACK_SECONDS = 0.001  # the step of Redis's clock in an entry's id

CandleRow = tuple[float, float, float, float, float, float]


class FeedAway(Exception):
    """Redis did not answer, or not as a Redis server does; to be asked again later."""


@dataclass(frozen=True, slots=True)
class PricesEntry:
    """Marks by symbol, and the rates of funding for an hour of those that have one; ``market_time_ms`` is the venue's market time."""

    stream: ClassVar[str] = PRICES_STREAM
    id: str
    market_time_ms: int
    marks: Mapping[str, float]
    funding: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CandlesEntry:
    """Closed candles of one symbol, oldest first: open time in ms, open, high, low, close, volume."""

    stream: ClassVar[str] = CANDLES_STREAM
    id: str
    symbol: str
    interval: str
    candles: tuple[CandleRow, ...]


@dataclass(frozen=True, slots=True)
class BadEntry:
    """An entry that is not what the contract says; it is passed over and named."""

    id: str
    stream: str
    reason: str


FeedEntry = PricesEntry | CandlesEntry | BadEntry


@dataclass(frozen=True, slots=True)
class FeedBatch:
    """Entries in order; ``caught_up`` where nothing more was waiting when they were read."""

    entries: tuple[FeedEntry, ...]
    caught_up: bool


class MarketFeed:
    """Implements the feed of Providence over Redis. Every method raises FeedAway. ``most_entries``: of a stream in one batch."""

    def __init__(self, redis: Redis, block_seconds: float, most_entries: int) -> None:
        self._redis: Any = redis
        self._block_ms = max(1, int(block_seconds * 1000))
        self._most_entries = most_entries
        self._ids: dict[str, str] = {}

    def start_ids(self) -> dict[str, str]:
        """Where a shard begins that never read: all candles that are there, for the warm-up, and the newest price."""
        try:
            newest = self._redis.xrevrange(PRICES_STREAM, count=1)
        except RedisError as error:
            raise FeedAway(f"{type(error).__name__}: {error}") from error
        return {PRICES_STREAM: _before(newest[0][0]) if newest else _BEGINNING, CANDLES_STREAM: _BEGINNING}

    def seek(self, ids: Mapping[str, str]) -> None:
        """The ids of the last entries that were consumed."""
        self._ids = {stream: ids.get(stream, _BEGINNING) for stream in STREAMS}

    def ask_history(self, symbol: str, interval: str) -> None:
        """Nothing was published, as it looks to the worker then: its next round brings the whole history."""
        try:
            self._redis.hdel(LAST_CANDLES, f"{symbol}|{interval}")
        except RedisError as error:
            raise FeedAway(f"{type(error).__name__}: {error}") from error

    def read(self) -> FeedBatch:
        """The next entries; waits a moment for the first."""
        try:
            if not self._redis.xread(self._ids, count=1, block=self._block_ms):
                return FeedBatch((), caught_up=True)
            time.sleep(_HELD_BACK_SECONDS)  # what has just come may be handed out then: asked before, it would be asked for twice
            pipe = self._redis.pipeline(transaction=True)
            pipe.time()
            pipe.xread(self._ids, count=self._most_entries)
            (seconds, micros), found = pipe.execute()
        except RedisError as error:
            raise FeedAway(f"{type(error).__name__}: {error}") from error
        return self._batch(dict(found), seconds * 1000 + micros // 1000)

    def _batch(self, found: Mapping[str, Sequence[tuple[str, Mapping[str, str]]]], now_ms: int) -> FeedBatch:
        cut_short = [rows[-1][0] for rows in found.values() if len(rows) == self._most_entries]
        end_ms = min([now_ms, *(_parts(entry_id)[0] for entry_id in cut_short)])
        ordered = sorted(
            ((_parts(entry_id), STREAMS.index(stream), entry_id, fields) for stream, rows in found.items() for entry_id, fields in rows),
            key=lambda item: (item[0][0], item[1], item[0][1]),
        )
        ready = [item for item in ordered if item[0][0] < end_ms]
        if not ready and cut_short:  # one millisecond holds more entries than one read: they cannot be waited for together
            ready = [item for item in ordered if item[0][0] == end_ms < now_ms]
        for _, stream, entry_id, _fields in ready:
            self._ids[STREAMS[stream]] = entry_id
        if not ready:
            time.sleep(_HELD_BACK_SECONDS)
        entries = tuple(_entry(STREAMS[stream], entry_id, fields) for _, stream, entry_id, fields in ready)
        return FeedBatch(entries, caught_up=len(ready) == len(ordered) and not cut_short)


def _parts(entry_id: str) -> tuple[int, int]:
    ms, _, sequence = entry_id.partition("-")
    return int(ms), int(sequence or 0)


def _before(entry_id: str) -> str:
    ms, sequence = _parts(entry_id)
    return f"{ms}-{sequence - 1}" if sequence else f"{max(0, ms - 1)}-{_LAST_SEQUENCE}"


def _entry(stream: str, entry_id: str, fields: Mapping[str, str]) -> FeedEntry:
    try:
        return _prices(entry_id, fields) if stream == PRICES_STREAM else _candles(entry_id, fields)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return BadEntry(entry_id, stream, f"{type(error).__name__}: {error}"[:200])


def _prices(entry_id: str, fields: Mapping[str, str]) -> PricesEntry:
    marks = {str(symbol): _positive(mark) for symbol, mark in json.loads(fields["prices"]).items()}
    rates = {str(symbol): _finite(rate) for symbol, rate in json.loads(fields.get("funding", "{}")).items()}
    return PricesEntry(entry_id, int(fields["market_time_ms"]), marks, rates)


def _candles(entry_id: str, fields: Mapping[str, str]) -> CandlesEntry:
    rows = tuple(_candle(row) for row in json.loads(fields["candles"]))
    if any(after[0] <= before[0] for before, after in pairwise(rows)):
        raise ValueError("expected candles oldest first, each once")
    return CandlesEntry(entry_id, fields["symbol"], fields["interval"], rows)


def _candle(row: Sequence[Any]) -> CandleRow:
    open_ms, first, high, low, close, volume = row
    moved = float(volume)
    if not moved >= 0 or math.isinf(moved):
        raise ValueError(f"expected a volume of 0 or more, was {volume!r}")
    return float(int(open_ms)), _positive(first), _positive(high), _positive(low), _positive(close), moved


def _positive(text: Any) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise ValueError(f"expected a price above 0, was {text!r}")
    return value


def _finite(text: Any) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"expected a finite rate, was {text!r}")
    return value


def recent_candles(redis: Redis, symbol: str, interval: str, since_ms: int, page: int) -> list[CandleRow]:
    """What the stream still holds of a symbol's candles that opened at ``since_ms`` or later, oldest first. Raises FeedAway."""
    found: dict[float, CandleRow] = {}
    last: str = "+"
    client: Any = redis
    try:
        while rows := client.xrevrange(CANDLES_STREAM, max=last, count=page):
            ours = [_entry(CANDLES_STREAM, entry_id, fields) for entry_id, fields in rows if fields.get("symbol") == symbol]
            kept = [row for e in ours if isinstance(e, CandlesEntry) and e.interval == interval for row in e.candles]
            found |= {row[0]: row for row in kept if row[0] >= since_ms and row[0] not in found}
            if len(rows) < page or any(row[0] < since_ms for row in kept):
                break
            last = f"({rows[-1][0]}"
    except RedisError as error:
        raise FeedAway(f"{type(error).__name__}: {error}") from error
    return [found[opened] for opened in sorted(found)]
