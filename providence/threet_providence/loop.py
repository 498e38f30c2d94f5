"""The strategy loop: the single owner of the engine. What a tick changed is on the disk before anybody else sees it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from queue import Queue

import numpy as np

from threet.adapters.market_feed import BadEntry, CandlesEntry, FeedBatch, FeedEntry, PricesEntry
from threet.engine.effects import Effects
from threet.engine.engine import Engine
from threet.engine.entries import TRADE
from threet.engine.market import CandleRow
from threet.engine.runs import RunImage
from threet.engine.types import Ints
from threet_providence.calm import Calm
from threet_providence.files import is_full
from threet_providence.freshness import CandleAges, gap_told
from threet_providence.journal import Journal
from threet_providence.messages import EndRuns, Message, ProductsRead, Round, RoundRequest, Stop, SymbolView, View, ViewRequest
from threet_providence.outages import Outage
from threet_providence.steps import BaseRecord, BaseRun, Changes, Step, TickRecord, changes_of

log = logging.getLogger("providence.loop")


class StrategyLoop:
    """Takes one message after the other from ``inbox``. ``on_votes`` is called after a tick that changed a vote or a voter's direction."""

    def __init__(
        self,
        engine: Engine,
        journal: Journal,
        ids: dict[str, str],
        ages: CandleAges,
        interval: str,
        on_votes: Callable[[], None],
        inbox_messages: int,
        *,
        wait_for_room: Callable[[], bool] = lambda: True,
        ask_history: Callable[[str], None] = lambda _symbol: None,
        calm: Calm | None = None,
    ) -> None:
        """``wait_for_room`` waits a moment, True where the process is to end; ``ask_history`` wants a symbol's candles once more."""
        self.inbox: Queue[Message] = Queue(maxsize=inbox_messages)
        self._engine, self._journal, self._ids, self._ages, self._interval = engine, journal, dict(ids), ages, interval
        self._on_votes = on_votes
        self._wait_for_room, self._ask_history, self._calm = wait_for_room, ask_history, calm or Calm()
        self._disk = Outage(log, "room on the disk")
        self.full: str | None = None  # why nothing can be written down, and so nothing be shown
        self._caught_up = False
        self._votes_told = b""
        self._waiting: list[ViewRequest] = []
        self._ended_for_files: list[RunImage] = []
        self._ended_for_rows: list[RunImage] = []
        self.ticks = 0
        self.trades = 0
        self.started = 0
        self.ended = 0
        self.bad_entries = 0

    def begin(self, ended_before: Sequence[RunImage]) -> None:
        """The first segment of this process; ``ended_before`` are ended runs whose last file was not written yet."""
        self._ended_for_files.extend(ended_before)
        self._ended_for_rows.extend(ended_before)
        self._journal.begin_segment(self._base())

    def run(self, after_each: Callable[[], None]) -> None:
        """Until Stop. ``after_each`` is called after each message, in this thread."""
        while not isinstance(message := self.inbox.get(), Stop):
            self.take(message)
            after_each()

    def take(self, message: Message) -> None:
        match message:
            case FeedBatch():
                self._take_batch(message)
            case ProductsRead():
                self._take_products(message.symbols)
            case EndRuns():
                self._take_wishes(message.wishes)
            case ViewRequest():
                self._waiting.append(message)
            case RoundRequest():
                message.answer.set_result(self._round())
        self._answer_views()

    def _take_batch(self, batch: FeedBatch) -> None:
        self._caught_up = batch.caught_up
        if batch.entries:
            with self._calm.first():
                self._engine.tick += 1
                self._commit([self._step(group) for group in grouped(batch.entries, self._interval)])

    def _take_products(self, symbols: tuple[str, ...]) -> None:
        if tuple(sorted(symbols)) == self._engine.products:
            return
        log.info("products: %s", ", ".join(sorted(symbols)) or "none")
        self._engine.tick += 1
        effects = self._engine.on_products(symbols)
        self._count(effects)
        self._commit([Step(kind="products", products=self._engine.products, changes=self._changes(effects))])

    def _take_wishes(self, wishes: Mapping[str, str]) -> None:
        """The same wish may come again until the database shows the run as ended."""
        here = {run_id: reason for run_id, reason in wishes.items() if run_id in self._engine.runs.slot_of}
        if not here:
            return
        for run_id, reason in here.items():
            log.info("run %s ends: %s", run_id, reason)
        self._engine.tick += 1
        effects = self._engine.on_wishes(here)
        self._count(effects)
        self._commit([Step(kind="wishes", changes=self._changes(effects))])

    def _step(self, group: Sequence[FeedEntry]) -> Step:
        first = group[0]
        ids = tuple([(entry.stream, entry.id) for entry in group])
        if isinstance(first, PricesEntry):
            market_ms, marks = first.market_time_ms, first.marks
            funding = first.funding if self._engine.hours_over(market_ms) else {}
            effects = self._engine.on_prices(marks, market_ms, funding)
            self._count(effects)
            return Step(kind="prices", ids=ids, market_ms=market_ms, marks=marks, funding=funding, changes=self._changes(effects))
        candles: dict[str, tuple[CandleRow, ...]] = {
            e.symbol: e.candles for e in group if isinstance(e, CandlesEntry) and e.interval == self._interval
        }
        for entry in group:
            if isinstance(entry, BadEntry):
                self._tell_bad(entry)
        before = dict(self._engine.market.missing)
        effects = self._engine.on_candles(candles)
        if before != self._engine.market.missing:
            self._tell_gaps(before)
        self._ages.arrived(candles)
        self._count(effects)
        return Step(kind="candles", ids=ids, candles=candles, changes=self._changes(effects))

    def _tell_gaps(self, before: Mapping[str, tuple[int, int]]) -> None:
        missing = self._engine.market.missing
        for symbol in sorted(symbol for symbol in missing if before.get(symbol) != missing[symbol]):
            log.warning("%s: %s; its history is asked for once more", symbol, gap_told(*missing[symbol]))
            self._ask_history(symbol)
        for symbol in sorted(before.keys() - missing.keys()):
            log.info("%s: its candles are whole again, its runs go on", symbol)

    def _tell_bad(self, entry: BadEntry) -> None:
        """The first, the second, the fourth, ...: a publisher that went wrong must not flood the log."""
        self.bad_entries += 1
        if self.bad_entries.bit_count() == 1:
            log.warning("stream %s, entry %s passed over (number %d): %s", entry.stream, entry.id, self.bad_entries, entry.reason)

    def _changes(self, effects: Effects) -> Changes:
        return changes_of(effects, self._engine.state_width)

    def _count(self, effects: Effects) -> None:
        self._ended_for_files.extend(effects.ended)
        self._ended_for_rows.extend(effects.ended)
        self.trades += sum(int((entries["kind"] == TRADE).sum()) for entries in effects.entries)
        self.started += len(effects.started)
        self.ended += len(effects.ended)

    def _commit(self, steps: Sequence[Step]) -> None:
        votes_differ = any(step.changes for step in steps) and self._votes_differ()
        self._write_down(lambda: self._journal.append(TickRecord(self._engine.tick, tuple(steps))))
        for step in steps:
            self._ids.update(step.ids)
        self.ticks += 1
        if votes_differ:
            self._on_votes()

    def _write_down(self, write: Callable[[], object]) -> None:
        """Where the disk is full the loop waits for room: meanwhile nobody sees what is not written down. Raises OSError."""
        while True:
            try:
                write()
                break
            except OSError as error:
                if not is_full(error):
                    raise
                self.full = f"the disk of saved_runs is full ({error.strerror}): nothing is decided until there is room"
                self._disk.began(str(error))
                if self._wait_for_room():
                    raise
        self._disk.ended()
        self.full = None

    def _votes_differ(self) -> bool:
        """Whether a run votes otherwise than when this was last asked."""
        before, self._votes_told = self._votes_told, self._engine.runs.ballots()
        return self._votes_told != before

    def _vote_sums(self) -> tuple[Ints, Ints]:
        """The voters of each symbol of the market, and Σ of their directions."""
        runs = self._engine.runs
        voters = np.flatnonzero(runs.votes)  # an ended run votes no more
        sizes = runs.size[voters]
        sides = 3 * runs.symbol[voters] + (sizes > 0) - (sizes < 0) + 1
        short, flat, long = np.bincount(sides, minlength=3 * len(self._engine.market.names)).reshape(-1, 3).T
        return short + flat + long, long - short

    def _round(self) -> Round:
        """Images of what changed, and a new segment from here on."""
        engine, runs = self._engine, self._engine.runs
        slots = np.flatnonzero(runs.dirty & runs.active).tolist()
        images = tuple(engine.image(slot) for slot in slots)
        ended, self._ended_for_files = tuple(self._ended_for_files), []
        base = self._base()
        self._write_down(lambda: self._journal.begin_segment(base))
        runs.dirty[slots] = False
        return Round(engine.tick, images, ended)

    def _base(self) -> BaseRecord:
        engine, runs = self._engine, self._engine.runs
        runs.changed_tick[runs.dirty] = engine.tick
        active = [(runs.spec(slot), int(runs.changed_tick[slot])) for slot in np.flatnonzero(runs.active).tolist()]
        return BaseRecord(
            tick=engine.tick,
            seed=engine.rules.population.seed,
            interval_ms=engine.rules.interval_ms,
            market_ms=engine.market_ms,
            ids=dict(self._ids),
            products=engine.products,
            next_number=dict(engine.next_number),
            born_ms=dict(engine.born_ms),
            ancestors=engine.ancestors.all(),
            runs=tuple(BaseRun(spec.id, spec.symbol, spec.strategy, changed) for spec, changed in active),
            markets={symbol: engine.market.saved(symbol) for symbol in engine.market.names},
        )

    def _answer_views(self) -> None:
        """Only where nothing more is waiting: votes of half-read streams are old ones."""
        if self._caught_up and self._waiting and self.inbox.empty():
            view = self._view()
            for request in self._waiting:
                request.answer.set_result(view)
            self._waiting.clear()

    def _view(self) -> View:
        engine, runs = self._engine, self._engine.runs
        slots = np.flatnonzero(runs.active)
        ended, self._ended_for_rows = tuple(self._ended_for_rows), []
        active = np.bincount(runs.symbol[slots], minlength=len(engine.market.names))
        sums = zip(engine.market.names, *(column.tolist() for column in (*self._vote_sums(), active)), strict=True)
        return View(
            tick=engine.tick,
            market_ms=engine.market_ms,
            slots=slots,
            ids=runs.ids[slots],
            specs=runs.specs[slots],
            live_pnl=runs.live_pnl[slots],
            direction=np.sign(runs.size[slots]).astype(np.int64),
            closed_trades=runs.closed_trades[slots],
            votes=runs.votes[slots],
            ended=ended,
            by_symbol={symbol: self._symbol_view(symbol, *told) for symbol, *told in sums},
        )

    def _symbol_view(self, symbol: str, voters: int, direction_sum: int, active_runs: int) -> SymbolView:
        """Warm: the window is full and fresh, and the symbol has had runs for so long that they could vote."""
        engine = self._engine
        close_ms = engine.market.newest_close_ms(symbol)
        born_ms = engine.born_ms.get(symbol)
        ripe = active_runs > 0 and born_ms is not None and engine.market_ms - born_ms > engine.rules.votes.min_age_ms
        pause = gap_told(*engine.market.missing[symbol]) if symbol in engine.market.missing else None
        fresh = close_ms is not None and self._ages.is_fresh(symbol, behind_ms=engine.market_ms - close_ms)
        warm = engine.market.is_warm(symbol) and fresh and ripe
        return SymbolView(warm, direction_sum, voters, active_runs, candle_close_ms=close_ms, paused=pause)


def grouped(entries: Sequence[FeedEntry], interval: str) -> Iterator[list[FeedEntry]]:
    """Each prices entry by itself; candles of different symbols that follow each other together."""
    group: list[FeedEntry] = []
    symbols: set[str] = set()
    for entry in entries:
        symbol = entry.symbol if isinstance(entry, CandlesEntry) and entry.interval == interval else ""
        alone = isinstance(entry, PricesEntry)
        if group and (alone or symbol in symbols):
            yield group
            group, symbols = [], set()
        group.append(entry)
        if symbol:
            symbols.add(symbol)
        if alone:
            yield group
            group = []
    if group:
        yield group
