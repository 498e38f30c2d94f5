"""One shard on the disk for the benchmarks: the real strategy loop, journal and snapshot writer, without their threads."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from queue import Queue
from threading import Event

from benchmarks.population import MINUTE_MS
from threet.adapters.market_feed import CandlesEntry, FeedBatch, FeedEntry, PricesEntry
from threet.engine.engine import Engine
from threet.engine.market import CandleRow
from threet_providence.files import Folders
from threet_providence.freshness import CandleAges
from threet_providence.journal import Journal
from threet_providence.loop import StrategyLoop
from threet_providence.messages import Round, RoundRequest
from threet_providence.writer import SnapshotWriter

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class StoredShard:
    """Takes ticks as the streams would bring them; ``engine`` may have runs already, which a first ``save`` writes."""

    def __init__(self, root: Path, engine: Engine) -> None:
        self.folders, self.engine, self._number = Folders(root), engine, 0
        self.folders.make()
        ages = CandleAges(lambda: 0.0, MINUTE_MS, patience_seconds=10)
        self.loop = StrategyLoop(engine, Journal(self.folders, 0, 1, lambda: NOW), {}, ages, "1m", lambda: None, inbox_messages=64)
        self.writer = SnapshotWriter(self.folders, 0, 1, Queue(), 1.0, Event(), poll_seconds=0.5)
        self.loop.begin([])

    def batch(self, marks: Mapping[str, float], now_ms: int, candles: Mapping[str, Sequence[CandleRow]]) -> FeedBatch:
        """One read of both streams: a price of each symbol, and the candles that closed."""
        self._number += 1
        entries: list[FeedEntry] = [PricesEntry(f"{self._number}-0", now_ms, marks)]
        entries += [CandlesEntry(f"{self._number}-{i}", symbol, "1m", tuple(rows)) for i, (symbol, rows) in enumerate(candles.items())]
        return FeedBatch(tuple(entries), caught_up=True)

    def round(self) -> Round:
        request = RoundRequest()
        self.loop.take(request)
        return request.answer.result(timeout=0)

    def save(self) -> None:
        self.writer.write(self.round())


@contextmanager
def folder() -> Iterator[Path]:
    """An empty one on the disk, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="3t-bench-") as name:
        yield Path(name)


@contextmanager
def bare_append(path: Path) -> Iterator[Callable[[], None]]:
    """The least that a durable tick can be: 4 KiB behind a file's end, and fdatasync."""
    block = os.urandom(4096)
    with open(path, "ab", buffering=0) as file:

        def append() -> None:
            file.write(block)
            os.fdatasync(file.fileno())

        yield append
