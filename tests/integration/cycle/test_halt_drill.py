"""I7: no order that can add risk is sent more than one second after the halt file exists, whatever the cycle is in the midst of."""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.support.clocks import AheadClock
from tests.support.cycle import AGENT, BTC, ETH, MASTER, Desk

from threet.adapters.files import write_durably
from threet.adapters.venue import CcxtTrading, nonces
from threet.application.store import OrderRecord
from threet.domain.values import Symbol, symbol

SOL, DOGE = symbol("SOL/USDC:USDC"), symbol("DOGE/USDC:USDC")
ALL: tuple[Symbol, ...] = (BTC, ETH, SOL, DOGE)


class Busy:
    """Cycles without a pause, the votes turning round again and again, so that there is always something to open."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ending = threading.Event()
        self._pool = ThreadPoolExecutor(1)
        self.cycles: list[str] = []
        self._done = self._pool.submit(self._run)

    def _run(self) -> None:
        while not self._ending.is_set():
            side = 8 if len(self.cycles) % 4 < 2 else -8
            self._desk.vote(dict.fromkeys(ALL, side))
            self.cycles.append(self._desk.cycle().status)

    def end(self) -> None:
        """Raises what ended it before."""
        self._ending.set()
        self._done.result(60)
        self._pool.shutdown()


def opening_orders(desk: Desk) -> list[dict[str, Any]]:
    return [action for action in desk.orders_at_the_venue() if not action["action"]["orders"][0]["r"]]


def wait(condition: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.faults
@pytest.mark.parametrize("trouble", ["none", "slow orders", "slow reading", "lost answers"])
@pytest.mark.parametrize("moment", range(3))
def test_nothing_that_adds_risk_arrives_a_second_after_the_halt_file(desk, trouble, moment):
    if trouble == "slow orders":
        desk.simulator.fault("slow", seconds=0.4, match={"path": "exchange"})
    elif trouble == "slow reading":
        desk.simulator.fault("slow", seconds=0.2, match={"path": "info"})
    elif trouble == "lost answers":
        desk.simulator.fault("lost_answer", rate=0.3, seed=moment, match={"path": "exchange", "type": "order"})
    busy = Busy(desk)
    wait(lambda: len(opening_orders(desk)) > moment)  # in the midst of sending: another moment of the cycle each time
    desk.halt.halt("drill", "now")  # the file alone: the database is told nothing
    halted_ms = time.time() * 1000
    before = len(busy.cycles)
    wait(lambda: len(busy.cycles) >= before + 3)
    busy.end()
    late = [action["wall_ms"] - halted_ms for action in opening_orders(desk) if action["wall_ms"] > halted_ms + 1000]
    assert late == []
    assert busy.cycles[-1] == "blocked"
    desk.simulator.clear_faults()
    count = len(desk.orders_at_the_venue())
    desk.halt.resume()
    desk.vote({BTC: 8 if desk.held(BTC) <= 0 else -8})
    wait(lambda: desk.cycle() and len(desk.orders_at_the_venue()) > count)  # the drill itself can fail: without the file it trades on


def test_a_signature_that_took_long_is_not_sent_behind_a_halt_that_came_meanwhile(desk, monkeypatch):
    """The last look at the file comes before the nonce is written, and a disk may take its time with that."""
    desk.trading.close()
    clock = AheadClock()
    trading = CcxtTrading(desk.settings, clock, MASTER.address, AGENT.private_key, desk.settings.state_folder / "nonce", desk.venue)

    def slowly(path: Path, text: str) -> None:
        write_durably(path, text)
        clock.take(1.1)
        if intents(desk):
            desk.halt.halt("drill", "now")

    desk.vote({BTC: 8})
    with monkeypatch.context() as patched, contextlib.closing(trading):
        patched.setattr(nonces, "write_durably", slowly)
        [sent] = desk.cycle(trading=trading).sent
    assert "signing took" in sent.text
    assert desk.orders_at_the_venue() == []
    assert desk.halt.is_halted()


def intents(desk: Desk) -> list[OrderRecord]:
    return desk.store.unsettled_orders()
