"""Each fault, as the unmodified ccxt class sees it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import ccxt
import pytest
from tests.contracts.venue_protocol.conftest import stock_ccxt
from tests.contracts.venue_protocol.test_trading import cloid, price_of
from tests.support.simulator import SimulatorProcess, Wallet

BTC, ETH = "BTC/USDC:USDC", "ETH/USDC:USDC"


@pytest.fixture(autouse=True)
def no_faults_left(process: SimulatorProcess) -> Iterator[None]:
    yield
    process.clear_faults()


@pytest.fixture
def holder(exchange: Any) -> Any:
    """ccxt of an account with two positions."""
    exchange.create_order(BTC, "market", "buy", 0.01, price_of(exchange))
    exchange.create_order(ETH, "market", "sell", 0.5, price_of(exchange, ETH))
    return exchange


def contracts(exchange: Any) -> dict[str, float]:
    return {each["symbol"]: each["contracts"] * (1 if each["side"] == "long" else -1) for each in exchange.fetch_positions()}


def test_slow_answers_late(holder: Any, process: SimulatorProcess) -> None:
    process.fault("slow", match={"type": "clearinghouseState"}, count=1, seconds=0.4)
    before = time.monotonic()
    assert len(holder.fetch_positions()) == 2
    assert time.monotonic() - before >= 0.4


def test_no_answer_ends_in_the_clients_time_out_and_does_nothing(holder: Any, process: SimulatorProcess) -> None:
    process.fault("no_answer", match={"type": "order"}, count=1, seconds=3)
    holder.timeout = 300
    with pytest.raises(ccxt.RequestTimeout):
        holder.create_order(BTC, "market", "buy", 0.01, 100_000, {"clientOrderId": cloid(1)})
    holder.timeout = 10_000
    with pytest.raises(ccxt.OrderNotFound):
        holder.fetch_order(cloid(1))


def test_a_lost_answer_is_a_network_error_and_the_order_was_executed(holder: Any, process: SimulatorProcess) -> None:
    price = price_of(holder)
    process.fault("lost_answer", match={"path": "exchange", "type": "order"}, count=1)
    with pytest.raises(ccxt.NetworkError):
        holder.create_order(BTC, "market", "buy", 0.02, price, {"clientOrderId": cloid(2)})
    assert holder.fetch_order(cloid(2))["status"] == "closed"
    assert contracts(holder)[BTC] == 0.03


@pytest.mark.parametrize(("kind", "error"), [("http_429", ccxt.RateLimitExceeded), ("http_500", ccxt.ExchangeNotAvailable)])
def test_a_status_is_refused_and_nothing_was_executed(holder: Any, process: SimulatorProcess, kind: str, error: type[Exception]) -> None:
    price = price_of(holder)
    process.fault(kind, match={"path": "exchange"}, count=1)
    with pytest.raises(error):
        holder.create_order(BTC, "market", "buy", 0.02, price, {"clientOrderId": cloid(3)})
    with pytest.raises(ccxt.OrderNotFound):
        holder.fetch_order(cloid(3))


def test_an_empty_list_looks_flat(holder: Any, process: SimulatorProcess) -> None:
    process.fault("empty_list", match={"type": "clearinghouseState"}, count=1)
    assert holder.fetch_positions() == []
    assert len(holder.fetch_positions()) == 2


def test_a_partial_list_misses_positions(holder: Any, process: SimulatorProcess) -> None:
    process.fault("partial_list", match={"type": "clearinghouseState"}, count=1)
    assert len(holder.fetch_positions()) < 2


def test_stale_positions_keep_their_old_time(holder: Any, process: SimulatorProcess, wallet: Wallet) -> None:
    before = contracts(holder)
    process.fault("stale_positions", match={"user": wallet.address})
    set_at = time.time() * 1000
    holder.create_order(BTC, "market", "sell", 0.01, price_of(holder), {"reduceOnly": True})
    assert contracts(holder) == before
    assert holder.fetch_balance({"enableUnifiedMargin": False})["timestamp"] <= set_at
    process.clear_faults()
    assert BTC not in contracts(holder)


def test_a_wrong_sign_turns_the_positions(holder: Any, process: SimulatorProcess) -> None:
    process.fault("wrong_sign", count=1)
    assert contracts(holder) == {BTC: -0.01, ETH: 0.5}


def test_a_skewed_clock_moves_the_answers_time(holder: Any, process: SimulatorProcess) -> None:
    process.fault("skewed_clock", match={"type": "exchangeStatus"}, seconds=-90, count=1)
    assert holder.fetch_time() == pytest.approx(time.time() * 1000 - 90_000, abs=5_000)
    assert holder.fetch_time() == pytest.approx(time.time() * 1000, abs=5_000)


def test_a_fault_can_meet_one_reader_and_leave_the_others_alone(process: SimulatorProcess, wallet: Wallet, holder: Any) -> None:
    liar = stock_ccxt(process, wallet)
    liar.userAgent = "observer-b/1.0"
    liar.load_markets()
    process.fault("empty_list", match={"source": "observer-b", "type": "clearinghouseState"})
    assert liar.fetch_positions() == []
    assert len(holder.fetch_positions()) == 2


def test_faults_are_listed_with_their_hits_and_cleared(process: SimulatorProcess, holder: Any) -> None:
    number = process.fault("slow", seconds=0, match={"type": "exchangeStatus"}, count=5)
    holder.fetch_time()
    (listed,) = process.get("/sim/faults")["faults"]
    assert (listed["id"], listed["hits"], listed["left"]) == (number, 1, 4)
    process.post("/sim/faults", {"action": "clear", "id": number})
    assert process.get("/sim/faults")["faults"] == []


def test_a_fault_that_makes_no_sense_is_refused(process: SimulatorProcess) -> None:
    with pytest.raises(AssertionError, match=r"400.*kind: found 'explode'"):
        process.fault("explode")
