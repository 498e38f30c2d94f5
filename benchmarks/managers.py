"""A real manager as a process, over a real Redis and MariaDB: how soon a closed bar's votes are committed, and what memory it takes."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text
from tests.support.providence import wait_for

from benchmarks.files import StoredShard, bare_append
from benchmarks.measure import Figure, named, timed
from benchmarks.population import NEVER_ENDS, WalkingMarket, born, give_history
from benchmarks.servers import Platform, platform
from threet.engine.market import CandleRow

RUNS, SYMBOLS = 1_000, 20
BARS = 300
GOAL_SECONDS = 0.05
BETWEEN_SECONDS = 0.05
POLL_SECONDS = 0.0005
LATE_SECONDS = 5
MANY_RUNS, MANY_SYMBOLS, TRADES = 10_000, 200, 100


def price_to_publish_p99_ms() -> Figure:
    """From before the candles are added to the stream until another connection reads the votes. Bars that change no vote show none."""
    market = WalkingMarket(SYMBOLS)
    with platform(market.symbols, {"providence.runs_per_symbol": RUNS // SYMBOLS}) as made:
        stream = Streams(made, market)
        made.manager.start()
        with made.manager.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            stream.warm_up(made.manager.settings.providence.warmup_bars)
            wait_for(lambda: len(made.manager.rows()) >= RUNS, f"{RUNS} runs shown")
            with bare_append(made.root / "bare") as append:
                bars = [(stream.one_bar(connection), timed(append)) for _ in range(BARS)]
    seconds = [shown for shown, _ in bars if shown is not None]
    bare = [appended for _, appended in bars]
    note = f"{RUNS} runs, {SYMBOLS} symbols close; {len(seconds)} of {BARS} bars changed votes; median {_median_ms(seconds):.1f} ms, "
    note += f"{sum(took > GOAL_SECONDS for took in seconds)} beyond the goal; it waits for the disk twice: a bare append "
    note += f"and fdatasync, once after each bar, took {_median_ms(bare):.1f} ms, p99 {_p99(bare) * 1e3:.1f} ms"
    return Figure("price_to_publish_p99_ms", _p99(seconds) * 1e3, None, "ms", GOAL_SECONDS * 1e3, note=note)


def _median_ms(seconds: Sequence[float]) -> float:
    return statistics.median(seconds) * 1e3


def _p99(seconds: Sequence[float]) -> float:
    return statistics.quantiles(seconds, n=100)[98]


class Streams:
    """Writes to Redis as the workers do: a price of every symbol, then the closed candles, one entry a symbol."""

    def __init__(self, made: Platform, market: WalkingMarket) -> None:
        self._redis: Any = made.redis.client()
        self._market = market
        self._votes: Sequence[Any] = []

    def warm_up(self, bars: int) -> None:
        histories: dict[str, list[CandleRow]] = {symbol: [] for symbol in self._market.symbols}
        for _ in range(bars):
            for symbol, rows in self._market.next_bar().items():
                histories[symbol].extend(rows)
        self.candles(histories)
        self.prices()

    def one_bar(self, connection: Connection) -> float | None:
        """Seconds until the votes of the next bar were committed; None where they are those of the bar before."""
        self._votes = _votes(connection)
        candles = self._market.next_bar()
        self.prices()
        time.sleep(BETWEEN_SECONDS)
        self._votes = _votes(connection)
        started = time.perf_counter()
        self.candles(candles)
        while not _shows(connection, self._market.now_ms):
            if time.perf_counter() - started > LATE_SECONDS:
                raise TimeoutError(f"expected a publication within {LATE_SECONDS} s")
            time.sleep(POLL_SECONDS)
        took = time.perf_counter() - started
        changed = _votes(connection) != self._votes
        time.sleep(BETWEEN_SECONDS)
        return took if changed else None

    def prices(self) -> None:
        marks = json.dumps({symbol: repr(mark) for symbol, mark in self._market.marks().items()})
        self._redis.xadd("prices", {"market_time_ms": self._market.now_ms, "observed_at_ms": 0, "prices": marks})

    def candles(self, candles: Mapping[str, Sequence[CandleRow]]) -> None:
        pipe = self._redis.pipeline(transaction=True)
        for symbol, rows in candles.items():
            pipe.xadd("candles", {"symbol": symbol, "interval": "1m", "observed_at_ms": 0, "candles": json.dumps(rows)})
        pipe.execute()


def _shows(connection: Connection, close_ms: int) -> bool:
    """Whether the newest heartbeat has seen this bar of every symbol; it is committed with the votes."""
    told = connection.execute(text("SELECT by_symbol FROM providence_shards")).scalar()
    times = [one["candle_time"] for one in json.loads(told or "{}").values()]
    return bool(times) and all(seen is not None and datetime.fromisoformat(seen).timestamp() * 1000 >= close_ms for seen in times)


def _votes(connection: Connection) -> Sequence[Any]:
    grouped = "SELECT symbol, COUNT(*), SUM(position_direction) FROM runs WHERE status = 'active' AND votes GROUP BY symbol ORDER BY symbol"
    return [tuple(row) for row in connection.execute(text(grouped))]


def memory_mb() -> Figure:
    """The most that the process ever held, in 10^6 bytes: after it resumed, traded, published and wrote all its files."""
    engine, market = born(MANY_RUNS, MANY_SYMBOLS)
    give_history(engine, TRADES)
    changes = {**NEVER_ENDS, "providence.runs_per_symbol": MANY_RUNS // MANY_SYMBOLS, "providence.snapshot_interval_seconds": 2}
    with platform(market.symbols, changes) as made:
        shard = StoredShard(made.manager.saved_runs, engine)
        shard.loop.take(shard.batch(market.marks(), market.now_ms, {}))
        shard.save()
        process = made.manager.start()
        wait_for(lambda: f"resumed {MANY_RUNS} runs, 0 quarantined" in made.manager.log(), "the runs resumed", seconds=60)
        wait_for(lambda: len(made.manager.rows()) == MANY_RUNS, f"{MANY_RUNS} runs shown", seconds=60)
        stream = Streams(made, market)
        for _ in range(5):
            stream.prices()
            stream.candles(market.next_bar())
            time.sleep(1)
        most = _most_bytes(process.pid)
    note = f"VmHWM of a manager: {MANY_RUNS} runs of {TRADES} trades, {MANY_SYMBOLS} symbols; after five bars and two rounds of snapshots"
    return Figure("memory_mb", most / 1e6, None, "MB", 400.0, note=note)


def _most_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


FIGURES = named(price_to_publish_p99_ms, memory_mb)
