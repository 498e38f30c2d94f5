"""The account's reading side through ccxt against the simulator."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.contracts.venue_adapter.conftest import BTC, ETH, Desk

from threet.adapters.venue import account as account_module
from threet.application.facts import AccountSnapshot, Fill
from threet.domain.errors import VenueBusy, VenueError
from threet.domain.values import Side


def test_a_snapshot_is_the_whole_account_at_the_venues_wall_time(desk: Desk) -> None:
    empty = desk.account.snapshot()
    assert (empty.account, empty.account_value, empty.positions) == (desk.master.address, Decimal(10000), ())
    desk.trading.submit(desk.request(usd="1000"))
    desk.trading.submit(desk.request(Side.SELL, usd="700", symbol=ETH))
    snapshot = desk.account.snapshot()
    ledger = desk.simulator.account(desk.master.address)["positions"]
    assert {position.symbol: str(position.contracts.normalize()) for position in snapshot.positions} == {
        BTC: str(Decimal(ledger["BTC"]["contracts"]).normalize()),
        ETH: str(Decimal(ledger["ETH"]["contracts"]).normalize()),
    }
    assert snapshot.contracts(ETH) < 0 < snapshot.contracts(BTC)
    assert snapshot.margin_used > 0
    assert abs(snapshot.exchange_time - desk.clock.now()) < timedelta(seconds=5)


def test_a_closed_position_is_gone(desk: Desk) -> None:
    request = desk.request()
    desk.trading.submit(request)
    desk.trading.submit(desk.request(Side.SELL, contracts=request.contracts, reduce_only=True))
    assert desk.account.snapshot().positions == ()
    sides = [(fill.side, fill.contracts) for fill in desk.account.fills_since(desk.clock.now() - timedelta(seconds=30))]
    assert sum(contracts * side.sign for side, contracts in sides) == 0
    assert sides


@pytest.mark.parametrize(
    "missing", [("marginSummary",), ("withdrawable",), ("time",), ("assetPositions",), ("marginSummary", "accountValue")]
)
def test_a_missing_field_is_no_answer(desk: Desk, missing: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = desk.venue.connection.info({"type": "clearinghouseState", "user": desk.master.address}, 2)
    broken: dict[str, Any] = whole
    for key in missing[:-1]:
        broken = broken[key]
    del broken[missing[-1]]
    monkeypatch.setattr(desk.venue.connection, "info", lambda request, weight: whole)
    with pytest.raises(VenueError, match=missing[-1]):
        desk.account.snapshot()


@pytest.mark.parametrize("kind", ["http_500", "http_429", "no_answer"])
def test_a_failed_read_is_an_error_not_a_flat_account(desk: Desk, kind: str) -> None:
    desk.simulator.fault(kind, match={"user": desk.master.address}, seconds=4)
    calls = (desk.account.snapshot, desk.account.open_orders, lambda: desk.account.fills_since(desk.clock.now()))
    for call in calls[: 1 if kind == "no_answer" else None]:  # each of these takes the whole time-out
        with pytest.raises(VenueError):
            call()
    if kind != "no_answer":
        with pytest.raises(VenueError):
            desk.account.order("0x" + "1" * 32, BTC)


def test_an_id_that_the_venue_never_saw_is_none(desk: Desk) -> None:
    assert desk.account.order("0x" + "ab" * 16, BTC) is None


def test_a_look_up_under_another_symbol_is_an_error(desk: Desk) -> None:
    request = desk.request()
    desk.trading.submit(request)
    with pytest.raises(VenueError, match="ETH"):
        desk.account.order(request.client_order_id, ETH)


def test_fills_come_whole_over_many_pages(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    started = desk.clock.now() - timedelta(seconds=1)
    requests = [desk.request(side, usd="50") for side in (Side.BUY, Side.SELL) * 6]
    for request in requests:
        desk.trading.submit(request)
    whole = desk.account.fills_since(started)
    assert {fill.client_order_id for fill in whole} == {request.client_order_id for request in requests}
    ask = desk.venue.connection.info
    monkeypatch.setattr(account_module, "FILLS_PER_PAGE", 4)
    monkeypatch.setattr(desk.venue.connection, "info", lambda request, weight: ask(request, weight)[:4])
    assert desk.account.fills_since(started) == whole


def test_fills_that_cost_more_than_may_be_asked_at_once_come_whole_after_some_looks(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after the restore of an old backup. Each look begins where the one before had to end, or none would ever be done."""
    started = desk.clock.now() - timedelta(seconds=1)
    for side in (Side.BUY, Side.SELL) * 6:
        desk.trading.submit(desk.request(side, usd="50"))
    whole = desk.account.fills_since(started)
    ask, granted = desk.venue.connection.info, [0]

    def stingy(request: dict[str, Any], weight: float) -> Any:
        if request["type"] != "userFillsByTime":
            return ask(request, weight)
        if granted[0] == 0:
            raise VenueBusy("our own limit is used up", 1.0)
        granted[0] -= 1
        return ask(request, weight)[:4]

    monkeypatch.setattr(account_module, "FILLS_PER_PAGE", 4)
    monkeypatch.setattr(desk.venue.connection, "info", stingy)
    found: list[Fill] = []
    looks = 0
    while not found and looks < 100:
        granted[0], looks = 2, looks + 1
        with suppress(VenueBusy):
            found = desk.account.fills_since(started)
    assert (found, looks > 2) == (whole, True)
    desk.trading.submit(desk.request(usd="50"))
    granted[0] = 100
    assert len(desk.account.fills_since(started)) > len(whole), "the next look is a new one"


