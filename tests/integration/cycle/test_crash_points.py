"""SIGKILL at every commit and every send of a cycle: after the restart everything is as if there had been no crash (I4, I5)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from tests.integration.cycle.test_cycle import until
from tests.support.crash_points import CrashServer, Job, open_desk
from tests.support.cycle import BTC, ETH, fund
from tests.support.mariadb import MariaDb
from tests.support.simulator import SimulatorProcess, make_wallet

from threet.application.reconcile import CycleResult
from threet.domain.values import Symbol

KILLED = -9
VOTES = {BTC: 8}
VOTES_AFTER = {BTC: 0, ETH: -8}
"""A reduction and an opening in one cycle."""

EXPECTED = {
    *("commit update_balance 1", "commit acquire_lease 1", "commit save_fills 1", "commit save_symbol_states 1", "commit save_risk 1"),
    *("commit save_decision 1", "commit commit_intent 1", "commit commit_intent 2", "nonce 1", "send order 1", "send order 2"),
    *("send updateLeverage 1", "commit record_outcome 1", "commit record_outcome 2", "commit release_lease 1"),
}
"""These at least are there; the test kills at all that a whole cycle shows."""


class Accounts:
    """Gives account after account over one simulator, each with a database of its own."""

    def __init__(self, folder: Path, simulator: SimulatorProcess, database_url: Callable[[Path, int], str]) -> None:
        self._folder, self._simulator, self._database_url = folder, simulator, database_url
        self._count = 0
        self.server = CrashServer()

    def new(self) -> Job:
        """It holds what ``VOTES`` ask for, and is to hold what ``VOTES_AFTER`` do."""
        self._count += 1
        folder, wallet = self._folder / f"account-{self._count}", 1000 + 2 * self._count
        folder.mkdir()
        url = self._database_url(folder, self._count)
        job = Job(str(folder), self._simulator.url, url, wallet, str(folder / "trace"))
        fund(self._simulator, make_wallet(wallet), make_wallet(wallet + 1))
        desk, engine = open_desk(job, self._simulator, is_new=True)
        desk.vote(VOTES)
        until(lambda: (desk.cycle(), desk.cycle())[1].status == "idle" and desk.held(BTC) > 0, lambda: None)
        desk.vote(VOTES_AFTER)
        desk.close()
        engine.dispose()
        return job

    def crash(self, job: Job, point: str, when: str) -> None:
        """Kills the next cycle there; the point is shown to be reached."""
        status, reached = self.server.run(replace(job, point=point, when=when))
        assert (status, reached[-1:]) == (KILLED, [point]), f"{when} {point}: ended with {status} after {reached}"

    def undisturbed(self, job: Job) -> Sequence[str]:
        """The points of a whole cycle."""
        status, reached = self.server.run(job)
        assert status == 0
        return reached


class Books:
    """What an account did by the venue's own fills: executed orders and the way of its positions."""

    def __init__(self, simulator: SimulatorProcess, job: Job) -> None:
        address = make_wallet(job.wallet).address
        self.fills = simulator.info({"type": "userFillsByTime", "user": address, "startTime": 0})
        self.executed = len({fill["oid"] for fill in self.fills})
        names = [order["c"] for action in simulator.actions("order") if action["user"] == address for order in action["action"]["orders"]]
        assert len(names) >= self.executed > 0, names
        self.names = set(names)
        self.sent_twice = len(names) - len(self.names)

    def path(self, coin: str) -> list[Decimal]:
        sides = {"B": 1, "A": -1}
        return [Decimal(fill["startPosition"]) + sides[fill["side"]] * Decimal(fill["sz"]) for fill in self.fills if fill["coin"] == coin]


def recovered(simulator: SimulatorProcess, job: Job, what: str) -> dict[Symbol, Decimal]:
    """Runs cycles as a restarted worker would, until nothing is open and nothing is left to do; what the venue says is held then.

    Whatever the venue was sent had its intent before.
    """
    desk, engine = open_desk(job, simulator)
    try:
        desk.vote(VOTES_AFTER)  # Providence never stopped to publish them
        results: list[CycleResult] = []
        end = time.monotonic() + 30
        while not (results and is_quiet(results[-1])):
            assert time.monotonic() < end, f"{what}: {results[-1]}"
            results.append(desk.cycle())
        assert desk.store.unsettled_orders() == []
        without_intent = Books(simulator, job).names - {order.client_order_id for order in desk.store.orders(1000)}
        assert not without_intent, f"{what}: sent without an intent: {without_intent}"
        return {name: desk.held(name) for name in (BTC, ETH)}
    finally:
        desk.close()
        engine.dispose()


