"""What a reconcile cycle costs: reading what the runs want, a cycle that has nothing to do, and one that sends fifty orders."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, case, func, select
from tests.support.cycle import MASTER, Desk, fund
from tests.support.heartbeats import heartbeat_of
from tests.support.observer import ObserverProcess, node_entries, write_secrets
from tests.support.settings import raw_config, write_config
from tests.support.simulator import SimulatorProcess

from benchmarks.files import folder
from benchmarks.measure import Figure, named, timed
from benchmarks.servers import database, list_products
from threet.adapters.clock import SystemClock
from threet.adapters.observers import HttpObserver
from threet.adapters.sql import SqlCycleStore, SqlObserverSequences, SqlRunsPublisher
from threet.adapters.sql.tables import providence_shards, runs
from threet.adapters.sql.transactions import read
from threet.application.facts import RunRow, Votes
from threet.domain.values import Symbol, Unknown
from threet.domain.values import symbol as symbol_of
from threet.domain.votes import Vote

SYMBOLS, RUNS, ORDERS = 200, 10_000, 50
IDLE_CYCLES = 15
NO_LIMIT = {"limits": {"max_orders_per_hour": 1_000_000}}
AS_IN_CONFIG = ("lease_seconds", "order_expires_seconds")
"""A test's cycle is hastier: on a busy machine its lease would end before the fiftieth order."""