def test_a_fill_of_the_future_is_no_answer(desk: Desk) -> None:
    """Later ones are asked for from the newest that is known: one of next year would hide all of this year."""
    desk.trading.submit(desk.request())
    start = desk.clock.now() - timedelta(minutes=1)
    fault = desk.simulator.fault("skewed_clock", match={"type": "userFillsByTime", "user": desk.master.address}, seconds=60)
    with pytest.raises(VenueError, match="a time that has been"):
        desk.account.fills_since(start)
    assert desk.simulator.hits(fault) == 1
    desk.simulator.clear_faults()
    assert desk.account.fills_since(start)


def test_fills_start_at_the_time_asked_for(desk: Desk) -> None:
    desk.trading.submit(desk.request())
    first = desk.account.fills_since(desk.clock.now() - timedelta(minutes=1))[-1]
    assert first in desk.account.fills_since(first.exchange_time)
    assert desk.account.fills_since(first.exchange_time + timedelta(milliseconds=1)) == []


def test_a_liquidation_is_marked(desk: Desk) -> None:
    desk.simulator.transfer(desk.master.address, "-8900")
    desk.trading.ensure_leverage(BTC, 20)
    desk.trading.submit(desk.request(usd="15000"))
    mark = Decimal(desk.simulator.mark("BTC"))
    try:
        desk.simulator.set_price("BTC", str((mark * Decimal("0.9")).quantize(Decimal(1))))
        snapshot = _until_flat(desk)
    finally:
        desk.simulator.set_price("BTC", str(mark))
    assert snapshot.positions == ()
    fills = desk.account.fills_since(desk.clock.now() - timedelta(minutes=1))
    assert [fill.is_liquidation for fill in fills][-1]
    assert not fills[0].is_liquidation


def _until_flat(desk: Desk) -> AccountSnapshot:
    deadline = desk.clock.monotonic() + 10
    while (snapshot := desk.account.snapshot()).positions and desk.clock.monotonic() < deadline:
        pass
    return snapshot


def test_transfers_are_signed_and_start_at_the_time_asked_for(desk: Desk) -> None:
    start = desk.market.exchange_time()
    desk.simulator.transfer(desk.master.address, "250.5")
    desk.simulator.transfer(desk.master.address, "-100")
    came, went = desk.account.transfers_since(start)
    assert [came.usd, went.usd] == [Decimal("250.5"), Decimal(-100)]
    assert start <= came.at <= went.at
    assert came.transfer_id != went.transfer_id
    assert desk.account.transfers_since(went.at + timedelta(milliseconds=1)) == []


@pytest.mark.parametrize("kind", ["http_500", "http_429"])
def test_transfers_that_could_not_be_read_are_an_error_and_not_none(desk: Desk, kind: str) -> None:
    desk.simulator.fault(kind, match={"path": "info", "type": "userNonFundingLedgerUpdates"})
    with pytest.raises(VenueError):
        desk.account.transfers_since(desk.clock.now())
