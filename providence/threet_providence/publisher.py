"""The publisher: the thread that talks to the database. It shows the latest state and brings the list of products.

While the database is away the runs go on; afterwards the latest state is published, not what was in between. What waits meanwhile is
bounded: of active runs nothing waits, of ended ones a part, and of the rest the ids, their files being read when there is room.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import TimeoutError as AnswerLate
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from queue import Full, Queue, SimpleQueue
from threading import Event
from typing import Protocol

from threet.adapters.signs_of_life import SignsOfLife
from threet.adapters.sql import SchemaError
from threet.adapters.sql.errors import DatabaseError
from threet.application.facts import RunNumbers, RunRow, ShardHeartbeat
from threet.application.ports import Clock, Products
from threet.engine.population import is_of_shard
from threet.engine.runs import RunImage
from threet_providence import rows, snapshots
from threet_providence.calm import Calm
from threet_providence.files import Folders, run_name
from threet_providence.messages import EndRuns, Message, ProductsRead, View, ViewRequest
from threet_providence.outages import Outage
from threet_providence.quarantine import Quarantined, per_symbol, put_aside
from threet_providence.shown import Shown

log = logging.getLogger("providence.publisher")

_ARCHIVES_AT_ONCE = 50
"""Some 20 ms of work; nothing depends on it."""


class RunsTable(Protocol):
    """The port RunsPublisher, and what a restart needs besides."""

    def publish(
        self, changed: Sequence[RunRow], heartbeat: ShardHeartbeat, marked: RunNumbers | None = None, gone: Collection[str] = ()
    ) -> None: ...

    def retire_absent(self, shard: int, shards: int, known_run_ids: Collection[str], now: datetime) -> int: ...


@dataclass(frozen=True, slots=True)
class ShownAlive:
    """A table whose every publication is a sign of life, good for so many seconds: the loop answered, and the database took it."""

    table: RunsTable
    signs: SignsOfLife
    good_seconds: float

    def publish(
        self, changed: Sequence[RunRow], heartbeat: ShardHeartbeat, marked: RunNumbers | None = None, gone: Collection[str] = ()
    ) -> None:
        self.table.publish(changed, heartbeat, marked, gone)
        self.signs.show("published", self.good_seconds)

    def retire_absent(self, shard: int, shards: int, known_run_ids: Collection[str], now: datetime) -> int:
        return self.table.retire_absent(shard, shards, known_run_ids, now)


@dataclass(frozen=True, slots=True)
class PublisherRules:
    shard: int
    shards: int
    seed: int
    publish_seconds: float
    products_seconds: float
    most_waiting: int


class Publisher:
    """``report`` tells the database which build and config this process runs; ``check`` raises SchemaError;
    ``published`` takes the ids of ended runs once committed; ``wishes`` gives the runs whose end a person wants, with the reason;
    ``problem`` says why the strategy loop cannot answer, where it knows.
    """

    def __init__(
        self,
        rules: PublisherRules,
        table: RunsTable,
        products: Products,
        report: Callable[[], None],
        check: Callable[[], None],
        folders: Folders,
        clock: Clock,
        inbox: Queue[Message],
        published: SimpleQueue[str],
        wake: Event,
        stop: Event,
        wishes: Callable[[], Mapping[str, str]] = dict,
        problem: Callable[[], str | None] = lambda: None,
        calm: Calm | None = None,
    ) -> None:
        self.wake = wake
        self.products_known = Event()
        self._rules, self._table, self._products, self._report, self._check = rules, table, products, report, check
        self._checked = False
        self._folders, self._clock, self._inbox, self._published, self._stop = folders, clock, inbox, published, stop
        self._wishes, self._problem, self._calm = wishes, problem, calm or Calm()
        self._beat: ShardHeartbeat | None = None
        self._outage = Outage(log, "database")
        self._request: ViewRequest | None = None
        self._shown = Shown()
        self._ended: dict[str, RunRow] = {}
        self._quarantined: dict[str, RunRow] = {}
        self._in_quarantine: Counter[str] = Counter()
        self._later: deque[str] = deque()
        self._gone: set[str] = set()  # of these the rows that still show them as active
        self._unchecked: deque[Path] = deque()
        self._retired = False
        self._products_due = self._results_due = 0.0

    def begin(self, quarantined: Sequence[Quarantined]) -> None:
        """What a resumption quarantined (a run whose symbol nobody knows gets no row), and ended runs that were not shown yet.

        The archives of this shard's runs are looked at from now on, some in each turn.
        """
        waiting = [path.stem.removeprefix("run_") for path in sorted(self._folders.ending.glob("run_*.json"))]
        self._later.extend(run_id for run_id in waiting if self._is_ours(run_id))
        self._unchecked.extend(path for path in sorted(self._folders.ended.glob("run_*.json.gz")) if self._is_ours(_archived(path)))
        now = self._clock.now()
        self._quarantined = {q.run_id: rows.quarantined_row(q, self._rules.shard, now) for q in quarantined if q.symbol}

    def _is_ours(self, run_id: str) -> bool:
        return is_of_shard(run_id, self._rules.shard, self._rules.shards)

    def run(self) -> None:
        votes_changed = False
        while not self._stop.is_set():
            self.once(votes_changed)
            self._calm.done()
            votes_changed = self.wake.wait(self._rules.publish_seconds)
            self.wake.clear()

    def once(self, votes_changed: bool = False) -> None:
        """One turn. Where votes changed, what was decided is shown first, in a moment; what only prices moved comes at its interval.

        Raises SchemaError where the database answers and is not the one that this release was written for.
        """
        try:
            self._check_once()
            if votes_changed:
                with self._calm.first():
                    self._publish(results=False)
            if not votes_changed or self._clock.monotonic() >= self._results_due:
                self._read_products()
                self._publish(results=True)
                self._results_due = self._clock.monotonic() + self._rules.publish_seconds
                self._check_archives()
        except DatabaseError as error:
            self._outage.began(f"{type(error).__name__}: {error}")

    def _check_once(self) -> None:
        if self._checked:
            return
        try:
            self._check()
        except SchemaError as error:
            if isinstance(error.__cause__, DatabaseError):
                raise error.__cause__ from error  # it is only away
            raise
        self._checked = True

    def _read_products(self) -> None:
        now = self._clock.monotonic()
        if now < self._products_due:
            return
        symbols = tuple(product.symbol for product in self._products.all())
        self._report()
        self._put(ProductsRead(symbols))
        self._in_quarantine = per_symbol(self._folders.quarantine, self._rules.shard, self._rules.shards)  # a person may have cleared it
        wishes = {run_id: why for run_id, why in self._wishes().items() if self._is_ours(run_id)}
        if wishes:
            self._put(EndRuns(wishes))  # again until the database shows the run as ended
        self._products_due = now + self._rules.products_seconds

    def _check_archives(self) -> None:
        """Each once after a start, some at a time, so that nothing waits for it: a damaged one is put aside while a backup may have it."""
        for path in [self._unchecked.popleft() for _ in range(min(_ARCHIVES_AT_ONCE, len(self._unchecked)))]:
            try:
                snapshots.load(path)
            except FileNotFoundError:
                continue  # pruned
            except snapshots.NewerFormat:
                continue
            except snapshots.SnapshotError as error:
                put_aside(self._folders.quarantine, Quarantined(_archived(path), "", "", str(error)), path, self._clock.now())
                log.warning("%s: quarantined: %s", path.name, error)

    def _put(self, message: Message) -> None:
        try:
            self._inbox.put(message, timeout=self._rules.publish_seconds)
        except Full:
            return  # the loop is busy catching up: asked again next time
        if isinstance(message, ProductsRead):
            self.products_known.set()

    def _publish(self, results: bool) -> None:
        view = self._take_view()
        if view is None:
            self._tell_problem()
            return
        for image in view.ended:
            self._keep_ended(image)
        self._take_later()
        now = self._clock.now()
        new, changed = self._shown.changed(view, results)
        marked = rows.active_numbers(view, changed, self._rules.shard) if len(changed) else None
        beat = rows.heartbeat(view, self._rules.shard, self._rules.shards, self._rules.seed, self._in_quarantine, now)
        if not self._retired:
            self._retire(view, now)
        # Last the active ones: of one that is quarantined too, since an older segment of the journal made it again, that row stays.
        whole = [*self._quarantined.values(), *self._ended.values(), *rows.active_rows(view, new, self._rules.shard)]
        self._table.publish(whole, beat, marked, self._gone)
        self._beat = beat
        self._outage.ended()
        self._shown.take(view, new, changed)
        for run_id in self._ended:
            self._published.put(run_id)
        self._ended, self._quarantined = {}, {}
        self._gone.clear()

    def _tell_problem(self) -> None:
        """Nothing of the runs may be shown, but why: each symbol of the last heartbeat is paused for this reason."""
        problem = self._problem()
        if problem is None or self._beat is None:
            return
        paused = {symbol: replace(told, warm=False, paused=problem) for symbol, told in self._beat.by_symbol.items()}
        self._table.publish([], replace(self._beat, beat_at=self._clock.now(), by_symbol=paused))

    def _take_view(self) -> View | None:
        """None where the loop does not answer in time; the same request is then waited for again."""
        if self._request is None:
            request = ViewRequest()
            try:
                self._inbox.put(request, timeout=self._rules.publish_seconds)
            except Full:
                return None
            self._request = request
        try:
            view = self._request.answer.result(timeout=self._rules.publish_seconds)
        except AnswerLate:
            return None
        self._request = None
        return view

    def _retire(self, view: View, now: datetime) -> None:
        """Rows of runs that this shard does not know (its files were lost) must not go on voting."""
        known = [*(spec.id for spec in view.specs), *self._ended, *self._quarantined]
        retired = self._table.retire_absent(self._rules.shard, self._rules.shards, known, now)
        self._retired = True
        if retired:
            log.warning("%d runs of the database are in no file of %s: ended there", retired, self._folders.root)

    def _keep_ended(self, image: RunImage) -> None:
        if len(self._ended) < self._rules.most_waiting:
            self._ended[image.spec.id] = rows.ended_row(image, self._rules.shard)
        else:
            self._later.append(image.spec.id)
            self._gone.add(image.spec.id)  # the heartbeat counts it no more, so its row must not go on as active

    def _take_later(self) -> None:
        """Ended runs that had no room, or that an earlier process could not show: read from ``ending/``, as many as there is room for."""
        for _ in range(min(len(self._later), self._rules.most_waiting - len(self._ended))):
            run_id = self._later.popleft()
            path = self._folders.ending / run_name(run_id)
            try:
                self._keep_ended(snapshots.load(path)[0])
            except FileNotFoundError:
                self._later.append(run_id)  # the snapshot writer has not come to it yet
            except snapshots.SnapshotError as error:
                found = Quarantined(run_id, *snapshots.named_in(path), str(error))
                put_aside(self._folders.quarantine, found, path, self._clock.now())
                log.warning("%s: quarantined: %s", path.name, error)


def _archived(path: Path) -> str:
    """The id of the run whose archive this is."""
    return path.name.removeprefix("run_").removesuffix(".json.gz")
