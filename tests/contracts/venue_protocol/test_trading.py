"""What the unmodified ccxt class does: orders, cancels, leverage, the dead man's switch; and who may do it."""

from __future__ import annotations

import time
from typing import Any

import ccxt
import pytest
from tests.contracts.venue_protocol.conftest import stock_ccxt
from tests.support.simulator import SimulatorProcess, Wallet, make_wallet

BTC, ETH = "BTC/USDC:USDC", "ETH/USDC:USDC"


def cloid(number: int) -> str:
    return f"0x{number:032x}"


def price_of(exchange: Any, symbol: str = BTC) -> float:
    return float(exchange.fetch_tickers(params={"type": "swap"})[symbol]["close"])


def send(exchange: Any, action: dict[str, Any], nonce: int | None = None, expires_after: int | None = None, **extra: Any) -> Any:
    """An action signed by ccxt and sent as it is."""
    nonce = nonce or exchange.incrementing_nonce()
    request = {"action": action, "nonce": nonce, "signature": exchange.sign_l1_action(action, nonce, None, expires_after), **extra}
    if expires_after is not None:
        request["expiresAfter"] = expires_after
    return exchange.privatePostExchange(request)


def order_action(price: str, size: str = "0.001", **changes: Any) -> dict[str, Any]:
    order = {"a": 0, "b": True, "p": price, "s": size, "r": False, "t": {"limit": {"tif": "Gtc"}}, **changes}
    return {"type": "order", "orders": [order], "grouping": "na"}


def test_a_market_order_fills_and_is_found_by_both_its_ids(exchange: Any, process: SimulatorProcess, wallet: Wallet) -> None:
    order = exchange.create_order(BTC, "market", "buy", 0.01, price_of(exchange), {"clientOrderId": cloid(1)})
    assert order["filled"] == 0.01
    for found in (exchange.fetch_order(order["id"]), exchange.fetch_order(cloid(1))):
        assert (found["id"], found["clientOrderId"], found["status"], found["filled"]) == (order["id"], cloid(1), "closed", 0.01)
    (trade,) = exchange.fetch_my_trades(BTC)
    assert (trade["order"], trade["side"], trade["amount"], trade["takerOrMaker"]) == (order["id"], "buy", 0.01, "taker")
    assert trade["info"]["cloid"] == cloid(1)
    assert process.account(wallet.address)["positions"]["BTC"]["contracts"] == "0.01"


def test_a_limit_order_rests_is_listed_and_is_cancelled_by_number(exchange: Any) -> None:
    order = exchange.create_order(ETH, "limit", "buy", 0.1, round(price_of(exchange, ETH) * 0.8), {"clientOrderId": cloid(2)})
    (listed,) = exchange.fetch_open_orders(ETH)
    assert (listed["id"], listed["clientOrderId"], listed["remaining"], listed["timeInForce"]) == (order["id"], cloid(2), 0.1, "GTC")
    assert exchange.cancel_order(order["id"], ETH)["info"] == "success"
    assert exchange.fetch_open_orders() == []
    assert exchange.fetch_order(order["id"])["status"] == "canceled"
    with pytest.raises(ccxt.OrderNotFound):
        exchange.cancel_order(order["id"], ETH)


def test_an_order_is_cancelled_by_its_client_id(exchange: Any) -> None:
    exchange.create_order(ETH, "limit", "buy", 0.1, round(price_of(exchange, ETH) * 0.8), {"clientOrderId": cloid(3)})
    exchange.cancel_orders([], ETH, {"clientOrderId": [cloid(3)]})
    assert exchange.fetch_order(cloid(3))["status"] == "canceled"


def test_an_unknown_order_is_not_found(exchange: Any) -> None:
    for order_id in ("987654321", cloid(404)):
        with pytest.raises(ccxt.OrderNotFound):
            exchange.fetch_order(order_id)


def test_several_orders_and_cancels_go_in_one_request(exchange: Any) -> None:
    low = round(price_of(exchange, ETH) * 0.8)
    wanted = [{"symbol": ETH, "type": "limit", "side": "buy", "amount": 0.1, "price": low - step} for step in range(3)]
    orders = exchange.create_orders(wanted)
    assert len({order["id"] for order in orders}) == 3
    assert len(exchange.cancel_orders([order["id"] for order in orders], ETH)) == 3
    statuses = [order["status"] for order in exchange.fetch_canceled_orders(ETH)]
    assert statuses == ["canceled"] * 3


