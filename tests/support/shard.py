"""One shard of Providence in this process, without threads: fed by hand, killed by forgetting it, resumed from its files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from queue import Queue

from tests.support.market_steps import MINUTE_MS, A, B, C, MarketStep, Prices, rules, state_of

from threet.adapters.market_feed import CandlesEntry, FeedBatch, FeedEntry, PricesEntry
from threet.engine.engine import Engine, EngineRules
from threet.engine.runs import RunImage
from threet_providence.files import Folders
from threet_providence.freshness import CandleAges
from threet_providence.journal import Journal
from threet_providence.loop import StrategyLoop
from threet_providence.messages import ProductsRead, Round, RoundRequest, View, ViewRequest
from threet_providence.resume import Resume
from threet_providence.snapshots import load
from threet_providence.writer import SnapshotWriter

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def entries_of(steps: Sequence[MarketStep]) -> list[FeedEntry]:
    """The steps as stream entries, their ids in the order of consumption."""
    return [
        PricesEntry(f"{number}-0", step.market_ms, step.marks, step.funding)
        if isinstance(step, Prices)
        else CandlesEntry(f"{number}-0", step.symbol, "1m", step.rows)
        for number, step in enumerate(steps, start=1)
    ]


def number_of(entry_id: str) -> int:
    return int(entry_id.split("-")[0])


class Shard:
    """Resumes what lies in ``root``. Nothing is closed or flushed when it is forgotten: as after a SIGKILL."""

    def __init__(self, root: Path, symbols: Sequence[str] = (A, B, C), runs_per_symbol: int = 24, told: EngineRules | None = None) -> None:
        self.folders = Folders(root)
        self.folders.make()
        self.engine = Engine(told or rules(runs_per_symbol))
        population = self.engine.rules.population
        shard, shards = population.shard, population.shards
        self.found = Resume(self.folders, shard, shards, self.engine, lambda: NOW).run()
        self.journal = Journal(self.folders, shard, shards, lambda: NOW)
        self.seconds = 0.0
        ages = CandleAges(lambda: self.seconds, MINUTE_MS, patience_seconds=10)
        self.votes_told = 0
        self.loop = StrategyLoop(self.engine, self.journal, self.found.ids, ages, "1m", self._told, inbox_messages=64)
        # Its thread is not started.
        self.writer = SnapshotWriter(self.folders, shard, shards, Queue(), 1.0, None, poll_seconds=0.5)  # type: ignore[arg-type]
        self.loop.begin(self.found.to_save)
        self.loop.take(ProductsRead(tuple(symbols)))

    def _told(self) -> None:
        self.votes_told += 1

    def next_of(self, entries: Sequence[FeedEntry]) -> list[FeedEntry]:
        """What the streams would give after the ids of the journal."""
        done = {stream: number_of(entry_id) for stream, entry_id in self.found.ids.items()}
        return [e for e in entries if number_of(e.id) > done.get("prices" if isinstance(e, PricesEntry) else "candles", 0)]

    def feed(self, entries: Sequence[FeedEntry], caught_up: bool = True) -> None:
        self.loop.take(FeedBatch(tuple(entries), caught_up))

    def round(self) -> Round:
        request = RoundRequest()
        self.loop.take(request)
        return request.answer.result(timeout=0)

    def save(self) -> None:
        self.writer.write(self.round())

    def view(self) -> View | None:
        request = ViewRequest()
        self.loop.take(request)
        return request.answer.result(timeout=0) if request.answer.done() else None

    def state(self) -> dict[str, tuple[object, ...]]:
        return state_of(self.engine)

    def surroundings(self) -> tuple[object, ...]:
        return surroundings_of(self.engine)

    def ended(self) -> dict[str, tuple[object, ...]]:
        """Every run that ended, by its last file, after a last round."""
        self.save()
        files = [*self.folders.ending.glob("run_*.json"), *self.folders.ended.glob("run_*.json*")]
        return {image.spec.id: facts_of(image) for image in (load(path)[0] for path in files)}


def surroundings_of(engine: Engine) -> tuple[object, ...]:
    """What is not in a run and yet decides: products, numbers, times, candle windows and marks."""
    market = engine.market
    saved = {symbol: market.saved(symbol) for symbol in sorted(market.names)}
    windows = tuple((symbol, one.candles.tobytes(), one.mark.hex()) for symbol, one in saved.items())
    return engine.products, engine.next_number, engine.born_ms, engine.market_ms, windows


def facts_of(image: RunImage) -> tuple[object, ...]:
    """All that a run was, floats as their exact bits."""
    entries = tuple((e.kind, e.time_ms, e.price.hex(), e.size.hex()) for e in image.entries.rows(image.entry_count))
    return image.spec, image.live_pnl.hex(), image.direction, image.exit_reason, image.ended_ms, image.risen, entries
