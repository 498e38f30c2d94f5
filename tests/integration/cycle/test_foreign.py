"""Orders and positions that are not ours: counted in every limit, reported, never touched (step 4), on both databases."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest
from tests.integration.cycle.test_cycle import by_hand, until
from tests.support.cycle import AGENT, BTC, ETH, MASTER, Desk

from threet.adapters.venue.client import make_client
from threet.domain.values import Symbol, symbol

XRP = symbol("XRP/USDC:USDC")


class Stranger:
    """Somebody else who trades on the same account, with ccxt as it comes."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._client = make_client(desk.settings, "stranger")
        self._client.walletAddress, self._client.privateKey = MASTER.address, AGENT.private_key
        self._client.next_nonce = self._nonce
        self._client.load_markets()

    def _nonce(self) -> int:
        """Its own count, as of a key of its own: the venue wants each number once."""
        return time.time_ns() // 1_000_000

    def rests(self, name: Symbol, contracts: str) -> str:
        """A buy far below the mark; returns the venue's id."""
        price = Decimal(self._desk.simulator.mark(name.split("/")[0])) / 2
        order = self._client.create_order(name, "limit", "buy", float(contracts), float(self._client.price_to_precision(name, price)))
        return str(order["id"])

    def cancels(self, name: Symbol, order_id: str) -> None:
        self._client.cancel_order(order_id, name)

    def open_orders(self) -> list[str]:
        return [str(order["id"]) for order in self._client.fetch_open_orders(None, None, None, {"user": MASTER.address})]


def worth(desk: Desk, name: Symbol, usd: int) -> str:
    return f"{usd / float(desk.simulator.mark(name.split('/')[0])):.3f}"


def settled(desk: Desk) -> None:
    until(lambda: desk.cycle().status == "idle", lambda: time.sleep(0.05))


@pytest.fixture
def stranger(desk: Desk) -> Stranger:
    return Stranger(desk)


def test_an_order_of_other_origin_counts_as_if_it_were_executed_until_it_is_gone(desk, stranger):
    desk.vote({BTC: 8})
    rests = stranger.rests(ETH, worth(desk, ETH, 9500))
    desk.cycle()
    told = desk.store.decisions(1)[0].targets
    assert any("cap of net exposure: room for" in said for said in told[BTC]["limits"])
    assert 0 < desk.held(BTC) <= Decimal(worth(desk, BTC, 500))
    desk.cycle()
    assert desk.store.decisions(1)[0].targets[BTC]["result"] == "the cap of net exposure leaves no room"
    part = desk.held(BTC)
    assert [order.split(":")[0] for order in told[ETH]["foreign_orders"]] == [rests]
    assert told[BTC]["foreign_orders"] == []
    assert stranger.open_orders() == [rests]
    stranger.cancels(ETH, rests)
    until(lambda: desk.held(BTC) > part, desk.cycle)
    assert desk.store.decisions(1)[0].targets[ETH]["foreign_orders"] == []


def test_beside_a_small_order_of_other_origin_trading_goes_on_and_it_is_never_touched(desk, stranger):
    rests = stranger.rests(BTC, worth(desk, BTC, 300))
    desk.vote({BTC: 8})
    settled(desk)
    assert desk.held(BTC) > 0
    desk.vote({BTC: 0})
    until(lambda: desk.held(BTC) == 0, desk.cycle)
    assert stranger.open_orders() == [rests]
    assert desk.simulator.actions("cancel") == desk.simulator.actions("cancelByCloid") == []


def test_while_open_orders_cannot_be_read_nothing_grows_and_reductions_go_on(desk):
    desk.vote({BTC: 4})
    settled(desk)
    before = desk.held(BTC)
    desk.simulator.fault("http_500", match={"type": "frontendOpenOrders"})
    desk.vote({BTC: 8, ETH: 8})
    desk.cycle()
    assert (desk.held(BTC), desk.held(ETH)) == (before, 0)
    assert desk.target(ETH)["kind"] == "ReduceOnly"
    assert "orders of other origin could not be read" in desk.target(ETH)["reason"]
    desk.vote({BTC: 0})
    until(lambda: desk.held(BTC) == 0, desk.cycle)
    desk.simulator.clear_faults()
    desk.vote({ETH: 8})
    until(lambda: desk.held(ETH) > 0, desk.cycle)


def test_an_order_of_other_origin_that_is_executed_locks_its_symbol(desk, stranger):
    desk.vote({BTC: 0})
    settled(desk)
    stranger.rests(BTC, worth(desk, BTC, 300))
    desk.simulator.resume()
    desk.simulator.set_price("BTC", str(Decimal(desk.simulator.mark("BTC")) * Decimal("0.45")))
    until(lambda: desk.held(BTC) != 0, lambda: time.sleep(0.1))
    until(lambda: desk.store.symbol_states()[BTC].locked, desk.cycle)
    assert "do not explain" in desk.store.symbol_states()[BTC].lock_reason


def test_what_is_in_no_product_is_counted_reported_and_never_traded(desk, stranger):
    desk.vote({BTC: 0})
    settled(desk)
    by_hand(desk, XRP, Decimal(100))
    rests = stranger.rests(XRP, worth(desk, XRP, 9900))
    desk.vote({BTC: 8})
    until(lambda: desk.store.decisions(1)[0].targets.get(XRP, {}).get("agreed", False), desk.cycle)
    told = desk.store.decisions(1)[0].targets
    assert told[XRP]["target"]["reason"] == "not in products: reported, never traded"
    assert [order.split(":")[0] for order in told[XRP]["foreign_orders"]] == [rests]
    assert (desk.held(XRP), desk.held(BTC)) == (100, 0)
    assert told[BTC]["result"].endswith("exposure leaves no room")
    stranger.cancels(XRP, rests)
    until(lambda: desk.held(BTC) > 0, desk.cycle)
    assert desk.held(XRP) == 100