def test_an_edited_order_is_a_new_one_and_the_old_one_is_cancelled(exchange: Any) -> None:
    low = round(price_of(exchange, ETH) * 0.8)
    old = exchange.create_order(ETH, "limit", "buy", 0.1, low)
    new = exchange.edit_order(old["id"], ETH, "limit", "buy", 0.2, low - 1)
    assert new["id"] != old["id"]
    (listed,) = exchange.fetch_open_orders(ETH)
    assert (listed["id"], listed["amount"]) == (new["id"], 0.2)
    assert exchange.fetch_order(old["id"])["status"] == "canceled"


def test_an_ioc_is_partly_filled_by_the_books_depth_and_the_rest_is_cancelled(exchange: Any) -> None:
    price = price_of(exchange)
    order = exchange.create_order(BTC, "limit", "buy", 1.5, round(price * 1.0002), {"timeInForce": "IOC"})
    assert 0 < order["filled"] < 1.5
    found = exchange.fetch_order(order["id"])
    assert found["status"] == "canceled"
    assert found["filled"] == pytest.approx(order["filled"])
    assert sum(trade["amount"] for trade in exchange.fetch_my_trades(BTC)) == pytest.approx(order["filled"])


@pytest.mark.parametrize("leverage", [1, 5, 40])
def test_leverage_is_set_and_shown(exchange: Any, leverage: int) -> None:
    assert exchange.set_leverage(leverage, BTC)["status"] == "ok"
    exchange.create_order(BTC, "market", "buy", 0.001, price_of(exchange))
    assert exchange.fetch_position(BTC)["leverage"] == leverage


def test_leverage_beyond_the_maximum_is_refused(exchange: Any) -> None:
    with pytest.raises(ccxt.ExchangeError, match="Invalid leverage"):
        exchange.set_leverage(41, BTC)


def test_margin_mode_is_accepted_and_shown(exchange: Any) -> None:
    exchange.set_margin_mode("isolated", BTC, {"leverage": 5})
    exchange.create_order(BTC, "market", "buy", 0.001, price_of(exchange))
    assert exchange.fetch_position(BTC)["marginMode"] == "isolated"


def test_the_dead_mans_switch_cancels_what_rests(exchange: Any) -> None:
    order = exchange.create_order(ETH, "limit", "buy", 0.1, round(price_of(exchange, ETH) * 0.8))
    assert exchange.cancel_all_orders_after(300)["status"] == "ok"
    deadline = time.monotonic() + 10
    while exchange.fetch_open_orders():
        assert time.monotonic() < deadline, "the order was not cancelled"
    assert exchange.fetch_order(order["id"])["info"]["status"] == "scheduledCancel"


def test_a_resting_order_fills_when_the_mark_crosses_it(exchange: Any, process: SimulatorProcess) -> None:
    price = price_of(exchange, "SOL/USDC:USDC")
    order = exchange.create_order("SOL/USDC:USDC", "limit", "buy", 1, round(price * 0.97, 2))
    process.set_price("SOL", str(round(price * 0.96, 2)))
    found = exchange.fetch_order(order["id"])
    assert (found["status"], found["filled"]) == ("closed", 1)
    (trade,) = exchange.fetch_my_trades()
    assert trade["takerOrMaker"] == "maker"


