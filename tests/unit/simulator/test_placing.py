"""Orders: matching, resting, refusing, cancelling, triggering."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from threet.simulator.orders import wire_status
from threet.simulator.placing import cancel

CLOID = "0x" + "0" * 31 + "1"


def _order(desk: Any, oid: int | None = None) -> Any:
    return desk.exchange.state.order(oid or desk.exchange.state.last_oid)


def test_an_ioc_takes_the_levels_within_its_limit_and_ends(desk: Any) -> None:
    answer = desk.order("BTC", "buy", "0.1", "100100")
    assert answer["filled"]["totalSz"] == "0.1"
    assert Decimal("100000") < Decimal(answer["filled"]["avgPx"]) <= Decimal("100100")
    assert _order(desk).status == "filled"
    assert desk.account.positions["BTC"].contracts == Decimal("0.1")


def test_a_large_ioc_fills_in_part_at_worsening_prices_and_the_rest_is_cancelled(desk: Any) -> None:
    answer = desk.order("BTC", "sell", "1.5", "99980")
    done = Decimal(answer["filled"]["totalSz"])
    assert 0 < done < Decimal("1.5")
    prices = [Decimal(fill["px"]) for fill in desk.account.fills]
    assert prices == sorted(prices, reverse=True)
    assert len(set(prices)) == len(prices) > 1
    assert min(prices) >= Decimal("99980")
    order = _order(desk)
    assert (order.status, order.size) == ("canceled", Decimal("1.5") - done)


def test_an_ioc_that_meets_nothing_is_refused_and_remembered(desk: Any) -> None:
    answer = desk.order("BTC", "buy", "0.01", "99000", cloid=CLOID)
    assert answer == {"error": "Order could not immediately match against any resting orders. asset=0"}
    assert _order(desk, desk.exchange.state.by_cloid[(desk.account.address, CLOID)]).status == "iocCancelRejected"
    assert not desk.account.positions


def test_a_gtc_rests_and_fills_as_a_maker_when_the_mark_crosses_it(desk: Any) -> None:
    assert desk.order("BTC", "buy", "0.05", "99000", "Gtc") == {"resting": {"oid": desk.exchange.state.last_oid}}
    assert not desk.account.fills
    desk.at("BTC", "98900")
    (fill,) = desk.account.fills
    assert (fill["px"], fill["crossed"], fill["sz"]) == ("99000.0", False, "0.05")
    assert Decimal(fill["fee"]) == Decimal("0.05") * 99_000 * Decimal("0.00015")
    assert _order(desk).status == "filled"


def test_a_large_resting_order_fills_level_by_level(desk: Any) -> None:
    desk.order("BTC", "buy", "0.5", "99000", "Gtc")
    desk.at("BTC", "98900")
    assert _order(desk).status == "open"
    assert 0 < _order(desk).size < Decimal("0.5")
    for _ in range(3):
        desk.venue.tick()
    assert _order(desk).status == "filled"
    assert desk.account.positions["BTC"].contracts == Decimal("0.5")


def test_a_gtc_across_the_spread_takes_and_lets_the_rest_stand(desk: Any) -> None:
    answer = desk.order("BTC", "buy", "1", "100010", "Gtc")
    assert Decimal(answer["filled"]["totalSz"]) < 1
    assert _order(desk).status == "open"
    assert _order(desk).size == 1 - Decimal(answer["filled"]["totalSz"])


@pytest.mark.parametrize(
    ("order", "text", "status"),
    [
        (("BTC", "buy", "0.0000001", "100000"), "Order has invalid size.", "rejected"),
        (("BTC", "buy", "0", "100000"), "Order has zero size.", "rejected"),
        (("BTC", "buy", "0.1", "100000.5"), "Price must be divisible by tick size.", "tickRejected"),
        (("BTC", "buy", "0.00009", "100000"), "Order must have minimum value of $10.", "minTradeNtlRejected"),
        (("BTC", "buy", "0.1", "190000"), "Order price cannot be more than 80% away from the reference price", "oracleRejected"),
        (("BTC", "buy", "3", "100100"), "Insufficient margin to place order.", "perpMarginRejected"),
    ],
)
def test_what_the_venue_does_not_take_is_refused_in_its_words(desk: Any, order: tuple[str, str, str, str], text: str, status: str) -> None:
    assert desk.order(*order) == {"error": f"{text} asset=0"}
    assert _order(desk).status == status
    assert not desk.account.fills


def test_ten_dollars_is_enough_and_a_lot_less_is_not(desk: Any) -> None:
    assert "filled" in desk.order("ETH", "buy", "0.004", "2501")
    assert "error" in desk.order("ETH", "buy", "0.0039", "2501")


def test_an_unknown_asset_is_refused(desk: Any) -> None:
    from threet.simulator.placing import Wanted, place

    wanted = Wanted(99, True, Decimal(1), Decimal(100), False, "Ioc", None)
    assert place(desk.exchange, desk.account, wanted) == {"error": "Unknown asset. asset=99"}


def test_a_post_only_order_that_would_match_is_refused_with_the_best_prices(desk: Any) -> None:
    answer = desk.order("BTC", "buy", "0.01", "100100", "Alo")
    assert answer["error"].startswith("Post only order would have immediately matched, bbo was 99995.0@100005.0.")
    assert "resting" in desk.order("BTC", "buy", "0.01", "99000", "Alo")


def test_a_client_order_id_is_taken_once(desk: Any) -> None:
    assert "filled" in desk.order("BTC", "buy", "0.01", "100100", cloid=CLOID)
    first = desk.exchange.state.by_cloid[(desk.account.address, CLOID)]
    assert "was placed before" in desk.order("BTC", "buy", "0.01", "100100", cloid=CLOID)["error"]
    assert desk.exchange.state.by_cloid[(desk.account.address, CLOID)] == first
    assert desk.account.positions["BTC"].contracts == Decimal("0.01")


def test_reduce_only_closes_and_never_opens_or_flips(desk: Any) -> None:
    assert desk.order("BTC", "sell", "0.01", "99000", reduce_only=True)["error"].startswith("Reduce only order would increase position.")
    desk.order("BTC", "buy", "0.01", "100100")
    assert "error" in desk.order("BTC", "buy", "0.01", "100100", reduce_only=True)
    answer = desk.order("BTC", "sell", "0.03", "99000", reduce_only=True)
    assert answer["filled"]["totalSz"] == "0.01"
    assert not desk.account.positions
    assert _order(desk).status == "reduceOnlyCanceled"


def test_a_full_reduce_only_close_below_the_minimum_is_taken(desk: Any) -> None:
    desk.order("ETH", "buy", "0.02", "2501")
    desk.order("ETH", "sell", "0.019", "2499", reduce_only=True)
    assert desk.account.positions["ETH"].contracts == Decimal("0.001")
    assert "filled" in desk.order("ETH", "sell", "0.001", "2499", reduce_only=True)


def test_closing_needs_no_free_margin(desk: Any) -> None:
    desk.order("BTC", "buy", "1.9", "100200")
    held = desk.account.positions["BTC"].contracts
    assert "error" in desk.order("BTC", "buy", "1.9", "100200")
    desk.advance(3)
    assert "filled" in desk.order("BTC", "sell", str(held), "99800")


def test_a_flip_needs_margin_only_for_what_it_adds(make_desk: Callable[..., Any]) -> None:
    desk = make_desk(deposit=Decimal(1000), book_usd_per_level=Decimal(1_000_000))
    desk.exchange.clock.pause()
    desk.at("BTC", "100000")
    assert "filled" in desk.order("BTC", "buy", "0.18", "100100")
    assert "filled" in desk.order("BTC", "sell", "0.36", "99900")
    assert desk.account.positions["BTC"].contracts == Decimal("-0.18")


def test_resting_orders_hold_margin_back(desk: Any) -> None:
    assert "resting" in desk.order("BTC", "buy", "1.5", "99000", "Gtc")
    assert "error" in desk.order("BTC", "buy", "1", "99000", "Gtc")


def test_a_cancel_ends_an_open_order_once(desk: Any) -> None:
    desk.order("BTC", "buy", "0.01", "99000", "Gtc")
    order = _order(desk)
    assert cancel(desk.exchange, desk.account, 1, order) == {"error": "Order was never placed, already canceled, or filled. asset=1"}
    assert cancel(desk.exchange, desk.account, 0, order) == "success"
    assert cancel(desk.exchange, desk.account, 0, _order(desk)) == {"error": "Order was never placed, already canceled, or filled. asset=0"}
    assert wire_status(_order(desk))["status"] == "canceled"


def test_a_stop_fires_when_the_mark_reaches_it_and_takes_the_market(desk: Any) -> None:
    desk.order("BTC", "buy", "0.05", "100100")
    stop = {"trigger_px": Decimal(99_000), "trigger_is_market": True, "tpsl": "sl", "reduce_only": True}
    assert desk.order("BTC", "sell", "0.05", "95000", **stop) == {"resting": {"oid": desk.exchange.state.last_oid}}
    desk.at("BTC", "99500")
    assert _order(desk).status == "open"
    desk.at("BTC", "98990")
    assert _order(desk).status == "filled"
    assert not desk.account.positions


def test_a_profit_taking_that_is_already_reached_is_refused(desk: Any) -> None:
    wanted = {"trigger_px": Decimal(99_000), "trigger_is_market": True, "tpsl": "tp", "reduce_only": True}
    assert desk.order("BTC", "sell", "0.05", "95000", **wanted) == {"error": "Invalid TP/SL price. asset=0"}


def test_a_dead_mans_switch_cancels_at_its_wall_time(desk: Any) -> None:
    desk.order("BTC", "buy", "0.01", "99000", "Gtc")
    desk.exchange.journal.commit("cancel_at", address=desk.account.address, at_ms=desk.wall.ms + 5_000)
    desk.advance(4.9)
    assert _order(desk).status == "open"
    desk.advance(0.2)
    assert _order(desk).status == "scheduledCancel"
    assert desk.account.cancel_at_ms is None
