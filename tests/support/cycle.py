"""The reconcile cycle over a real simulator and a real database, for tests that look at one cycle after the other.

Observers are read straight from the simulator here (the port's own contract tests cover the HTTP ones), so that a test can make one
of them deaf or lying at will. Everything else is what production runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Engine
from tests.support.heartbeats import heartbeat_of
from tests.support.settings import raw_config
from tests.support.simulator import SimulatorProcess, Wallet, make_wallet

from threet.adapters.clock import SystemClock
from threet.adapters.files import FileHalt
from threet.adapters.sql import SqlCycleStore, SqlProducts, SqlRunsPublisher, SqlSnapshotStore
from threet.adapters.venue import CcxtAccount, CcxtMarketData, CcxtTrading
from threet.adapters.venue.venue import Venue
from threet.application.facts import Observation, Price, RunRow
from threet.application.halting import Controls
from threet.application.ports import Clock
from threet.application.reconcile import CycleResult
from threet.bootstrap import CycleParts, build_cycle, build_trading_terms
from threet.domain.values import Known, Symbol, Unknown, symbol
from threet.settings import Settings, load_settings

BTC, ETH = symbol("BTC/USDC:USDC"), symbol("ETH/USDC:USDC")
MASTER, AGENT = make_wallet(11), make_wallet(12)

QUICK: dict[str, dict[str, Any]] = {
    "reconciliation": {"order_expires_seconds": 2, "expiry_margin_seconds": 0.2, "settle_margin_ms": 1, "lease_seconds": 10},
    "limits": {"drawdown_readings": 1},
    "exchange": {"request_timeout_seconds": 2, "requests_per_minute": 1_000_000},
}


def settings_for(folder: Path, simulator_url: str, changes: dict[str, dict[str, Any]] | None = None) -> Settings:
    """The project's own config.yml with what a test needs otherwise."""
    values = raw_config()
    values["exchange"]["base_url"] = simulator_url
    for given in (QUICK, changes or {}):
        for section, keys in given.items():
            values[section].update(keys)
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump(values))
    return load_settings(path)


@dataclass
class DirectObserver:
    """An observer that looks at the simulator's own books. ``deaf`` and ``lie`` are for tests to set."""

    name: str
    simulator: SimulatorProcess
    deaf: bool = False
    lie: dict[Symbol, Decimal] = field(default_factory=dict)
    mark_lies: dict[Symbol, Decimal] = field(default_factory=dict)
    account: str = MASTER.address

    def observe(self) -> Known[Observation] | Unknown:
        if self.deaf:
            return Unknown(f"{self.name}: does not answer")
        state = self.simulator.info({"type": "clearinghouseState", "user": self.account})
        now = datetime.now(UTC)
        positions = {symbol(f"{item['position']['coin']}/USDC:USDC"): Decimal(item["position"]["szi"]) for item in state["assetPositions"]}
        seen = Observation(
            observer=self.name,
            sequence=1,
            observed_at=now,
            exchange_time=datetime.fromtimestamp(state["time"] / 1000, UTC),
            account=self.account,
            complete=True,
            positions={**positions, **self.lie},
            account_value=Decimal(state["marginSummary"]["accountValue"]),
            mark_prices={**self.marks(), **self.mark_lies},
        )
        return Known(seen, now, self.name)

    def marks(self) -> dict[Symbol, Decimal]:
        markets, contexts = self.simulator.info({"type": "metaAndAssetCtxs"})
        told = zip(markets["universe"], contexts, strict=True)
        return {symbol(f"{market['name']}/USDC:USDC"): Decimal(context["markPx"]) for market, context in told}


@dataclass
class FreshPrices:
    """Prices as if they had just been published."""

    market: CcxtMarketData
    symbols: list[Symbol]
    deaf: bool = False

    def last_prices(self) -> dict[Symbol, Known[Price]] | Unknown:
        if self.deaf:
            return Unknown("redis: no answer")
        return {name: Known(price, price.observed_at, "test") for name, price in self.market.prices(self.symbols).items()}


