"""The undisturbed twin of a shard: an engine in this process that takes the same streams, and what a killed shard's files must come to."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from tests.support.market_steps import state_of
from tests.support.shard import facts_of, surroundings_of

from threet.adapters.market_feed import CandlesEntry, FeedEntry, MarketFeed, PricesEntry
from threet.engine.engine import Engine, EngineRules
from threet_providence.files import Folders
from threet_providence.journal import read_segment, segment_paths
from threet_providence.resume import Resume, Resumption
from threet_providence.snapshots import load
from threet_providence.steps import TickRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Twin:
    """Begins where a manager begins that never read, and goes on as far as it is told."""

    def __init__(self, rules: EngineRules, symbols: tuple[str, ...], feed: MarketFeed) -> None:
        self.engine = Engine(rules)
        self.ended: dict[str, tuple[object, ...]] = {}
        self._feed, self._waiting = feed, list[FeedEntry]()
        self._ids: dict[str, str] = {}
        self.engine.on_products(symbols)
        feed.seek(feed.start_ids())

    def advance(self, ids: Mapping[str, str]) -> None:
        """To the moment at which exactly the entries up to ``ids`` were taken. Raises LookupError where there is none."""
        while self._ids != dict(ids):
            if not self._waiting:
                self._waiting = list(self._feed.read().entries)
            entry = self._waiting.pop(0)
            stream = "prices" if isinstance(entry, PricesEntry) else "candles"
            if stream in ids and _number(entry.id) > _number(ids[stream]):
                raise LookupError(f"expected a moment at which {dict(ids)} was consumed, {stream} went on to {entry.id}")
            self._take(entry)
            self._ids[stream] = entry.id

    def _take(self, entry: FeedEntry) -> None:
        assert isinstance(entry, PricesEntry | CandlesEntry), entry
        if isinstance(entry, PricesEntry):
            effects = self.engine.on_prices(entry.marks, entry.market_time_ms, entry.funding)
        else:
            effects = self.engine.on_candles({entry.symbol: entry.candles})
        self.ended |= {image.spec.id: facts_of(image) for image in effects.ended}


class Resumed:
    """What a start would make of a folder; the folder itself stays as the kill left it."""

    def __init__(self, saved_runs: Path, rules: EngineRules, copy: Path) -> None:
        shutil.copytree(saved_runs, copy, copy_function=_link, ignore=lambda folder, _names: ["ended"] if folder == str(saved_runs) else [])
        (copy / "ended").symlink_to(saved_runs / "ended")  # thousands of archives, which a start only asks for by name
        self.folders = Folders(copy)
        self.engine = Engine(rules)
        self.ticks = {t.tick: _trades(t) for path in segment_paths(copy, 0, 1) for t in read_segment(path).ticks}
        self.oldest_segment = min((path.name for path in segment_paths(copy, 0, 1)), default="")
        self.found: Resumption = Resume(self.folders, 0, 1, self.engine, lambda: NOW).run()

    def ended_ids(self) -> set[str]:
        files = [*self.folders.ending.glob("run_*.json"), *self.folders.ended.glob("run_*.json.gz")]
        return {image.spec.id for image in self.found.to_save} | {path.name[4:40] for path in files}

    def new_ends(self) -> dict[str, tuple[object, ...]]:
        """Those that are not archived yet."""
        images = [load(path)[0] for path in self.folders.ending.glob("run_*.json")]
        return {image.spec.id: facts_of(image) for image in [*images, *self.found.to_save]}

    def assert_is(self, twin: Twin) -> None:
        """Every run, active or ended, and all that decides besides, to the bit."""
        assert not self.found.quarantined
        twin.advance(self.found.ids)
        ours, theirs = state_of(self.engine), state_of(twin.engine)
        differing = [
            (run_id, ours.get(run_id), theirs.get(run_id)) for run_id in {*ours, *theirs} if ours.get(run_id) != theirs.get(run_id)
        ]
        assert not differing, f"{len(differing)} of {len(theirs)} runs at {self.found.ids}, the first: {differing[0]}"
        assert surroundings_of(self.engine) == surroundings_of(twin.engine)
        assert self.ended_ids() == set(twin.ended)
        for run_id, facts in self.new_ends().items():
            assert facts == twin.ended[run_id]


def _link(source: str, target: str) -> None:
    """Only a whole file is never changed in place."""
    (os.link if source.endswith((".json", ".gz")) else shutil.copyfile)(source, target)


def _trades(record: TickRecord) -> int:
    return sum(len(step.changes.entries) for step in record.steps)


def _number(entry_id: str) -> tuple[int, int]:
    ms, _, sequence = entry_id.partition("-")
    return int(ms), int(sequence)
