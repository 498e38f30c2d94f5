"""At saturation: all processes ask as fast as they can behind one address, and the venue, which enforces its weights, refuses none (D8)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests.support.simulator import SimulatorProcess, make_wallet
from tests.support.venue_settings import venue_settings

from threet.adapters.clock import SystemClock
from threet.adapters.venue import CcxtAccount, CcxtMarketData, CcxtTrading, Venue
from threet.application.roles import CELERY_WORKER, CELERY_WORKER_RECONCILE
from threet.domain.errors import VenueBusy, VenueError, VenueRefused
from threet.domain.values import symbol
from threet.settings import Settings

BTC = symbol("BTC/USDC:USDC")
MASTER, AGENT = make_wallet(21), make_wallet(22)
GRANTED = 1200


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[SimulatorProcess]:
    with SimulatorProcess(tmp_path / "simulator", ["--weight-per-minute", str(GRANTED), "--free-actions", "10000"]) as simulator:
        simulator.fund(MASTER.address)
        simulator.approve_agent(MASTER.address, AGENT.address)
        yield simulator


class Asker:
    """Asks again and again, whatever the answer, as nothing of ours would; says how often the venue itself refused."""

    def __init__(self, *ways: Callable[[], object]) -> None:
        self._ways = ways
        self.answered = 0
        self.held_back = 0
        self.refused_by_the_venue: list[str] = []

    def ask(self) -> None:
        for way in self._ways:
            try:
                way()
                self.answered += 1
            except VenueRefused:
                self.answered += 1  # the venue has looked: there is no such order
            except VenueBusy as busy:
                if "request_shares_percent" in str(busy):
                    self.held_back += 1
                else:
                    self.refused_by_the_venue.append(str(busy))
            except VenueError as error:
                self.refused_by_the_venue.append(str(error))


def limits_of(simulator: SimulatorProcess) -> dict[str, object]:
    return simulator.get("/sim/limits")


def settings_of(folder: Path, simulator: SimulatorProcess) -> Settings:
    return venue_settings(folder, simulator.url, requests_per_minute=GRANTED)


@pytest.mark.faults
def test_a_minute_at_saturation_shows_no_429_and_the_signer_can_still_cancel(strict, tmp_path):
    settings, clock = settings_of(tmp_path, strict), SystemClock()
    worker, signer = Venue(settings, clock, role=CELERY_WORKER), Venue(settings, clock, role=CELERY_WORKER_RECONCILE)
    market, account = CcxtMarketData(settings, clock, worker), CcxtAccount(settings, clock, MASTER.address, worker)
    cycle, fills = CcxtMarketData(settings, clock, signer), CcxtAccount(settings, clock, MASTER.address, signer)
    trading = CcxtTrading(settings, clock, MASTER.address, AGENT.private_key, tmp_path / "nonce", signer)
    cycle.rules([BTC])
    recent = clock.now() - timedelta(minutes=1)
    askers = [
        Asker(lambda: market.prices([BTC]), account.snapshot),
        Asker(cycle.exchange_time, lambda: fills.fills_since(recent), fills.snapshot),
    ]
    cancelling = Asker(lambda: trading.cancel("0x" + "1" * 32, BTC))
    observers = len(settings.observers.nodes) * float(settings.exchange.share_per_minute("observer"))
    end, asked_for_observers = time.monotonic() + 65, 0.0
    started = time.monotonic()
    try:
        while time.monotonic() < end:
            for asker in askers:
                asker.ask()
            while asked_for_observers + 2 <= (time.monotonic() - started) * observers / 60:
                strict.info({"type": "clearinghouseState", "user": MASTER.address})  # a 429 is an AssertionError
                asked_for_observers += 2
            if int(time.monotonic() - started) > cancelling.answered:  # one a second, in the midst of all this
                cancelling.ask()
            time.sleep(0.01)
    finally:
        trading.close()
    assert all(asker.held_back > 100 for asker in askers), "it was no saturation"
    assert [asker.refused_by_the_venue for asker in [*askers, cancelling]] == [[], [], []]
    assert cancelling.held_back == 0
    assert cancelling.answered >= 60
    seen = limits_of(strict)
    assert seen["refused"] == {}
    assert Decimal(str(seen["peak_weight"])) > GRANTED * Decimal("0.7"), seen


def test_a_venue_that_is_asked_too_much_says_429_and_is_left_alone(tmp_path):
    """The check of the check: with a budget beyond what the venue grants the same asker meets its limit, once."""
    with SimulatorProcess(tmp_path / "simulator", ["--weight-per-minute", "100"]) as simulator:
        settings = settings_of(tmp_path, simulator)
        market = CcxtMarketData(settings, SystemClock(), Venue(settings, SystemClock(), role=CELERY_WORKER))
        asker = Asker(market.exchange_time)
        while not asker.refused_by_the_venue:
            asker.ask()
        for _ in range(50):
            asker.ask()
        assert limits_of(simulator)["refused"] == {"weight": 1}
        assert all("left alone" in text for text in asker.refused_by_the_venue[1:])


def test_an_account_without_actions_left_is_told_so_and_left_alone(tmp_path):
    with SimulatorProcess(tmp_path / "simulator", ["--free-actions", "3"]) as simulator:
        simulator.fund(MASTER.address)
        simulator.approve_agent(MASTER.address, AGENT.address)
        settings = settings_of(tmp_path, simulator)
        venue = Venue(settings, SystemClock())
        trading = CcxtTrading(settings, SystemClock(), MASTER.address, AGENT.private_key, tmp_path / "nonce", venue)
        try:
            for leverage in (2, 3, 4):
                trading.ensure_leverage(BTC, leverage)
            with pytest.raises(VenueBusy, match="Too many cumulative requests sent"):
                trading.ensure_leverage(BTC, 5)
            with pytest.raises(VenueBusy, match="left alone"):
                trading.ensure_leverage(BTC, 5)
            assert limits_of(simulator)["refused"] == {"actions": 1}
            CcxtMarketData(settings, SystemClock(), venue).exchange_time()  # what only reads is another matter
        finally:
            trading.close()