class Desk:
    """One account, one database, and a cycle that a test runs by hand."""

    def __init__(
        self,
        folder: Path,
        simulator: SimulatorProcess,
        make_engine: Callable[[Settings], Engine],
        changes: dict[str, dict[str, Any]] | None = None,
        master: Wallet = MASTER,
        agent: Wallet = AGENT,
        clock: Clock | None = None,
        settings: Settings | None = None,
    ) -> None:
        """``settings`` that were read before go before ``changes``."""
        self.simulator = simulator
        self.address = master.address
        self.settings = settings or settings_for(folder, simulator.url, changes)
        engine = make_engine(self.settings)
        self.clock = clock or SystemClock()
        self.store = SqlCycleStore(engine)
        self.snapshots = SqlSnapshotStore(engine)
        self.runs = SqlRunsPublisher(engine)
        self.products = SqlProducts(engine)
        self.settings.state_folder.mkdir(parents=True, exist_ok=True)
        self.halt = FileHalt(self.settings.state_folder, self.clock)
        self.controls = Controls(self.store, self.halt, self.address, self.settings.database.write_retries)
        self.venue = Venue(self.settings, self.clock)
        self.market = CcxtMarketData(self.settings, self.clock, self.venue)
        self.account = CcxtAccount(self.settings, self.clock, self.address, self.venue)
        self.trading = CcxtTrading(
            self.settings, self.clock, self.address, agent.private_key, self.settings.state_folder / "nonce", self.venue
        )
        self.prices = FreshPrices(self.market, [product.symbol for product in self.products.all()])
        self.observers = [DirectObserver(name, simulator, account=self.address) for name in "abc"]

    def close(self) -> None:
        self.trading.close()

    def parts(self, **changes: Any) -> CycleParts:
        given: dict[str, Any] = {
            "store": self.store,
            "market": self.market,
            "account": self.account,
            "trading": self.trading,
            "prices": self.prices,
            "observers": self.observers,
            "halt": self.halt,
            "clock": self.clock,
            "terms": build_trading_terms(self.settings, self.address),
        }
        return CycleParts(**{**given, **changes})

    def cycle(self, **changes: Any) -> CycleResult:
        """Takes a fresh snapshot, as `update_balance` would have, and runs one cycle."""
        self.snapshots.save(self.account.snapshot())
        return self.run_cycle(**changes)

    def run_cycle(self, **changes: Any) -> CycleResult:
        """One cycle, with the last snapshot."""
        return build_cycle(self.settings, self.parts(**changes)).run()

    def vote(self, votes: dict[Symbol, int], *, warm: bool = True, changed: bool = True, told: dict[Symbol, int] | None = None) -> None:
        """Publishes eight runs per product, of which abs(n) vote, all in the direction of n's sign; 0 where nothing is said.

        Where nothing ``changed``, as Providence does it: the heartbeat alone. ``told``: what that tells otherwise than the rows are.
        """
        now = self.clock.now()
        beat = heartbeat_of(self._runs_for({**votes, **(told or {})}, now), now, shards=self.settings.providence.shards, warm=warm)
        self.runs.publish(self._runs_for(votes, now) if changed else [], beat)

    def _runs_for(self, votes: dict[Symbol, int], now: datetime) -> list[RunRow]:
        given = {product.symbol: votes.get(product.symbol, 0) for product in self.products.all()}
        return [
            RunRow(
                id=f"00000000-0000-4000-8000-{index:04d}{run:08d}",
                shard=0,
                strategy="trend",
                symbol=name,
                parameters={},
                position_direction=(wanted > 0) - (wanted < 0),
                live_pnl=1.0,
                closed_trades=1,
                votes=run < abs(wanted),
                start_balance=10_000.0,
                status="active",
                exit_reason=None,
                started_at=now,
                ended_at=None,
            )
            for index, (name, wanted) in enumerate(sorted(given.items()))
            for run in range(8)
        ]

    def held(self, name: Symbol) -> Decimal:
        """What the simulator's own ledger says."""
        coin = name.split("/")[0]
        position = self.simulator.account(self.address)["positions"].get(coin)
        return Decimal(position["contracts"]) if position else Decimal(0)

    def target(self, name: Symbol) -> dict[str, Any]:
        """The target of the last decision, as recorded."""
        found: dict[str, Any] = self.store.decisions(1)[0].targets[name]["target"]
        return found

    def orders_at_the_venue(self) -> list[dict[str, Any]]:
        return self.simulator.actions("order")


def fund(simulator: SimulatorProcess, master: Wallet = MASTER, agent: Wallet = AGENT) -> None:
    """The account with its money and its agent."""
    simulator.fund(master.address, "10000")
    simulator.approve_agent(master.address, agent.address)
