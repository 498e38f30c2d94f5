"""Three real observer nodes over a real simulator, read by the reader: what they see, what they refuse to say, how they restart."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests.support import children
from tests.support.observer import SEEDS, ObserverProcess, node_entries, public_key, write_secrets
from tests.support.sequences import MemorySequences
from tests.support.simulator import SimulatorProcess, Wallet, make_wallet
from tests.support.venue_settings import write_config

from threet.adapters.clock import SystemClock
from threet.adapters.observers import HttpObserver
from threet.adapters.venue import CcxtAccount, CcxtMarketData, CcxtTrading, Venue
from threet.application.facts import Observation, OrderRequest
from threet.domain.rounding import limit_price, round_to_lot
from threet.domain.values import Known, MarketRules, Side, Symbol, Unknown
from threet.observer.naming import unified_name
from threet.settings import ObserverNodeSettings, Settings, load_settings

BTC = Symbol("BTC/USDC:USDC")
WAIT_SECONDS = 15


@dataclass
class Watch:
    """A simulator with an account, three nodes that look at it, and what reads them."""

    simulator: SimulatorProcess
    wallet: Wallet
    config: Path
    settings: Settings
    folder: Path
    nodes: dict[str, ObserverProcess]

    def reader(self, name: str) -> HttpObserver:
        entry = ObserverNodeSettings(name=name, url=self.nodes[name].url, public_key=public_key(SEEDS[name]))
        return HttpObserver(entry, self.wallet.address, MemorySequences(), SystemClock(), self.settings)

    def known(self, name: str) -> Observation:
        found = self.reader(name).observe()
        assert isinstance(found, Known), found
        return found.value

    def trade(self, usd: str) -> Decimal:
        """Buys for ``usd``; the contracts held after."""
        clock = SystemClock()
        venue = Venue(self.settings, clock)
        trading = CcxtTrading(self.settings, clock, self.wallet.address, self.wallet.private_key, self.folder / "nonce", venue)
        market = CcxtMarketData(self.settings, clock, venue)
        rules, mark = market.rules([BTC])[BTC], market.prices([BTC])[BTC].mark
        assert isinstance(rules, MarketRules)
        price, size = limit_price(mark, Side.BUY, Decimal(50), rules), round_to_lot(Decimal(usd) / mark, rules.lot)
        cloid = "0x" + os.urandom(16).hex()
        trading.submit(OrderRequest(cloid, BTC, Side.BUY, size, price, False, clock.now() + timedelta(seconds=10)))
        trading.close()
        return CcxtAccount(self.settings, clock, self.wallet.address, venue).snapshot().contracts(BTC)


@pytest.fixture(scope="module")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    folder = tmp_path_factory.mktemp("observers")
    wallet = make_wallet(77)
    with SimulatorProcess(folder / "simulator") as simulator:
        simulator.fund(wallet.address)
        exchange = {"base_url": simulator.url, "requests_per_minute": 1_000_000}
        observers = {"nodes": node_entries({}), "interval_seconds": 0.5, "request_timeout_seconds": 2}
        observers |= {"answer_timeout_seconds": 1.8, "sub_accounts_refresh_seconds": 2, "marks_refresh_seconds": 0.5}
        config = write_config(folder, {"exchange": exchange, "observers": observers})
        nodes = {name: ObserverProcess(name, config, write_secrets(folder, name, wallet.address), folder / name) for name in SEEDS}
        with ExitStack() as running:
            for node in nodes.values():
                running.enter_context(node)
            yield Watch(simulator, wallet, config, load_settings(config), folder, nodes)
            statuses = [node.stop() for node in nodes.values()]
    assert statuses == [0, 0, 0]


@pytest.fixture(autouse=True)
def no_faults(watch: Watch) -> Iterator[None]:
    yield
    watch.simulator.clear_faults()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


def test_three_nodes_see_what_the_ledger_holds(watch: Watch) -> None:
    held = watch.trade("500")
    until(lambda: all(watch.known(name).positions.get(BTC) == held for name in SEEDS))
    assert Decimal(watch.simulator.account(watch.wallet.address)["positions"]["BTC"]["contracts"]) == held
    for name in SEEDS:
        seen = watch.known(name)
        assert seen.observer == name
        assert seen.complete
        assert set(seen.positions) == {BTC}
        assert abs(seen.account_value - Decimal(10000)) < 100
        assert BTC in seen.mark_prices
        assert abs(seen.exchange_time - seen.observed_at) < timedelta(seconds=2)


def test_one_lied_to_observer_differs_from_the_others(watch: Watch) -> None:
    held = watch.trade("100")
    watch.simulator.fault("wrong_sign", match={"source": "3t-observer-b", "type": "clearinghouseState"})
    until(lambda: watch.known("b").positions.get(BTC) == -held)
    until(lambda: [watch.known(name).positions[BTC] for name in ("a", "c")] == [held, held])  # theirs may be older than the trade


@pytest.mark.parametrize("kind", ["http_500", "http_429", "lost_answer"])
def test_a_venue_that_does_not_answer_is_503_with_the_reason_never_an_old_report(watch: Watch, kind: str) -> None:
    watch.simulator.fault(kind, match={"source": "3t-observer-a"})
    until(lambda: watch.nodes["a"].positions()[0] == 503)
    status, body = watch.nodes["a"].positions()
    assert status == 503
    assert "clearinghouseState" in body["error"]
    unknown = watch.reader("a").observe()
    assert isinstance(unknown, Unknown)
    assert "observer a: status 503" in unknown.reason
    status, health = watch.nodes["a"].get("/health")
    assert (status, health["status"], health["observer"]) == (200, "ok", "a")
    assert "clearinghouseState" in health["last_error"]
    assert watch.known("b").complete
    watch.simulator.clear_faults()
    until(lambda: watch.nodes["a"].positions()[0] == 200)


def test_a_venue_that_hangs_is_503_before_the_reader_gives_up(watch: Watch) -> None:
    watch.simulator.fault("no_answer", match={"source": "3t-observer-c"}, seconds=10)
    until(lambda: watch.nodes["c"].positions()[0] == 503)
    started = time.monotonic()
    assert watch.nodes["c"].get("/health")[0] == 200
    assert time.monotonic() - started < 1


def test_a_sub_accounts_position_counts_and_one_that_cannot_be_read_makes_the_report_incomplete(watch: Watch) -> None:
    sub = make_wallet(4711).address
    watch.simulator.post("/sim/accounts", {"address": sub, "deposit_usd": "1000", "master": watch.wallet.address})
    watch.simulator.fault("slow", match={"source": "3t-observer-a", "user": sub}, seconds=0.01)
    until(lambda: any(fault["hits"] for fault in watch.simulator.get("/sim/faults")["faults"]))  # it has found the sub-account
    assert watch.known("a").complete
    watch.simulator.fault("http_500", match={"source": "3t-observer-a", "user": sub})
    until(lambda: not watch.known("a").complete)
    assert watch.known("b").complete
    watch.simulator.clear_faults()
    until(lambda: watch.known("a").complete)


def test_sequences_rise_over_kill_and_restart(watch: Watch) -> None:
    node = watch.nodes["c"]
    before = [node.positions()[1]["sequence"] for _ in range(5)]
    assert before == sorted(set(before))
    node.stop(signal.SIGKILL)
    node.start()
    until(lambda: node.positions()[0] == 200)
    assert node.positions()[1]["sequence"] > before[-1]


@pytest.mark.parametrize("path", ["/v1/positions", "/v1/positions?nonce=short", "/v1/positions?nonce=" + "x" * 200])
def test_a_question_without_a_proper_nonce_is_refused(watch: Watch, path: str) -> None:
    status, body = watch.nodes["a"].get(path)
    assert status == 400
    assert "nonce" in body["error"]


def test_a_node_that_waits_uses_next_to_no_processor(watch: Watch) -> None:
    pid = watch.nodes["b"].process.pid

    def used() -> float:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    assert watch.nodes["b"].get("/health")[1]["reading_age_seconds"] is not None
    first = used()
    started = time.monotonic()
    until(lambda: time.monotonic() - started > 3)
    share = (used() - first) / (time.monotonic() - started)
    assert share < 0.04  # four readings a time-span of the default's one: at the default interval below 1 %


def start_in_vain(watch: Watch, name: str, state: str) -> str:
    """What a node with observer a's secrets writes when it cannot start."""
    command = [sys.executable, "-m", "threet.observer", "--config", str(watch.config), "--secrets", str(watch.folder / "secrets-a.yml")]
    command += ["--name", name, "--port", "0", "--state", str(watch.folder / state)]
    done = children.run(command, timeout=60)
    assert done.returncode == 2
    assert done.stdout == ""
    return done.stderr


def test_a_second_node_of_the_same_name_refuses_to_start(watch: Watch) -> None:
    assert "another node with this name" in start_in_vain(watch, "a", "a")


@pytest.mark.parametrize(("name", "text"), [("z", "expected --name to be one of a, b, c, was 'z'"), ("b", "observers.b.private_key")])
def test_a_start_that_cannot_work_says_why(watch: Watch, name: str, text: str) -> None:
    assert text in start_in_vain(watch, name, "x")


def test_its_names_are_those_that_the_trader_uses(watch: Watch) -> None:
    catalogue = Venue(watch.settings, SystemClock()).catalogue
    coins = ["BTC", "ETH", "kPEPE", "kSHIB", "HYPE", "0G", "2Z", "BSV", "USUAL", "XBT", "BCHSV", "xyz:GOLD", "flx:CRCL", "PURR", "S", "IO"]
    assert [unified_name(coin) for coin in coins] == [catalogue.symbol_of(coin) for coin in coins]
