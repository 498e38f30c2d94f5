"""The platform's way of a decision in one process on a virtual clock: exchange, three observers, both workers, a database.

Each part is what production runs, in the intervals of config.yml, and only the wires between them are short-circuited: HTTP by
``wireless``, Redis' last prices by ``Board``, Celery by the loop. Two worlds that are started alike go the same way.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Engine, event
from tests.support.clocks import ManualClock
from tests.support.cycle import MASTER, Desk, fund
from tests.support.observer import SEEDS, node_entries
from tests.support.simulator import SimulatorProcess
from tests.support.virtual import START, VirtualLoop, beside
from tests.support.wireless import Door, RequestsDoor, SessionDoor
from yarl import URL

from threet.adapters.observers import HttpObserver
from threet.adapters.sql import SqlObserverSequences
from threet.adapters.venue import CcxtAccount, CcxtMarketData
from threet.adapters.venue.venue import Venue
from threet.application import gathering
from threet.application.facts import Observation, Price
from threet.application.ports import Trading
from threet.application.reconcile import CycleResult
from threet.application.update_balance import UpdateBalance
from threet.application.update_prices import UpdatePrices
from threet.bootstrap import build_cycle
from threet.domain.errors import VenueError
from threet.domain.values import Known, Symbol, Unknown
from threet.observer.reader import Reader
from threet.observer.report import Signer
from threet.observer.sequence import SequenceFile
from threet.observer.server import make_app as make_observer
from threet.settings import Settings
from threet.simulator.options import SimulatorOptions
from threet.simulator.server import make_app as make_simulator
from threet.simulator.venue import Venue as SimulatedVenue

VENUE_URL = "http://simulator.test"
TICK_SECONDS = 5.0
"""What a tick does by itself (resting orders, funding, liquidations) nobody waits for where the market stands still."""
NEVER = 3600.0
"""Seconds; longer than any caller here waits."""


class InProcessSimulator(SimulatorProcess):
    """The same methods, over a simulator of this process."""

    def __init__(self, folder: Path, clock: ManualClock, loop: VirtualLoop) -> None:
        super().__init__(folder)
        self.url = VENUE_URL
        self._clock, self._loop = clock, loop
        self._open()

    def _open(self) -> None:
        self.venue = SimulatedVenue(SimulatorOptions(self.folder, seed=3), self._clock.wall_ms)
        self.door = Door(self._loop, make_simulator(self.venue))

    def ledger(self) -> dict[str, Any]:
        return self.get("/sim/ledger")

    def _ask(self, path: str, body: Any) -> Any:
        method = "GET" if body is None else "POST"
        told = b"" if body is None else json.dumps(body).encode()
        status, text = self._loop.wait(self.door.ask(method, path, {"User-Agent": "3t-tests"}, told, NEVER))
        assert status == 200, f"{path}: status {status}: {text.decode()}"
        return json.loads(text)


class Board:
    """The last published prices, and the balance that nobody here reads from Redis."""

    def __init__(self) -> None:
        self._prices: dict[Symbol, Known[Price]] = {}

    def publish_prices(self, prices: Sequence[Price]) -> None:
        self._prices |= {price.symbol: Known(price, price.observed_at, "board") for price in prices}

    def publish_balance(self, snapshot: object, snapshot_id: int) -> None:
        """Nobody reads it here."""

    def publish_candles(self, *unused: object) -> None:
        raise NotImplementedError("no candles here: the votes are published by hand")

    def last_candle_open_ms(self, *unused: object) -> int | None:
        raise NotImplementedError

    def last_prices(self) -> Mapping[Symbol, Known[Price]] | Unknown:
        return dict(self._prices)


class World:
    """As a context manager: everything runs; ``cycle`` goes on to the next one. Time passes only inside of the methods here."""

    def __init__(self, folder: Path, make_engine: Callable[[Settings], Engine], changes: dict[str, dict[str, Any]]) -> None:
        self.folder = folder
        self.clock = ManualClock(START)
        self.loop = VirtualLoop(self.clock)
        self.simulator = InProcessSimulator(folder / "simulator", self.clock, self.loop)
        self._make_engine = make_engine
        nodes = node_entries({name: f"http://observer-{name}.test" for name in SEEDS})
        self._changes: dict[str, dict[str, Any]] = {**changes, "observers": {**changes.get("observers", {}), "nodes": nodes}}
        self._votes: dict[Symbol, int] = {}
        self._published: dict[Symbol, int] | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._stack = contextlib.ExitStack()
        self._nodes: dict[str, Door] = {}
        self._board = Board()
        self.trading: Callable[[Trading], Trading] = lambda real: real
        """What the cycle sends by, made of the real one: for offenders."""

    def __enter__(self) -> World:
        self._stack.enter_context(_deterministic(self.loop, self.clock, self._make_engine))
        self.desk = Desk(self.folder, self.simulator, self._make_engine, self._changes, clock=self.clock)
        self._engine = self.desk.store._engine
        self._stack.enter_context(_showing_time(self._engine, self.clock))
        fund(self.simulator)
        self.simulator.pause()
        self._start_observers()
        self._start_worker()
        self.restart_signer()
        self._start(self._always(TICK_SECONDS, self._tick))
        return self

    def __exit__(self, *unused: object) -> None:
        for task in self._running:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*self._running, return_exceptions=True))
        self.desk.close()
        self.simulator.venue.close()
        self._stack.close()
        self.loop.close()

    def vote(self, votes: dict[Symbol, int]) -> None:
        self._votes = votes

    def cycle(self) -> CycleResult:
        """The next one, at its time."""
        return self.loop.run_until_complete(self._next_cycle())

    def pass_by(self, seconds: float) -> None:
        """Everything but the cycle goes on for so long."""
        self.loop.run_until_complete(asyncio.sleep(seconds))

    def restart_signer(self) -> None:
        """The reconcile worker as it is after a start: it knows no markets and no leverages, and has no connection that waits."""
        self.desk.close()
        again = Desk(self.folder, self.simulator, lambda _: self._engine, clock=self.clock, settings=self.desk.settings)
        again.prices = self._board  # type: ignore[assignment]
        again.observers = self._readers(again)  # type: ignore[assignment]
        _short_circuit(again.venue, self.simulator.door)
        self.desk = again
        self._cycle = build_cycle(again.settings, again.parts(trading=self.trading(again.trading)))

    async def _next_cycle(self) -> CycleResult:
        every = float(self.desk.settings.schedule.reconcile_positions_seconds)
        await asyncio.sleep(every - self.loop.time() % every)
        self.desk.vote(self._votes, changed=self._votes != self._published)
        self._published = self._votes
        return await beside(self._cycle.run)

    def _start_observers(self) -> None:
        told = self.desk.settings.observers
        seconds = min(self.desk.settings.exchange.request_timeout_seconds, told.request_timeout_seconds)
        for name, seed in SEEDS.items():
            session: Any = SessionDoor(self.simulator.door, f"3t-observer-{name}", float(seconds))
            refresh = told.sub_accounts_refresh_seconds, told.marks_refresh_seconds
            reader = Reader(session, VENUE_URL, MASTER.address, told.interval_seconds, *refresh, self.clock.now)
            signer = Signer(name, MASTER.address, Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)))
            sequence = SequenceFile(self.folder / f"observer_{name}.sequence", self.clock.wall_ms)
            self._stack.callback(sequence.close)
            self._nodes[f"observer-{name}.test"] = Door(self.loop, make_observer(reader, signer, sequence, told.answer_timeout_seconds))
            self._start(reader.poll())

    def _readers(self, desk: Desk) -> list[HttpObserver]:
        sequences = SqlObserverSequences(desk.store._engine)
        return [
            HttpObserver(node, MASTER.address, sequences, self.clock, desk.settings, self._get) for node in desk.settings.observers.nodes
        ]

    def _get(self, url: str, seconds: float, most: int) -> tuple[int, bytes]:
        asked = URL(url)
        status, body = self.loop.wait(self._nodes[str(asked.host)].ask("GET", asked.path_qs, {}, b"", float(seconds)))
        return status, body[:most]

    def _start_worker(self) -> None:
        """The one of the queues market and account."""
        desk, told = self.desk, self.desk.settings
        venue = Venue(told, self.clock, "3t-worker")
        _short_circuit(venue, self.simulator.door)
        prices = UpdatePrices(desk.products, CcxtMarketData(told, self.clock, venue), self._board)
        balance = UpdateBalance(lambda: CcxtAccount(told, self.clock, MASTER.address, venue), desk.snapshots, self._board, lambda _: True)
        self._start(self._always(told.schedule.update_prices_seconds, partial(self._task, prices)))
        self._start(self._always(told.schedule.update_balance_seconds, partial(self._task, balance)))

    async def _always(self, seconds: float, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """At every interval, whether or not the one before has ended."""
        while True:
            self._start(work())
            await asyncio.sleep(float(seconds))

    async def _task(self, use_case: Callable[[], object]) -> None:
        with contextlib.suppress(VenueError):  # the task's edge: it is logged there, and the next one comes
            await beside(use_case)

    async def _tick(self) -> None:
        self.simulator.venue.tick()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self.loop.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.result()


def _short_circuit(venue: Venue, door: Door) -> None:
    venue.connection.client.session.mount("http://", RequestsDoor(door))


@contextlib.contextmanager
def _deterministic(loop: VirtualLoop, clock: ManualClock, make_engine: object) -> Iterator[None]:
    """Observers are asked side by side on the loop instead of in threads; nothing here dies, so that no disk has to be waited for."""

    def ask_together(questions: Mapping[str, Callable[[], Known[Observation] | Unknown]]) -> dict[str, Known[Observation] | Unknown]:
        async def all_of_them() -> list[Known[Observation] | Unknown]:
            return await asyncio.gather(*(beside(question) for question in questions.values()))

        return dict(zip(questions, loop.wait(all_of_them()), strict=True))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gathering, "ask_together", ask_together)
        patch.setattr(os, "fsync", lambda _: None)
        yield


@contextlib.contextmanager
def _showing_time(engine: Engine, clock: ManualClock) -> Iterator[None]:
    """The database's clock is the virtual one meanwhile."""

    def connected(connection: Any, _: object) -> None:
        connection.execute("PRAGMA synchronous = OFF")
        connection.create_function("strftime", 2, lambda form, moment: clock.now().isoformat(sep=" ", timespec="milliseconds")[:23])

    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(f"SET timestamp = {clock.wall_ms() / 1000:.6f}")

    name, listener = ("connect", connected) if engine.dialect.name == "sqlite" else ("begin", begun)
    event.listen(engine, name, listener)
    engine.dispose()  # connections of before know nothing of it
    try:
        yield
    finally:
        event.remove(engine, name, listener)
        engine.dispose()
