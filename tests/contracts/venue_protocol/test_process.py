"""The process: start, stop, kill, restart; replay; listing; the control API; what it refuses to start with."""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt
import psutil
import pytest
from tests.contracts.venue_protocol.conftest import stock_ccxt
from tests.contracts.venue_protocol.test_trading import cloid, price_of, send
from tests.support import children
from tests.support.simulator import SimulatorProcess, make_wallet, simulator

__all__ = ["simulator"]

BTC = "BTC/USDC:USDC"
ALICE, AGENT = make_wallet(1), make_wallet(2)


def _write_candles(folder: Path, coin: str, rows: int) -> None:
    folder.mkdir(exist_ok=True)
    start = datetime(2025, 6, 1, tzinfo=UTC)
    lines = ["timestamp,open,high,low,close,volume"]
    for number in range(rows):
        price = 1000 + number
        lines.append(f"{start + timedelta(minutes=number)},{price},{price + 2},{price - 2},{price + 1},5")
    (folder / f"{coin}-USDT-1m.csv").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_the_account_survives_the_end_of_the_process(tmp_path: Path, how: str) -> None:
    flags = ["--account", f"{ALICE.address}=5000", "--agent", f"{ALICE.address}={AGENT.address}"]
    with SimulatorProcess(tmp_path, flags) as process:
        exchange = stock_ccxt(process, AGENT, ALICE.address)
        exchange.create_order(BTC, "market", "buy", 0.01, price_of(exchange), {"clientOrderId": cloid(1)})
        resting = exchange.create_order(BTC, "limit", "buy", 0.01, round(price_of(exchange) * 0.8))
        nonce = process.actions()[-1]["nonce"]
        before, market_ms = process.ledger(), process.market()["market_ms"]
        status = getattr(process, how)()
        assert status == (0 if how == "stop" else -9)
        dead = process.ledger()
        assert dead["accounts"][ALICE.address]["positions"] == before["accounts"][ALICE.address]["positions"]
        assert dead["orders"] == before["orders"]

        process.start()
        after = process.account(ALICE.address)
        assert (after["cash"], after["positions"]) == (
            before["accounts"][ALICE.address]["cash"],
            before["accounts"][ALICE.address]["positions"],
        )
        assert process.market()["market_ms"] >= market_ms
        assert [order["id"] for order in exchange.fetch_open_orders()] == [resting["id"]]
        assert exchange.fetch_order(cloid(1))["status"] == "closed"
        with pytest.raises(Exception, match="duplicate nonce"):
            send(exchange, {"type": "noop"}, nonce)


def test_market_time_has_no_jump_for_the_time_it_was_away(tmp_path: Path) -> None:
    with SimulatorProcess(tmp_path) as process:
        process.pause()
        before = process.market()["market_ms"]
        process.stop()
        time.sleep(1.5)  # wall time that must not be found again in market time
        began = time.monotonic()
        process.start()
        advance = process.market()["market_ms"] - before
        assert 0 <= advance <= (time.monotonic() - began) * 1000 + 50


def test_a_term_signal_ends_it_within_two_seconds_even_while_a_call_hangs(simulator: SimulatorProcess) -> None:
    simulator.fault("no_answer", match={"type": "exchangeStatus"}, seconds=60)
    exchange = stock_ccxt(simulator)
    exchange.timeout = 200
    with pytest.raises(ccxt.NetworkError):
        exchange.fetch_time()
    before = time.monotonic()
    assert simulator.stop() == 0
    assert time.monotonic() - before < 2


