"""One simulator process per test module, and the unmodified ccxt class pointed at it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ccxt
import pytest
from tests.support.simulator import SimulatorProcess, Wallet, make_wallet


def stock_ccxt(process: SimulatorProcess, wallet: Wallet | None = None, address: str | None = None) -> Any:
    """ccxt's own class; only the URLs differ. `address` is the master where the wallet is an agent."""
    settings: dict[str, Any] = {"enableRateLimit": False, "timeout": 10_000}
    if wallet is not None:
        settings |= {"walletAddress": address or wallet.address, "privateKey": wallet.private_key}
    exchange = ccxt.hyperliquid(settings)
    exchange.urls["api"] = {"public": process.url, "private": process.url}
    return exchange


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    """Shared by the tests of a module; each takes a wallet of its own."""
    with SimulatorProcess(tmp_path_factory.mktemp("simulator"), ["--seed", "3"]) as running:
        yield running


_wallet_numbers = iter(range(1000, 10**9))


@pytest.fixture
def wallet(process: SimulatorProcess) -> Wallet:
    """A fresh address with 10,000 USD."""
    fresh = make_wallet(next(_wallet_numbers))
    process.fund(fresh.address, "10000")
    return fresh


@pytest.fixture
def exchange(process: SimulatorProcess, wallet: Wallet) -> Any:
    """ccxt as the owner of `wallet`."""
    return stock_ccxt(process, wallet)