def test_a_stop_waits_for_its_trigger(exchange: Any, process: SimulatorProcess) -> None:
    symbol = "XRP/USDC:USDC"
    price = price_of(exchange, symbol)
    exchange.create_order(symbol, "market", "buy", 100, price)
    stop = exchange.create_order(symbol, "market", "sell", 100, price * 0.95, {"stopLossPrice": price * 0.95, "reduceOnly": True})
    (listed,) = exchange.fetch_open_orders(symbol)
    assert (listed["id"], listed["info"]["isTrigger"], listed["info"]["orderType"]) == (stop["id"], True, "Stop Market")
    process.set_price("XRP", str(round(price * 0.94, 4)))
    assert exchange.fetch_positions() == []
    assert exchange.fetch_order(stop["id"])["status"] == "closed"


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"p": "50000.55"}, ccxt.InvalidOrder, "Price must be divisible by tick size."),
        ({"s": "0.0000019"}, ccxt.InvalidOrder, "Order has invalid size"),
        ({"s": "0.00001"}, ccxt.InvalidOrder, "Order must have minimum value of $10"),
        ({"s": "100"}, ccxt.InsufficientFunds, "Insufficient margin to place order."),
        ({"r": True}, ccxt.InvalidOrder, "Reduce only order would increase position."),
        ({"p": "150000", "t": {"limit": {"tif": "Alo"}}}, ccxt.InvalidOrder, "Post only order would have immediately matched,"),
        ({"t": {"limit": {"tif": "Ioc"}}}, ccxt.InvalidOrder, "Order could not immediately match against any resting orders."),
        ({"a": 77}, ccxt.ExchangeError, "Unknown asset"),
    ],
)
def test_refused_orders_have_the_venues_words_and_ccxts_error(
    exchange: Any, change: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as caught:
        send(exchange, order_action("50000", **change))
    assert text in str(caught.value)
    assert exchange.fetch_positions() == []


@pytest.mark.parametrize(
    "action",
    [
        {"type": "order", "orders": [{"a": 0}], "grouping": "na"},
        {
            "type": "order",
            "orders": [{"a": 0, "b": True, "p": 50000, "s": "1", "r": False, "t": {"limit": {"tif": "Gtc"}}}],
            "grouping": "na",
        },
        {"type": "order", "orders": [{"a": 0, "b": 1, "p": "1", "s": "1", "r": False, "t": {"limit": {"tif": "Gtc"}}}], "grouping": "na"},
        {"type": "order", "orders": [{"a": 0, "b": True, "p": "1", "s": "1", "r": False, "t": {"limit": {"tif": "No"}}}], "grouping": "na"},
        {
            "type": "order",
            "orders": [{"a": 0, "b": True, "p": "1e400", "s": "1", "r": False, "t": {"limit": {"tif": "Gtc"}}}],
            "grouping": "na",
        },
        {
            "type": "order",
            "orders": [{"a": 0, "b": True, "p": "-1", "s": "1", "r": False, "t": {"limit": {"tif": "Gtc"}}}],
            "grouping": "na",
        },
        {"type": "cancel", "cancels": [{"a": 0}]},
        {"type": "cancel", "cancels": [{"a": 0, "o": []}]},
        {"type": "cancelByCloid", "cancels": [{"asset": 0, "cloid": 7}]},
        {"type": "batchModify", "modifies": [{"oid": 1}]},
        {"type": "updateLeverage", "asset": 0},
        {"type": "unheardOf"},
    ],
)
def test_a_malformed_action_is_not_understood(exchange: Any, action: dict[str, Any]) -> None:
    with pytest.raises(ccxt.ExchangeError, match="Failed to deserialize"):
        send(exchange, action)


def test_a_client_order_id_of_another_form_is_not_understood(exchange: Any) -> None:
    with pytest.raises(ccxt.ExchangeError, match="Failed to deserialize"):
        send(exchange, order_action("50000", c="my-order"))


def test_the_wrong_key_is_nobody(process: SimulatorProcess, wallet: Wallet) -> None:
    thief = stock_ccxt(process, make_wallet(666), wallet.address)
    with pytest.raises(ccxt.InvalidOrder, match=f"User or API Wallet {make_wallet(666).address} does not exist"):
        send(thief, order_action("50000"))
    assert thief.fetch_open_orders() == []


def test_a_signature_over_another_action_is_nobody(exchange: Any, wallet: Wallet) -> None:
    nonce = exchange.incrementing_nonce()
    signature = exchange.sign_l1_action(order_action("50000"), nonce)
    with pytest.raises(ccxt.InvalidOrder, match=r"User or API Wallet 0x[0-9a-f]{40} does not exist") as caught:
        exchange.privatePostExchange({"action": order_action("50001"), "nonce": nonce, "signature": signature})
    assert wallet.address not in str(caught.value)


def test_a_nonce_is_good_once(exchange: Any) -> None:
    nonce = exchange.incrementing_nonce()
    send(exchange, order_action("50000"), nonce)
    with pytest.raises(ccxt.ExchangeError, match=f"Invalid nonce: duplicate nonce {nonce}"):
        send(exchange, order_action("50000"), nonce)
    assert len(exchange.fetch_open_orders()) == 1


@pytest.mark.parametrize("days", [-3, 2])
def test_a_nonce_far_from_the_time_is_refused(exchange: Any, days: int) -> None:
    with pytest.raises(ccxt.ExchangeError, match="Invalid nonce"):
        send(exchange, order_action("50000"), int(time.time() * 1000) + days * 86_400_000)


def test_a_nonce_below_the_hundred_highest_is_refused(exchange: Any) -> None:
    base = int(time.time() * 1000)
    for step in range(100):
        send(exchange, {"type": "noop"}, base + step)
    with pytest.raises(ccxt.ExchangeError, match="Invalid nonce: nonce too low"):
        send(exchange, {"type": "noop"}, base - 1)
    send(exchange, {"type": "noop"}, base + 200)


def test_an_expired_action_does_nothing_and_one_in_time_works(exchange: Any) -> None:
    now = int(time.time() * 1000)
    with pytest.raises(ccxt.ExchangeError, match="expired"):
        send(exchange, order_action("50000"), expires_after=now - 1)
    assert exchange.fetch_open_orders() == []
    send(exchange, order_action("50000"), expires_after=now + 60_000)
    assert len(exchange.fetch_open_orders()) == 1


def test_expiry_is_part_of_what_is_signed(exchange: Any) -> None:
    nonce = exchange.incrementing_nonce()
    signature = exchange.sign_l1_action(order_action("50000"), nonce)
    request = {"action": order_action("50000"), "nonce": nonce, "signature": signature, "expiresAfter": nonce + 60_000}
    with pytest.raises(ccxt.InvalidOrder, match="does not exist"):
        exchange.privatePostExchange(request)


def test_an_agent_trades_for_its_master_and_has_no_positions_of_its_own(process: SimulatorProcess, wallet: Wallet) -> None:
    agent = make_wallet(777)
    process.approve_agent(wallet.address, agent.address)
    exchange = stock_ccxt(process, agent, wallet.address)
    exchange.create_order(BTC, "market", "buy", 0.01, price_of(exchange))
    assert len(exchange.fetch_positions()) == 1
    assert exchange.fetch_positions(params={"user": agent.address}) == []
    assert process.info({"type": "userRole", "user": agent.address}) == {"role": "agent", "data": {"user": wallet.address}}


def test_a_withdrawal_lowers_the_balance_and_more_than_is_there_is_refused(exchange: Any) -> None:
    exchange.withdraw("USDC", 1000, "0x" + "7" * 40)
    assert exchange.fetch_balance()["USDC"]["total"] == 9000
    assert [row["amount"] for row in exchange.fetch_withdrawals()] == [1000]
    with pytest.raises(ccxt.InsufficientFunds):
        exchange.withdraw("USDC", 9001, "0x" + "7" * 40)


def test_stock_ccxt_approves_a_builder_and_its_fee_is_seen(exchange: Any, process: SimulatorProcess, wallet: Wallet) -> None:
    exchange.create_order(BTC, "market", "buy", 0.01, price_of(exchange))
    mine = [action for action in process.actions() if action["user"] == wallet.address]
    assert [action["type"] for action in mine[:2]] == ["approveBuilderFee", "setReferrer"]
    assert {action["outcome"] for action in mine} == {"ok"}
    order = mine[-1]["action"]
    assert order["builder"]["f"] == 10
    assert exchange.fetch_my_trades(BTC)[0]["fee"]["cost"] == pytest.approx(0.01 * price_of(exchange) * 0.00055, rel=0.02)


def test_every_signed_action_is_logged_with_signer_and_outcome(exchange: Any, process: SimulatorProcess, wallet: Wallet) -> None:
    exchange.load_markets()
    with pytest.raises(ccxt.ExchangeError):
        send(exchange, order_action("50000", a=77))
    exchange.set_leverage(3, BTC)
    mine = [action for action in process.actions() if action["user"] == wallet.address]
    assert [(action["type"], action["outcome"]) for action in mine[-2:]] == [("order", "ok"), ("updateLeverage", "ok")]
    assert mine[-1]["signer"] == wallet.address
    assert "Unknown asset" in str(mine[-2]["answer"])