def test_a_new_coin_is_listed_and_traded_while_it_runs(simulator: SimulatorProcess) -> None:
    simulator.fund(ALICE.address, "1000")
    exchange = stock_ccxt(simulator, ALICE)
    exchange.load_markets()
    simulator.list_coin("kPEPE", "0.0123")
    exchange.load_markets(True)
    symbol = "KPEPE/USDC:USDC"
    assert exchange.market(symbol)["baseId"] == "6"
    now = simulator.market()["market_ms"]
    assert len(exchange.fetch_ohlcv(symbol, "1m", now - 600_000, None, {"until": now})) >= 10
    order = exchange.create_order(symbol, "market", "buy", 5000, price_of(exchange, symbol))
    assert exchange.fetch_order(order["id"])["status"] == "closed"
    simulator.restart()
    assert simulator.account(ALICE.address)["positions"]["kPEPE"]["contracts"] == "5000.0"
    with pytest.raises(AssertionError, match="kPEPE is listed already"):
        simulator.list_coin("kPEPE", "1")


def test_a_replay_plays_the_files_at_its_speed_after_its_history(tmp_path: Path) -> None:
    _write_candles(tmp_path / "candles", "BTC", 300)
    _write_candles(tmp_path / "candles", "NEW", 300)
    flags = ["--candles", str(tmp_path / "candles"), "--speed", "60", "--history-bars", "100"]
    with SimulatorProcess(tmp_path / "state", flags) as process:
        exchange = stock_ccxt(process)
        assert set(exchange.load_markets()) == {BTC, "NEW/USDC:USDC"}
        market = process.market()
        assert (market["base_interval"], market["speed"], market["ended"]) == ("1m", 60.0, False)
        start = round(datetime(2025, 6, 1, 1, 40, tzinfo=UTC).timestamp() * 1000)
        assert start <= market["market_ms"] < start + 60 * 60_000
        candles = exchange.fetch_ohlcv(BTC, "1m", start - 100 * 60_000, None, {"until": start - 1})
        assert [candle[1] for candle in candles] == [1000 + number for number in range(100)]
        time_before, book = time.time() * 1000, exchange.fetch_order_book(BTC)
        assert book["timestamp"] < time_before - 86_400_000, "the book tells market time, of 2025"
        assert abs(exchange.fetch_time() - time_before) < 5_000, "the status tells wall time"
        process.set_speed(100_000)
        deadline = time.monotonic() + 10
        while not process.market()["ended"]:
            assert time.monotonic() < deadline, "the replay did not end"
        assert Decimal(process.mark("BTC")) == 1300


def test_the_ledger_is_the_venues_own_and_agrees_with_its_api(simulator: SimulatorProcess) -> None:
    simulator.fund(ALICE.address, "2000")
    simulator.pause()
    exchange = stock_ccxt(simulator, ALICE)
    exchange.create_order(BTC, "market", "sell", 0.05, price_of(exchange))
    simulator.transfer(ALICE.address, "-100")
    mine = simulator.account(ALICE.address)
    state: Any = simulator.info({"type": "clearinghouseState", "user": ALICE.address})
    assert Decimal(mine["account_value"]) == Decimal(state["marginSummary"]["accountValue"])
    assert Decimal(mine["cash"]) + Decimal(mine["unrealised"]) == Decimal(mine["account_value"])
    assert mine["deposited"] == "1900.000000"
    (position,) = state["assetPositions"]
    assert Decimal(mine["positions"]["BTC"]["contracts"]) == Decimal(position["position"]["szi"])


@pytest.mark.parametrize(
    ("path", "body", "text"),
    [
        ("/sim/accounts", {"address": "0x1"}, "expected 0x and 40 hex digits"),
        ("/sim/accounts", {"address": ALICE.address, "deposit_usd": "much"}, "expected a decimal number"),
        ("/sim/transfer", {"address": AGENT.address, "amount_usd": "1"}, "expected one of the accounts"),
        ("/sim/market", {"action": "stop"}, "expected pause, resume"),
        ("/sim/market", {"action": "set_price", "coin": "NOPE", "price": "1"}, "expected one of"),
        ("/sim/market", {"action": "set_speed", "speed": 0}, "above zero"),
        ("/sim/market", {"action": "list_coin", "coin": "NEW", "price": "0"}, "expected 0.0001 to 10000000 USD"),
        ("/sim/market", {"action": "set_price", "coin": "BTC", "price": "1e9"}, "expected 0.0001 to 10000000 USD"),
        ("/sim/faults", {"action": "explode"}, "expected set, list or clear"),
    ],
)
def test_the_control_api_refuses_with_what_it_found_and_expects(
    process: SimulatorProcess, path: str, body: dict[str, Any], text: str
) -> None:
    with pytest.raises(AssertionError, match=f"400.*{text}"):
        process.post(path, body)


