"""What closes is sent although nothing else may be: the signer's reserve, on a clock that stands still (D8)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests.support.clocks import ManualClock
from tests.support.cycle import AGENT, BTC, MASTER
from tests.support.machine.in_process import URL, InProcessSimulator, InProcessTransport
from tests.support.machine.world import START
from tests.support.venue_settings import venue_settings

from threet.adapters.venue import CcxtMarketData, CcxtTrading
from threet.adapters.venue.venue import Venue
from threet.application.facts import OrderRequest
from threet.domain.errors import VenueBusy, VenueRefused
from threet.domain.values import OrderState, Side


def request(number: int, side: Side, clock: ManualClock, *, reduce_only: bool) -> OrderRequest:
    price = Decimal(120_000) if side is Side.BUY else Decimal(90_000)
    return OrderRequest(f"0x{number:032x}", BTC, side, Decimal("0.01"), price, reduce_only, clock.now() + timedelta(seconds=8))


def use_up(ask: Callable[[], object]) -> None:
    """Asks until our own limit holds it back."""
    with suppress(VenueBusy):
        for _ in range(10_000):
            ask()
        raise AssertionError("nothing ever held it back")


def test_with_the_share_used_up_reductions_and_cancels_still_leave_and_nothing_else_does(tmp_path: Path) -> None:
    clock = ManualClock(START)
    simulator = InProcessSimulator(tmp_path / "simulator", clock)
    simulator.fund(MASTER.address)
    simulator.approve_agent(MASTER.address, AGENT.address)
    settings = venue_settings(tmp_path, URL, requests_per_minute=1200)
    venue = Venue(settings, clock)
    venue.connection.client.session.mount("http://", InProcessTransport(simulator, lambda body, send: send()))
    market, trading = (
        CcxtMarketData(settings, clock, venue),
        CcxtTrading(settings, clock, MASTER.address, AGENT.private_key, tmp_path / "n", venue),
    )
    try:
        market.rules([BTC])
        assert trading.submit(request(1, Side.BUY, clock, reduce_only=False)).state is OrderState.FILLED
        use_up(market.exchange_time)
        use_up(lambda: trading.ensure_leverage(BTC, 2 + len(simulator.actions("updateLeverage")) % 2))
        with pytest.raises(VenueBusy, match="our own limit"):
            trading.submit(request(2, Side.BUY, clock, reduce_only=False))
        assert trading.submit(request(3, Side.SELL, clock, reduce_only=True)).state is OrderState.FILLED
        with pytest.raises(VenueRefused, match="never placed"):
            trading.cancel(f"0x{4:032x}", BTC)
        sent = [(action["type"], action["action"]["orders"][0]["r"]) for action in simulator.actions("order")]
        assert sent == [("order", False), ("order", True)]
    finally:
        trading.close()
        simulator.close()