def desired_state_vs_per_symbol() -> Figure:
    """Both read the votes of every symbol in one transaction on one connection, heartbeats included, round by round in turn.

    Ours reads the sums that Providence made when it published the rows, and no row. The reference sums each symbol's runs by a query of
    its own; the note has the same with the runs' rows fetched and summed here, and what comes on top for ours where a cycle trades: the
    sums of the symbols with a correction held against their rows (application/deciding.py).
    """
    names = [symbol_of(f"S{number:03d}/USDC:USDC") for number in range(SYMBOLS)]
    with database() as (_, engine):
        list_products(engine, names)
        publish(engine, names, RUNS // SYMBOLS)
        store, since = SqlCycleStore(engine), SystemClock().now() - timedelta(hours=1)
        ways: Sequence[Callable[[], Votes | Unknown]] = [
            lambda: store.votes(1, since),
            lambda: read(engine, lambda connection: per_symbol(connection, names, since, summed)),
            lambda: read(engine, lambda connection: per_symbol(connection, names, since, fetched)),
        ]
        answers = [way() for way in ways]
        if isinstance(answers[0], Unknown) or any(answer != answers[0] for answer in answers):
            raise ValueError(f"expected the same votes from all, was {answers[0]!r:.300}")
        checks: Sequence[Callable[[], object]] = [
            lambda: store.checked_votes(1, since, names[:4]),
            lambda: store.checked_votes(1, since, names),
        ]
        if checks[1]() != answers[0].by_symbol:
            raise ValueError("expected the rows to sum to what the heartbeat tells")
        rounds = [[timed(way) for way in (*ways, *checks)] for _ in range(21)]
    ours, reference, by_rows, few, all_of_them = (statistics.median(seconds) * 1e3 for seconds in zip(*rounds, strict=True))
    note = (
        f"{SYMBOLS} symbols, {RUNS} runs, MariaDB; all at once from the sums in the heartbeat {ours:.2f} ms, "
        f"summed for each symbol {reference:.1f} ms; rows fetched for each symbol {by_rows:.1f} ms, {by_rows / ours:.1f} times ours; "
        f"on top, where a cycle trades, heartbeat and rows again: {few:.2f} ms for 4 symbols, {all_of_them:.1f} ms for {SYMBOLS}"
    )
    return Figure("desired_state_vs_per_symbol", 1e3 / ours, 1e3 / reference, "1/s", 20.0, goal_is_minimum=True, note=note)


OneSymbol = Callable[[Connection, Symbol], tuple[int, int, int]]
"""Direction, voters and active runs of a symbol."""


def per_symbol(connection: Connection, names: Sequence[Symbol], since: datetime, one: OneSymbol) -> Votes:
    """Each symbol by a query of its own, as one that looks at its symbols one by one does."""
    (beat,) = connection.execute(select(providence_shards).where(providence_shards.c.beat_at > since)).all()
    votes = {}
    for name in names:
        direction, voters, active = one(connection, name)
        told = beat.by_symbol[name]
        if active != told["active_runs"]:
            raise ValueError(f"{name}: expected {told['active_runs']} active runs, was {active}")
        votes[name] = Vote(name, direction, voters, active, told["quarantined_runs"], told["warm"])
    return Votes(votes, beat.beat_at, beat.beat_at)


_OF_ONE = (runs.c.symbol == bindparam("name"), runs.c.status == "active", runs.c.shard < 1)
_VOTING = case((runs.c.votes.is_(True), 1), else_=0)
_SUMS = select(func.sum(_VOTING * runs.c.position_direction), func.sum(_VOTING), func.count()).where(*_OF_ONE)
_ROWS = select(runs.c.position_direction, runs.c.votes).where(*_OF_ONE)


def summed(connection: Connection, name: Symbol) -> tuple[int, int, int]:
    direction, voters, active = connection.execute(_SUMS, {"name": name}).one()
    return int(direction), int(voters), active


def fetched(connection: Connection, name: Symbol) -> tuple[int, int, int]:
    rows = connection.execute(_ROWS, {"name": name}).all()
    voting = [direction for direction, votes in rows if votes]
    return sum(voting), len(voting), len(rows)


def publish(engine: Engine, names: Sequence[Symbol], each: int) -> None:
    """So many active runs of each symbol, every second one with a vote."""
    now = SystemClock().now()
    rows = [
        RunRow(
            id=f"00000000-0000-4000-8000-{index:04d}{run:08d}",
            shard=0,
            strategy="trend",
            symbol=name,
            parameters={},
            position_direction=run % 3 - 1,
            live_pnl=1.0,
            closed_trades=1,
            votes=run % 2 == 0,
            start_balance=10_000.0,
            status="active",
            exit_reason=None,
            started_at=now,
            ended_at=None,
        )
        for index, name in enumerate(names)
        for run in range(each)
    ]
    SqlRunsPublisher(engine).publish(rows, heartbeat_of(rows, now))


def cycle_idle_ms() -> Figure:
    """The whole cycle, from the lease to its release; the balance worker's snapshot before it is no part of it."""
    with desk(SYMBOLS) as made:
        made.vote({})
        seconds, worked = [], []
        for _ in range(IDLE_CYCLES + 2):
            made.snapshots.save(made.account.snapshot())
            began = time.process_time()
            seconds.append(timed(lambda: expect(made, 0)))
            worked.append(time.process_time() - began)
            made.vote({})
    note = (
        f"{SYMBOLS} symbols, three observers over HTTP, MariaDB; slowest of {IDLE_CYCLES}: {max(seconds[2:]) * 1e3:.0f} ms; "
        f"{statistics.median(worked[2:]) * 1e3:.0f} ms of the worker's own processor time"
    )
    return Figure("cycle_idle_ms", statistics.median(seconds[2:]) * 1e3, None, "ms", 500.0, note=note)


def fifty_orders_s() -> Figure:
    """One cycle that opens fifty positions, with their leverage; then one that closes them. The slower kind counts."""
    with desk(ORDERS) as made:
        names = [product.symbol for product in made.products.all()]
        made.vote({})
        made.cycle()
        began = time.process_time()
        opening = fifty(made, {name: 8 if index % 2 else -8 for index, name in enumerate(names)})
        closing = fifty(made, {})
        worked = time.process_time() - began
    note = (
        f"MariaDB, three observers over HTTP; opening {opening:.2f} s with {ORDERS} leverages set, closing {closing:.2f} s; "
        f"{worked:.2f} s of the worker's own processor time for both, with the snapshots between them"
    )
    return Figure("fifty_orders_s", max(opening, closing), None, "s", 5.0, note=note)


def fifty(made: Desk, votes: Mapping[Symbol, int]) -> float:
    wait_for_observers(made)
    made.vote(dict(votes))
    made.snapshots.save(made.account.snapshot())
    return timed(lambda: expect(made, ORDERS))


def wait_for_observers(made: Desk) -> None:
    """They look at the venue every few seconds; a cycle that trades needs them later than the last fill."""
    now = made.market.exchange_time() + timedelta(milliseconds=made.settings.reconciliation.settle_margin_ms)
    late = list(made.observers)
    for _ in range(300):
        late = [node for node in late if isinstance(seen := node.observe(), Unknown) or seen.value.exchange_time <= now]
        if not late:
            return
        time.sleep(0.05)
    raise TimeoutError(f"expected a later look of {', '.join(node.name for node in late)} within 15 s")


def expect(made: Desk, orders: int) -> None:
    """One cycle that sends so many orders, all of them settled at its end."""
    result = made.run_cycle()
    if (len(result.sent), result.unresolved, result.status) != (orders, 0, "traded" if orders else "idle"):
        raise ValueError(f"expected {orders} orders, all settled, was {result.status} {result.reason[:300]}: {result.sent[:2]}")


@contextmanager
def desk(symbols: int) -> Iterator[Desk]:
    """An account on a market that stands still, three observer processes, and a MariaDB that knows these symbols alone."""
    with database() as (_, engine), folder() as root, SimulatorProcess(root / "simulator", ["--speed", "1", "--seed", "3"]) as simulator:
        fund(simulator)
        for number in range(symbols):
            simulator.list_coin(f"S{number:03d}", "100")
        simulator.pause()
        list_products(engine, [f"S{number:03d}/USDC:USDC" for number in range(symbols)])
        with ExitStack() as stack:
            urls = {name: stack.enter_context(observer(root, name, simulator)).url for name in "abc"}
            told = raw_config()["reconciliation"]
            rules = {"reconciliation": {key: told[key] for key in AS_IN_CONFIG}}
            changes: dict[str, dict[str, Any]] = {**NO_LIMIT, **rules, "observers": {"nodes": node_entries(urls)}}
            made = Desk(root, simulator, lambda _: engine, changes)
            sequences = SqlObserverSequences(engine)
            nodes = made.settings.observers.nodes
            made.observers = [HttpObserver(node, MASTER.address, sequences, made.clock, made.settings) for node in nodes]  # type: ignore[misc]
            stack.callback(made.close)
            yield made


def observer(root: Path, name: str, simulator: SimulatorProcess) -> ObserverProcess:
    place = root / f"observer-{name}"
    place.mkdir()
    changes = {"exchange.base_url": simulator.url, "observers.nodes": node_entries({}), "exchange.requests_per_minute": 1_000_000}
    return ObserverProcess(name, write_config(place, changes), write_secrets(place, name, MASTER.address), place / "state")


FIGURES = named(desired_state_vs_per_symbol, cycle_idle_ms, fifty_orders_s)
