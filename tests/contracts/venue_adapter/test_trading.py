"""Orders through ccxt against the simulator: what is sent, what is answered, what an answer means."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.contracts.venue_adapter.conftest import BTC, Desk

from threet.adapters.venue import CcxtTrading, SignerLocked, Venue
from threet.adapters.venue.errors import RETRY_SECONDS
from threet.adapters.venue.reading import to_ms
from threet.domain.errors import VenueBusy, VenueRefused, VenueSilent
from threet.domain.values import OrderState, Side, Symbol


def test_an_order_fills_and_every_view_of_it_agrees(desk: Desk) -> None:
    request = desk.request()
    before = desk.clock.now()
    answer = desk.trading.submit(request)
    assert answer.state is OrderState.FILLED
    assert answer.filled_contracts == request.contracts
    snapshot = desk.account.snapshot()
    assert snapshot.contracts(BTC) == request.contracts
    assert Decimal(desk.simulator.account(desk.master.address)["positions"]["BTC"]["contracts"]) == request.contracts
    looked_up = desk.account.order(request.client_order_id, BTC)
    assert looked_up is not None
    assert (looked_up.state, looked_up.filled_contracts, looked_up.exchange_order_id) == (
        OrderState.FILLED,
        request.contracts,
        answer.exchange_order_id,
    )
    fills = desk.account.fills_since(before - timedelta(seconds=1))
    assert {fill.client_order_id for fill in fills} == {request.client_order_id}
    assert sum(fill.contracts for fill in fills) == request.contracts
    assert not any(fill.is_liquidation for fill in fills)


def test_every_order_carries_its_expiry_and_nothing_that_we_did_not_ask_for(desk: Desk) -> None:
    desk.trading.ensure_leverage(BTC, 3)
    request = desk.request()
    desk.trading.submit(request)
    desk.trading.submit(desk.request(Side.SELL, contracts=request.contracts, reduce_only=True))
    assert {action["type"] for action in desk.actions()} == {"updateLeverage", "order"}
    orders = desk.actions("order")
    assert len(orders) == 2
    assert orders[0]["expires_after"] == to_ms(request.expires_at)
    for order in orders:
        assert set(order["action"]) == {"type", "orders", "grouping"}
        assert order["expires_after"] > 0
        assert order["signer"] == desk.agent.address
        assert [wire["t"] for wire in order["action"]["orders"]] == [{"limit": {"tif": "Ioc"}}]
    assert "builder" not in json.dumps(desk.actions())


def test_reading_markets_and_balance_signs_nothing(desk: Desk) -> None:
    desk.market.prices([BTC])
    desk.account.snapshot()
    assert desk.actions() == []


def test_leverage_is_set_once_per_value(desk: Desk) -> None:
    for leverage in (3, 3, 5):
        desk.trading.ensure_leverage(BTC, leverage)
    assert [action["action"]["leverage"] for action in desk.actions("updateLeverage")] == [3, 5]
    with pytest.raises(VenueRefused, match="leverage"):
        desk.trading.ensure_leverage(BTC, 1000)


def test_a_size_or_price_off_the_grid_is_refused_unsent(desk: Desk) -> None:
    request = desk.request()
    rules = desk.rules()
    for wrong in (
        replace(request, contracts=request.contracts + rules.lot / 2),
        replace(request, limit_price=request.limit_price + Decimal("0.0001")),
    ):
        with pytest.raises(VenueRefused, match="not on the venue's grid"):
            desk.trading.submit(wrong)
    assert desk.actions("order") == []


def test_an_expired_order_is_not_sent(desk: Desk) -> None:
    with pytest.raises(VenueRefused, match="expired"):
        desk.trading.submit(desk.request(expires_at=desk.clock.now() - timedelta(milliseconds=1)))
    assert desk.actions("order") == []


def test_the_venue_itself_refuses_what_arrives_after_its_expiry(desk: Desk) -> None:
    request = desk.request()
    sleepy = replace(request, expires_at=desk.clock.now() - timedelta(seconds=5))
    signed = desk.trading._signed_order(sleepy)
    with pytest.raises((VenueRefused, VenueSilent)):
        desk.venue.connection.send(desk.trading._client, signed, "order", urgent=False)
    assert desk.account.snapshot().positions == ()
    assert desk.account.order(sleepy.client_order_id, BTC) is None


def test_an_unlisted_symbol_is_refused_unsent(desk: Desk) -> None:
    with pytest.raises(VenueRefused, match="not listed"):
        desk.trading.submit(replace(desk.request(), symbol=Symbol("NOPE/USDC:USDC")))
    assert desk.actions("order") == []


@pytest.mark.parametrize(
    ("side", "usd", "changes", "text"),
    [
        (Side.BUY, "1000000", {}, "Insufficient margin"),
        (Side.BUY, "6", {}, "minimum value"),
        (Side.SELL, "500", {"reduce_only": True}, "Reduce only order would increase position"),
    ],
)
def test_what_the_venue_refuses_by_name_did_not_happen(desk: Desk, side: Side, usd: str, changes: dict[str, Any], text: str) -> None:
    with pytest.raises(VenueRefused, match=text):
        desk.trading.submit(desk.request(side, usd, **changes))
    assert desk.account.snapshot().positions == ()


def test_an_order_that_meets_nobody_is_rejected_not_an_error(desk: Desk) -> None:
    request = desk.request()
    rules = desk.rules()
    far = (request.limit_price * Decimal("0.9")).quantize(Decimal(1))
    answer = desk.trading.submit(replace(request, limit_price=far))
    assert rules.price_significant_digits == 5
    assert (answer.state, answer.filled_contracts) == (OrderState.REJECTED, Decimal(0))
    looked_up = desk.account.order(request.client_order_id, BTC)
    assert looked_up is not None
    assert looked_up.state is OrderState.REJECTED


def test_an_order_larger_than_the_book_is_partly_filled_and_done(desk: Desk) -> None:
    desk.simulator.transfer(desk.master.address, "5000000")
    request = desk.request(usd="2000000")
    answer = desk.trading.submit(request)
    assert answer.state is OrderState.CANCELLED
    assert 0 < answer.filled_contracts < request.contracts
    looked_up = desk.account.order(request.client_order_id, BTC)
    assert looked_up is not None
    assert (looked_up.state, looked_up.filled_contracts) == (OrderState.CANCELLED, answer.filled_contracts)


def test_a_lost_answer_is_silent_and_the_order_is_found_by_its_id(desk: Desk) -> None:
    request = desk.request()
    desk.simulator.fault("lost_answer", match={"path": "exchange", "user": desk.master.address}, count=1)
    with pytest.raises(VenueSilent):
        desk.trading.submit(request)
    found = desk.account.order(request.client_order_id, BTC)
    assert found is not None
    assert (found.state, found.filled_contracts) == (OrderState.FILLED, request.contracts)
    assert len(desk.actions("order")) == 1


@pytest.mark.parametrize(("kind", "expected"), [("http_429", VenueBusy), ("http_500", VenueSilent)])
def test_a_status_tells_what_is_known(desk: Desk, kind: str, expected: type[Exception]) -> None:
    request = desk.request()
    desk.simulator.fault(kind, match={"path": "exchange", "user": desk.master.address}, count=1)
    with pytest.raises(expected):
        desk.trading.submit(request)
    desk.clock.take(RETRY_SECONDS)
    assert desk.account.order(request.client_order_id, BTC) is None


def test_no_answer_in_time_is_silent(desk: Desk) -> None:
    request = desk.request()
    desk.simulator.fault("no_answer", match={"path": "exchange", "user": desk.master.address}, count=1, seconds=5)
    with pytest.raises(VenueSilent):
        desk.trading.submit(request)


def test_a_venue_that_is_not_there_got_nothing(desk: Desk) -> None:
    request = desk.request()
    desk.simulator.stop()
    try:
        with pytest.raises(VenueBusy, match="no connection"):
            desk.trading.submit(request)
    finally:
        desk.simulator.start()
    assert desk.account.order(request.client_order_id, BTC) is None


def test_the_same_client_order_id_never_trades_twice_and_is_not_called_refused(desk: Desk) -> None:
    request = desk.request()
    desk.trading.submit(request)
    with pytest.raises(VenueSilent):
        desk.trading.submit(request)
    assert desk.account.snapshot().contracts(BTC) == request.contracts


def test_an_unapproved_agent_is_refused(desk: Desk) -> None:
    desk.trading.close()
    stranger = "0x" + "12" * 32
    trading = CcxtTrading(desk.settings, desk.clock, desk.master.address, stranger, desk.folder / "other", desk.venue)
    with pytest.raises(VenueRefused, match="does not exist"):
        trading.submit(desk.request())
    trading.close()


def test_cancelling_what_does_not_rest_is_refused(desk: Desk) -> None:
    request = desk.request()
    desk.trading.submit(request)
    with pytest.raises(VenueRefused, match="never placed, already canceled, or filled"):
        desk.trading.cancel(request.client_order_id, BTC)


def test_a_resting_order_is_seen_and_cancelled_by_its_id(desk: Desk) -> None:
    request = desk.request()
    resting = replace(request, limit_price=(request.limit_price * Decimal("0.9")).quantize(Decimal(1)))
    desk.trading._listed(BTC)
    desk.trading._client.create_order(
        BTC, "limit", "buy", str(resting.contracts), str(resting.limit_price), {"clientOrderId": request.client_order_id}
    )
    [order] = desk.account.open_orders()
    assert (order.client_order_id, order.symbol, order.side, order.remaining_contracts, order.reduce_only) == (
        request.client_order_id,
        BTC,
        Side.BUY,
        request.contracts,
        False,
    )
    accepted = desk.account.order(request.client_order_id, BTC)
    assert accepted is not None
    assert accepted.state is OrderState.ACCEPTED
    desk.trading.cancel(request.client_order_id, BTC)
    assert desk.account.open_orders() == []
    cancelled = desk.account.order(request.client_order_id, BTC)
    assert cancelled is not None
    assert (cancelled.state, cancelled.filled_contracts) == (OrderState.CANCELLED, Decimal(0))


def test_one_signer_and_nonces_that_rise_over_restarts(desk: Desk) -> None:
    desk.trading.submit(desk.request())
    with pytest.raises(SignerLocked, match="signs already"):
        CcxtTrading(desk.settings, desk.clock, desk.master.address, desk.agent.private_key, desk.folder / "nonce")
    desk.trading.close()
    again = CcxtTrading(desk.settings, desk.clock, desk.master.address, desk.agent.private_key, desk.folder / "nonce", desk.venue)
    again.submit(desk.request())
    again.close()
    nonces = [action["nonce"] for action in desk.actions()]
    assert nonces == sorted(set(nonces))
    assert len(nonces) == 2


def test_an_order_never_waits_for_the_list_of_markets(desk: Desk) -> None:
    request = desk.request()
    desk.trading.close()
    venue = Venue(desk.settings, desk.clock)
    fresh = CcxtTrading(desk.settings, desk.clock, desk.master.address, desk.agent.private_key, desk.folder / "nonce", venue)
    with pytest.raises(VenueBusy, match="not read yet"):
        fresh.submit(request)
    assert desk.actions("order") == []
    venue.catalogue.read()
    assert fresh.submit(request).state is OrderState.FILLED
    fresh.close()


def test_a_connection_that_does_not_stand_within_a_second_sends_no_order(desk: Desk) -> None:
    request = desk.request()
    with socket.socket() as listener:  # its queue is full: the next connection is neither taken nor refused
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(address)
        desk.trading._listed(BTC)
        desk.trading._client.urls["api"] = {"public": f"http://127.0.0.1:{address[1]}", "private": f"http://127.0.0.1:{address[1]}"}
        started = time.monotonic()
        with pytest.raises(VenueBusy, match="no connection"):
            desk.trading.submit(request)
        assert time.monotonic() - started < 1.5
        for each in waiting:
            each.close()