def _refused(*flags: str) -> str:
    done = children.run([sys.executable, "-m", "threet.simulator", *flags], timeout=30)
    assert done.returncode == 2
    assert done.stdout == ""
    return done.stderr


def test_a_start_that_cannot_work_says_why_and_ends_with_2(tmp_path: Path, process: SimulatorProcess) -> None:
    assert "held by process" in _refused("--state", str(process.folder))
    assert "found no candle files" in _refused("--state", str(tmp_path / "a"), "--candles", str(tmp_path))
    assert "give another --port" in _refused("--state", str(tmp_path / "b"), "--port", str(process.port))
    assert "expected 0x and 40 hex digits" in _refused("--state", str(tmp_path / "c"), "--account", "0x1=5")
    assert "needs --config" in _refused("--state", str(tmp_path / "d"), "--account", ALICE.address)


def test_it_takes_its_values_from_the_platforms_config(tmp_path: Path) -> None:
    config = Path(__file__).parents[3] / "config.yml"
    with SimulatorProcess(tmp_path, ["--config", str(config), "--speed", "2", "--account", ALICE.address]) as process:
        assert process.market()["speed"] == 2.0
        assert Decimal(process.account(ALICE.address)["cash"]) > 0


def test_a_disk_that_takes_no_more_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "threet.simulator", "--state", str(tmp_path), "--port", "0"]
    with children.start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("simulator ready")
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))  # every file is as large as it may get
        _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert said.splitlines()[-1] == (
        "simulator: the folder of --state cannot be written: File too large; free some space or mend it, then start again: nothing is lost"
    )
    assert "Traceback" not in said


def test_a_state_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    command = [sys.executable, "-m", "threet.simulator", "--state", str(tmp_path / "file" / "state"), "--port", "0"]
    done = children.run(command, timeout=30)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"simulator: {tmp_path}/file/state cannot be written: Not a directory")
    assert "Traceback" not in done.stderr


def test_an_idle_simulator_needs_little_of_a_core(simulator: SimulatorProcess) -> None:
    used = psutil.Process(simulator.pid)
    before = sum(used.cpu_times()[:2])
    began = time.monotonic()
    time.sleep(3)  # the measured span itself
    share = (sum(used.cpu_times()[:2]) - before) / (time.monotonic() - began)
    assert share < 0.03


@pytest.mark.faults
def test_what_was_answered_is_there_after_every_kill(tmp_path: Path) -> None:
    """Orders go in as fast as they are answered; the process is killed somewhere among them, again and again."""
    chance = random.Random(11)
    answered: list[str] = []
    asked = 0
    with SimulatorProcess(tmp_path, ["--account", f"{ALICE.address}=1000000"]) as process:
        for _ in range(8):
            exchange = stock_ccxt(process, ALICE)
            exchange.load_markets()
            killer = threading.Timer(chance.uniform(0.05, 0.6), process.kill)
            killer.start()
            try:
                while True:
                    asked += 1
                    name = cloid(asked)
                    exchange.create_order(BTC, "limit", "buy", 0.001, 50000, {"clientOrderId": name})
                    answered.append(name)
            except ccxt.NetworkError:
                killer.join()
            process.start()
            found = {order["cloid"] for order in process.ledger()["orders"]}
            assert set(answered) <= found
            assert len(found) <= asked
            assert process.account(ALICE.address)["cash"] == "1000000.000000"
    assert len(answered) > 20
