"""A whole small world on a clock that stands still between its steps: the exchange, three observer nodes, the workers that feed the cycle,
the cycle itself with its database, a person, and whatever goes wrong. Every step is written into ``log``; the same steps give the same log.

Everything of the platform is what production runs, over real databases; only sockets are left out (in_process.py, harmed.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from tests.support.clocks import ManualClock
from tests.support.cycle import AGENT, BTC, ETH, MASTER, Desk
from tests.support.machine.audit import Audit
from tests.support.machine.harmed import ERRORS, HarmedNode, Nodes, in_turn
from tests.support.machine.in_process import InProcessSimulator, InProcessTransport
from tests.support.machine.manual_database import keep_time, make_empty
from tests.support.observer import node_entries
from tests.support.points import Points

from threet.adapters import observers as observer_reader
from threet.adapters.files import write_durably
from threet.adapters.observers import HttpObserver
from threet.adapters.sql import SqlObserverSequences
from threet.adapters.venue import CcxtAccount, CcxtMarketData, nonces
from threet.adapters.venue.venue import Venue
from threet.application.facts import AccountSnapshot, Price
from threet.application.locking import Locks, NotChanged
from threet.application.reconcile import CycleResult
from threet.application.roles import CELERY_WORKER
from threet.bootstrap import CycleParts, build_cycle
from threet.domain.errors import VenueError
from threet.domain.values import Known, Symbol, Unknown, symbol
from threet.settings import Settings
from threet.simulator.account_views import clearinghouse_state
from threet.simulator.placing import Wanted, place

SOL = symbol("SOL/USDC:USDC")
SYMBOLS = (BTC, ETH, SOL)
START = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
BETWEEN_CYCLES = 10.0

CHANGES: dict[str, dict[str, Any]] = {
    "reconciliation": {"risk_pos_percentage": 40, "order_expires_seconds": 8, "expiry_margin_seconds": 2, "settle_margin_ms": 500},
    "limits": {"max_gross_exposure_percent": 90, "max_net_exposure_percent": 60, "max_order_usd": 2500, "drawdown_readings": 2},
    "symbol_defaults": {"max_notional_usd": 3500},
    "symbols": {"ETH/USDC:USDC": {"stop_loss_percent": 6}},
    "exchange": {"request_timeout_seconds": 2},
    "observers": {"nodes": node_entries({name: Nodes.url(name) for name in "abc"})},
}
"""Limits that bite: full votes on three symbols want more than the account may hold."""
QUIET = {"reconciliation": {"lease_seconds": 30}, "limits": {}, "exchange": {"requests_per_minute": 1_000_000}}
POINTS = (
    "commit acquire_lease 1",
    "commit save_fills 1",
    "commit save_symbol_states 1",
    "commit save_risk 1",
    "commit save_decision 1",
    "commit commit_intent 1",
    "commit commit_intent 2",
    "nonce 1",
    "nonce 2",
    "send updateLeverage 1",
    "send order 1",
    "send order 2",
    "commit record_outcome 1",
    "commit record_outcome 2",
    "commit release_lease 1",
)


class Crash(BaseException):
    """The process is no more: nothing that it would still do is done."""


class CrashPoints(Points):
    """Dies at the point that is armed, and from then on at every other."""

    def __init__(self) -> None:
        super().__init__()
        self.armed: tuple[str, str] | None = None
        self.dead = False
        self.trace: list[str] = []

    def begin(self, armed: tuple[str, str] | None) -> None:
        self.armed, self.dead, self.trace = armed, False, []
        self.seen.clear()

    def reached(self, point: str) -> None:
        self.trace.append(point)

    def pass_or_die(self, when: str, point: str) -> None:
        if self.dead or (when, point) == self.armed:
            self.dead = True
            raise Crash(f"{when} {point}")


@dataclass
class Feed:
    """What the market workers published last."""

    prices: dict[Symbol, Known[Price]] = field(default_factory=dict)

    def last_prices(self) -> dict[Symbol, Known[Price]] | Unknown:
        return dict(self.prices) if self.prices else Unknown("redis: nothing was published")


class World:
    """Close it: it stands in the place of a socket and of a file's writer while it is open. ``offend`` changes the parts of each cycle."""

    def __init__(
        self,
        folder: Path,
        make_engine: Callable[[Path], Engine],
        number: int = 1,
        changes: dict[str, dict[str, Any]] | None = None,
        offend: Callable[[dict[str, Any]], dict[str, Any]] = lambda parts: parts,
    ) -> None:
        self.log: list[str] = []
        self.clock = ManualClock(START)
        self.simulator = InProcessSimulator(folder / "simulator", self.clock)
        self.simulator.fund(MASTER.address)
        self.simulator.approve_agent(MASTER.address, AGENT.address)
        self.engine = make_engine(folder)
        make_empty(self.engine, number)
        keep_time(self.engine, self.clock)
        self.points = CrashPoints()
        self.points.arm_commits(self.engine)
        self.nodes = [HarmedNode(name, MASTER.address, self.simulator) for name in "abc"]
        self._bounded_get, self._write_durably = observer_reader.bounded_get, write_durably
        observer_reader.bounded_get = Nodes(self.nodes).get
        self._arm_nonces()
        self._folder, self._offend = folder, offend
        self._changes = {**CHANGES}
        for section, keys in (changes or {}).items():
            self._changes[section] = {**self._changes.get(section, {}), **keys}
        self._starts = 0
        self.worker_deaf = self.feed_deaf = False
        self.harm_snapshot: Callable[[AccountSnapshot], AccountSnapshot] = lambda snapshot: snapshot
        self.votes: dict[Symbol, int] = dict.fromkeys(SYMBOLS, 0)
        self.told: dict[Symbol, int] = {}  # what the heartbeat tells otherwise than the rows are
        self.voting = True
        self.feed = Feed()
        self._start()
        self.audit = Audit(self)
        self._begin_worker()
        self._published: dict[Symbol, int] | None = None
        self.last: CycleResult | None = None

    def _arm_nonces(self) -> None:
        module: Any = nonces
        module.write_durably = lambda path, text: self.points.around("nonce", lambda: self._write_durably(path, text))

    def close(self) -> None:
        module: Any = nonces
        module.write_durably = self._write_durably
        observer_reader.bounded_get = self._bounded_get
        self.desk.close()
        self.simulator.close()
        self.engine.dispose()

    # The processes

    def _start(self) -> None:
        """The reconcile worker, as another process over the same folder and database."""
        self._starts += 1
        folder = self._folder / "platform"
        folder.mkdir(exist_ok=True)
        given = {section: {**QUIET.get(section, {}), **self._changes.get(section, {})} for section in {**QUIET, **self._changes}}
        self.desk = Desk(folder, self.simulator, lambda settings: self.engine, given, clock=self.clock)  # type: ignore[arg-type]
        self.settings: Settings = self.desk.settings
        session = self.desk.venue.connection.client.session
        session.mount("http://", InProcessTransport(self.simulator, lambda body, send: self.audit.around_send(body, send)))
        self.points.arm_session(session)
        self.desk.prices = self.feed  # type: ignore[assignment]
        readers = [
            HttpObserver(node, self.desk.address, SqlObserverSequences(self.engine), self.clock, self.settings)
            for node in self.settings.observers.nodes
        ]
        self.desk.observers = in_turn(readers)  # type: ignore[assignment]
        self.locks = Locks(self.desk.store, self.settings.database.write_retries)

    def _begin_worker(self) -> None:
        """The process of the queues `market` and `account`: it has a connection of its own, and its own share of the limit."""
        venue = Venue(self.settings, self.clock, "3t-worker", role=CELERY_WORKER)
        venue.connection.client.session.mount("http://", InProcessTransport(self.simulator, lambda body, send: send()))
        self._worker_market = CcxtMarketData(self.settings, self.clock, venue)
        self._worker_account = CcxtAccount(self.settings, self.clock, self.desk.address, venue)

    def _feed(self) -> None:
        """What the periodic tasks and Providence do before a cycle. What fails leaves the old in its place, to grow old."""
        self._publish_votes()
        if not self.feed_deaf:
            try:
                prices = self._worker_market.prices([product.symbol for product in self.desk.products.all()])
                self.feed.prices |= {name: Known(price, price.observed_at, "worker") for name, price in prices.items()}
                self.audit.published(prices)
            except VenueError as error:
                self.say("prices", str(error))
        if not self.worker_deaf:
            try:
                snapshot = self.harm_snapshot(self._worker_account.snapshot())
                self.desk.snapshots.save(snapshot)
                self.audit.saved(snapshot)
            except VenueError as error:
                self.say("snapshot", str(error))

    def _publish_votes(self) -> None:
        if not self.voting:
            return
        self.desk.vote(self.votes, changed=self.votes != self._published, told=self.told)
        self._published = dict(self.votes)
        self.audit.voted(self.votes)

    # Steps

    def cycle(self, crash: tuple[str, str] | None = None, after: float = BETWEEN_CYCLES) -> CycleResult | None:
        """``after`` so many seconds: what feeds it, then one cycle. None where it crashed; then it has been started again."""
        self.pass_time(after)
        self.points.begin(None)
        self._feed()
        self.points.begin(crash)
        store = self.points.named(self.desk.store)
        given = {"store": store, "trading": self.desk.trading, "observers": self.desk.observers, "prices": self.desk.prices}
        parts: CycleParts = self.desk.parts(**self._offend(given))
        cycle = build_cycle(self.settings, parts)
        cycle._holder = f"worker {self._starts}"  # another process has another name: it waits until the lease of a dead one is over
        self.audit.begins()
        self.last = None
        try:
            self.last = cycle.run()
        except Crash as where:
            self.say("crash", str(where))
            self.audit.count("crash")
            self.restart()
        self.points.armed = None
        self._tell(self.last)
        self.audit.after_step()
        return self.last

    def restart(self) -> None:
        self.points.begin(None)
        self.desk.close()
        self.engine.dispose()
        self._start()
        self.say("restart")

    def pass_time(self, seconds: float) -> None:
        self.simulator.let_pass(seconds)
        self.say("time", seconds)

    def vote(self, name: Symbol, votes: int) -> None:
        self.votes[name] = votes
        self.say("vote", name, votes)

    def tell_otherwise(self, name: Symbol, votes: int) -> None:
        """The heartbeat speaks of other votes than its rows, until somebody puts it right."""
        self.told[name] = votes
        self.say("told", name, votes)

    def move_price(self, name: Symbol, factor: Decimal) -> None:
        coin = name.split("/")[0]
        price = min(max(Decimal(self.simulator.mark(coin)) * factor, Decimal("0.5")), Decimal(500_000))
        self.simulator.set_price(coin, f"{price:.5g}" if price < 1 else f"{price:.2f}")
        self.say("price", name, self.simulator.mark(coin))
        self.audit.after_step()

    def transfer(self, usd: int) -> None:
        """A withdrawal leaves what the positions need."""
        state = clearinghouse_state(self.simulator.exchange, self.desk.address.lower())
        free = Decimal(state["withdrawable"])
        amount = Decimal(usd) if usd > 0 else -min(Decimal(-usd), free.quantize(Decimal(1)) - 1)
        if amount:
            self.simulator.transfer(self.desk.address, str(amount))
        self.say("transfer", str(amount))
        self.audit.after_step()

    def liquidate(self) -> None:
        """Whatever is held is taken: the money goes first, without the venue's leave, then the price."""
        exchange = self.simulator.exchange
        figures = exchange.margin(exchange.state.accounts[self.desk.address.lower()])
        if figures.maintenance_used > 0:
            leave = figures.maintenance_used * Decimal("0.9")
            self.simulator.transfer(self.desk.address, str(-(figures.account_value - leave).quantize(Decimal("0.01"))))
            self.simulator.venue.tick()
            self.simulator.transfer(self.desk.address, "8000")
        self.say("liquidated", str(figures.maintenance_used))
        self.audit.after_step()

    def foreign_order(self, name: Symbol, usd: int, *, rests: bool) -> None:
        """Somebody else's order in our account: executed at once, or resting below (above) the market."""
        coin = name.split("/")[0]
        exchange, mark = self.simulator.exchange, Decimal(self.simulator.mark(coin))
        spec = exchange.spec(coin)
        size = (Decimal(abs(usd)) / mark).quantize(Decimal(1).scaleb(-spec.sz_decimals))
        away = Decimal("0.9") if rests else Decimal("1.05")
        factor = away if usd > 0 else 2 - away
        price = Decimal(f"{mark * factor:.4g}")
        wanted = Wanted(exchange.market.asset(coin), usd > 0, price, size, False, "Gtc" if rests else "Ioc", None)
        answer = place(exchange, exchange.state.accounts[self.desk.address.lower()], wanted) if size else "nothing"
        exchange.journal.flush()
        self.say("foreign", name, usd, rests, json.dumps(answer))
        self.audit.after_step()

    def cancel_foreign(self) -> None:
        exchange = self.simulator.exchange
        gone = [
            exchange.finish(order, "canceled").oid for order in exchange.state.orders_of(self.desk.address.lower()) if order.cloid is None
        ]
        exchange.journal.flush()
        self.say("foreign orders cancelled", gone)

    def harm(self, name: str, harm: str | None) -> None:
        next(node for node in self.nodes if node.name == name).harm = harm
        self.say("observer", name, harm)

    def our_reader_errs(self, error: str | None) -> None:
        self.harm_snapshot = ERRORS[error] if error is not None else lambda snapshot: snapshot
        self.say("our reader", error)

    def fault(self, kind: str, **values: Any) -> None:
        self.simulator.fault(kind, **values)
        self.say("fault", kind, values)

    def clear_faults(self) -> None:
        self.simulator.clear_faults()
        self.say("faults cleared")

    def halt(self) -> None:
        self.desk.controls.halt("test", "a drill")
        self.say("halt")

    def flatten(self) -> None:
        self.desk.controls.flatten("test", "a drill")
        self.say("flatten")

    def resume(self) -> None:
        self.desk.controls.resume()
        self.say("resume")

    def unlock(self, name: Symbol) -> None:
        try:
            self.locks.unlock(name, who="test", why="looked at it")
        except NotChanged as said:
            self.say("not unlocked", str(said))
        self.say("unlock", name)

    def lock(self, name: Symbol, seconds: float) -> None:
        self.locks.lock(name, seconds=seconds, who="test", why="looks at it")
        self.say("lock", name, seconds)

    def heal(self) -> None:
        """Nothing is wrong any more, and a person has looked at what is locked."""
        self.clear_faults()
        self.cancel_foreign()
        for node in self.nodes:
            node.harm = None
        self.told.clear()
        self.voting, self.worker_deaf, self.feed_deaf = True, False, False
        self.our_reader_errs(None)
        self.pass_time(60)
        self.resume()

    def say(self, *words: Any) -> None:
        self.log.append(json.dumps([self.clock.now().isoformat(), *words], default=str))

    def _tell(self, result: CycleResult | None) -> None:
        if result is not None:
            for one in result.sent:
                self.audit.count(f"answer {one.state}")
            if "rows do not sum to what Providence told" in result.reason:
                self.audit.count("rows differ")
            sent = [(one.client_order_id, one.symbol, str(one.state), one.text) for one in result.sent]
            self.say("cycle", result.cycle_id, result.status, result.reason, sent, result.unresolved)
        self.audit.tell_news(self.say)
