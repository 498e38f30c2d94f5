"""The manager of one shard: puts the parts together, starts the controllers, stops them in order."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from queue import SimpleQueue
from threading import Event

from threet.adapters.signs_of_life import SignsOfLife
from threet.bootstrap import build_providence_services
from threet.engine.engine import Engine, EngineRules
from threet.settings import Secrets, Settings
from threet_providence.adoption import Adopted, Adoption
from threet_providence.calm import Calm, spread_pauses
from threet_providence.crew import Crew
from threet_providence.files import Folders
from threet_providence.freshness import CandleAges
from threet_providence.journal import Journal
from threet_providence.listener import PriceListener
from threet_providence.lock import ShardLock, adopting
from threet_providence.loop import StrategyLoop
from threet_providence.messages import Stop
from threet_providence.publisher import Publisher, PublisherRules, ShownAlive
from threet_providence.resume import Resume, Resumption
from threet_providence.rules import engine_rules, interval_ms
from threet_providence.summary import Summary
from threet_providence.writer import SnapshotWriter

log = logging.getLogger("providence")


@dataclass(frozen=True, slots=True)
class _Parts:
    loop: StrategyLoop
    listener: PriceListener
    writer: SnapshotWriter
    publisher: Publisher
    summary: Summary


class Manager:
    """``run`` returns the exit code: 0 after ``stop`` was set from outside, 1 where a thread died."""

    def __init__(self, settings: Settings, secrets: Secrets, shard: int) -> None:
        self.stop = Event()
        self._settings, self._shard = settings, shard
        self._services = build_providence_services(settings, secrets)
        self._clock = self._services.clock
        self._folders = Folders(settings.path(settings.providence.saved_runs))

    def run(self) -> int:
        """Raises ShardTaken, JournalError, SettingsError, OSError before anything is started."""
        rules = engine_rules(self._settings, self._shard)
        self._folders.make()
        lock = ShardLock(self._folders.root, self._shard, self._settings.providence.shards)
        lock.take(self._clock.now())
        try:
            return self._manage(Engine(rules))
        finally:
            lock.release()

    def _manage(self, engine: Engine) -> int:
        adopted = self._adopt(engine.rules)
        found = Resume(self._folders, self._shard, self._settings.providence.shards, engine, self._clock.now).run()
        found.notes, found.quarantined = adopted.notes + found.notes, adopted.quarantined + found.quarantined
        tell(found)
        parts = self._parts(engine, found)
        parts.loop.begin(found.to_save)
        spread_pauses()
        crew = Crew(self.stop)
        crew.start("strategy-loop", lambda: parts.loop.run(parts.summary.tell_now_and_then))
        crew.start("publisher", parts.publisher.run)
        crew.start("snapshot-writer", parts.writer.run)
        crew.start("price-listener", parts.listener.run)
        while not self.stop.wait(self._settings.providence.poll_seconds):
            pass
        if crew.failure is not None:
            log.critical("stopping, since %s", crew.failure)
            return 1
        return self._end(parts, crew)

    def _adopt(self, rules: EngineRules) -> Adopted:
        """Files of another number of shards become those of this one."""

        def engine_of(shard: int, shards: int) -> Engine:
            return Engine(replace(rules, population=replace(rules.population, shard=shard, shards=shards)))

        with adopting(self._folders.root):
            return Adoption(self._folders, self._settings.providence.shards, engine_of, self._clock.now).run()

    def _end(self, parts: _Parts, crew: Crew) -> int:
        """What was read is finished, then a last round of snapshots and a last publication."""
        parts.publisher.wake.set()
        told = self._settings.providence
        join = told.stop_timeout_seconds
        waits = {"price-listener": join, "publisher": join, "snapshot-writer": told.last_snapshots_timeout_seconds}
        late = [name for name, seconds in waits.items() if not crew.join(name, seconds)]
        if "snapshot-writer" not in late:
            parts.writer.write_round()
        if "publisher" not in late:
            crew.start("last-publication", parts.publisher.once)
            late += [] if crew.join("last-publication", join) else ["last-publication"]
        parts.loop.inbox.put(Stop())
        late += [] if crew.join("strategy-loop", join) else ["strategy-loop"]
        parts.summary.tell()
        if late:
            log.warning("%s did not end in time; the journal holds everything", ", ".join(late))
        if crew.failure or "snapshot-writer" in late or "strategy-loop" in late:
            log.error("stopped without a last round of snapshots: %s", crew.failure or "too late")
            return 1
        log.info("stopped; all runs are saved")
        return 0

    def _parts(self, engine: Engine, found: Resumption) -> _Parts:
        told, shard = self._settings.providence, self._shard
        wake, calm = Event(), Calm()
        patience = 2 * self._settings.schedule.update_candles_seconds + self._settings.exchange.request_timeout_seconds
        ages = CandleAges(self._clock.monotonic, interval_ms(told.candle_interval), patience)
        journal = Journal(self._folders, shard, told.shards, self._clock.now)
        wanted: SimpleQueue[str] = SimpleQueue()

        def votes_changed() -> None:
            calm.expect()
            wake.set()

        loop = StrategyLoop(
            engine,
            journal,
            found.ids,
            ages,
            told.candle_interval,
            votes_changed,
            told.inbox_messages,
            wait_for_room=lambda: self.stop.wait(told.poll_seconds),
            ask_history=wanted.put,
            calm=calm,
        )
        writer = SnapshotWriter(
            self._folders, shard, told.shards, loop.inbox, told.snapshot_interval_seconds, self.stop, told.poll_seconds, calm
        )
        writer.take_over(found.with_spare)
        services = self._services
        publisher = Publisher(
            PublisherRules(
                shard, told.shards, told.seed, told.publish_interval_seconds, told.products_interval_seconds, told.unpublished_runs
            ),
            ShownAlive(services.publisher, SignsOfLife.from_environment(), self._settings.freshness.max_heartbeat_age_seconds),
            services.products,
            lambda: services.report(f"providence-{shard}"),
            services.check_schema,
            self._folders,
            self._clock,
            loop.inbox,
            writer.published,
            wake,
            self.stop,
            services.wishes,
            lambda: loop.full,
            calm,
        )
        publisher.begin(found.quarantined)
        if not found.is_cold:
            publisher.products_known.set()
        ids = None if found.is_cold else found.ids
        listener = PriceListener(
            services.feed, loop.inbox, ids, publisher.products_known, self.stop, told.poll_seconds, told.candle_interval, wanted
        )
        return _Parts(loop, listener, writer, publisher, Summary(loop, engine, self._clock, told.summary_interval_seconds))


def tell(found: Resumption) -> None:
    """What a person would like to read at a start."""
    for note in found.notes:
        log.warning("%s", note)
    for lost in found.quarantined:
        log.error("run %s of %s is quarantined: %s", lost.run_id, lost.symbol or "an unknown symbol", lost.reason)
    if found.is_cold:
        log.info("a new population: nothing was saved here before")
    else:
        log.info(
            "resumed %d runs, %d quarantined, %d ticks of journal replayed", found.resumed, len(found.quarantined), found.ticks_replayed
        )