def is_quiet(result: CycleResult) -> bool:
    return result.status == "idle" and result.unresolved == 0


def check(simulator: SimulatorProcess, job: Job, expected: tuple[dict[Symbol, Decimal], Books], what: str) -> None:
    held, undisturbed = expected
    assert recovered(simulator, job, what) == held, what
    books = Books(simulator, job)
    assert (books.executed, books.sent_twice) == (undisturbed.executed, 0), f"{what}: {books.fills}"
    for coin in ("BTC", "ETH"):
        ways, allowed = books.path(coin), [Decimal(0), *undisturbed.path(coin)]
        assert min(allowed) <= min(ways), f"{what}: {coin} {ways}"
        assert max(ways) <= max(allowed), f"{what}: {coin} {ways}"


@pytest.fixture
def still_market(tmp_path: Path) -> Iterator[SimulatorProcess]:
    with SimulatorProcess(tmp_path / "simulator", ["--speed", "1", "--seed", "3"]) as simulator:
        simulator.pause()
        yield simulator


@pytest.fixture
def on_sqlite(tmp_path: Path, still_market: SimulatorProcess) -> Iterator[Accounts]:
    made = Accounts(tmp_path, still_market, lambda folder, number: f"sqlite:///{folder}/3t.db")
    yield made
    made.server.close()


@pytest.fixture
def on_mariadb(tmp_path: Path, still_market: SimulatorProcess, mariadb: MariaDb) -> Iterator[Accounts]:
    def database(folder: Path, number: int) -> str:
        mariadb.client(f"CREATE DATABASE crash_{number} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
        return mariadb.url(f"crash_{number}")

    made = Accounts(tmp_path, still_market, database)
    yield made
    made.server.close()
    with suppress(AssertionError):
        mariadb.client("".join(f"DROP DATABASE IF EXISTS crash_{number};" for number in range(1, made._count + 1)))


def expect(accounts: Accounts, simulator: SimulatorProcess) -> tuple[Sequence[str], tuple[dict[Symbol, Decimal], Books]]:
    """The points of a cycle, and what comes of an account that is never killed."""
    job = accounts.new()
    points = accounts.undisturbed(job)
    assert set(points) >= EXPECTED, sorted(EXPECTED - set(points))
    held = recovered(simulator, job, "undisturbed")
    assert held[BTC] == 0 > held[ETH]
    return points, (held, Books(simulator, job))


def matrix(accounts: Accounts, simulator: SimulatorProcess, wanted: Callable[[str, str], bool] = lambda point, when: True) -> int:
    """All are killed before the first one is recovered: their leases and orders run out meanwhile."""
    points, expected = expect(accounts, simulator)
    killed = []
    for point in points:
        for when in ("before", "after"):
            if wanted(point, when):
                job = accounts.new()
                accounts.crash(job, point, when)
                killed.append((job, f"killed {when} {point}"))
    for job, what in killed:
        check(simulator, job, expected, what)
    return len(killed)


def test_a_worker_killed_around_its_first_order_finds_it_or_sends_it_once(on_sqlite, still_market):
    around = {("commit commit_intent 1", "after"), ("send order 1", "after"), ("commit record_outcome 1", "after")}
    assert matrix(on_sqlite, still_market, lambda point, when: (point, when) in around) == len(around)


def test_a_worker_that_sends_before_it_commits_the_intent_is_found(on_sqlite, still_market):
    """An offender: without it nobody would know that the matrix can fail."""
    _, expected = expect(on_sqlite, still_market)
    job = replace(on_sqlite.new(), sends_first=True)
    on_sqlite.crash(job, "send order 1", "after")
    with pytest.raises(AssertionError, match="sent without an intent"):
        check(still_market, job, expected, "an offender killed after its first order")


@pytest.mark.faults
@pytest.mark.timeout(300)
def test_every_point_of_a_cycle(on_sqlite, still_market):
    assert matrix(on_sqlite, still_market) >= 2 * len(EXPECTED)


@pytest.mark.faults
@pytest.mark.timeout(300)
def test_every_commit_and_send_of_a_cycle_on_mariadb(on_mariadb, still_market):
    assert matrix(on_mariadb, still_market, lambda point, when: not point.startswith("nonce")) >= 2 * (len(EXPECTED) - 1)
