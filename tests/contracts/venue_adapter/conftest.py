"""One simulator for a module, and the three adapters over it. Each test has an account of its own."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.support.clocks import AheadClock
from tests.support.simulator import SimulatorProcess, Wallet, make_wallet
from tests.support.venue_settings import venue_settings

from threet.adapters.venue import CcxtAccount, CcxtMarketData, CcxtTrading, Venue
from threet.application.facts import OrderRequest
from threet.domain.rounding import limit_price, round_to_lot
from threet.domain.values import MarketRules, Side, Symbol
from threet.settings import Settings

BTC = Symbol("BTC/USDC:USDC")
ETH = Symbol("ETH/USDC:USDC")

_numbers = itertools.count(1)


@dataclass
class Desk:
    """An account with money, its agent, and the adapters that act for it."""

    simulator: SimulatorProcess
    settings: Settings
    master: Wallet
    agent: Wallet
    folder: Path

    def __post_init__(self) -> None:
        self.clock = AheadClock()
        self.venue = Venue(self.settings, self.clock)
        self.market = CcxtMarketData(self.settings, self.clock, self.venue)
        self.account = CcxtAccount(self.settings, self.clock, self.master.address, self.venue)
        self.trading = CcxtTrading(
            self.settings, self.clock, self.master.address, self.agent.private_key, self.folder / "nonce", self.venue
        )

    def rules(self, symbol: Symbol = BTC) -> MarketRules:
        rules = self.market.rules([symbol])[symbol]
        assert isinstance(rules, MarketRules)
        return rules

    def request(self, side: Side = Side.BUY, usd: str = "500", symbol: Symbol = BTC, **changes: Any) -> OrderRequest:
        """An order that fills: about ``usd`` at half a percent beyond the mark."""
        mark, rules = self.market.prices([symbol])[symbol].mark, self.rules(symbol)
        values: dict[str, Any] = {
            "client_order_id": "0x" + uuid.uuid4().hex,
            "symbol": symbol,
            "side": side,
            "contracts": round_to_lot(Decimal(usd) / mark, rules.lot),
            "limit_price": limit_price(mark, side, Decimal(50), rules),
            "reduce_only": False,
            "expires_at": self.clock.now() + timedelta(seconds=10),
        }
        return OrderRequest(**{**values, **changes})

    def actions(self, kind: str | None = None) -> list[dict[str, Any]]:
        """What the venue logged of this desk's signed actions."""
        return [action for action in self.simulator.actions(kind) if action["signer"] in (self.agent.address, self.master.address)]


@pytest.fixture(scope="module")
def venue_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    with SimulatorProcess(tmp_path_factory.mktemp("venue") / "simulator") as process:
        yield process


@pytest.fixture
def desk(venue_process: SimulatorProcess, tmp_path: Path) -> Iterator[Desk]:
    master, agent = make_wallet(1000 + next(_numbers)), make_wallet(5000 + next(_numbers))
    venue_process.clear_faults()
    venue_process.fund(master.address)
    venue_process.approve_agent(master.address, agent.address)
    made = Desk(venue_process, venue_settings(tmp_path, venue_process.url), master, agent, tmp_path)
    yield made
    made.trading.close()
    venue_process.clear_faults()
