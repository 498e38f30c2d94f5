"""What the venue's answers mean: a field in its form, or no answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests.exceptions
import urllib3.exceptions
from ccxt.base.errors import BadRequest, ExchangeError, NetworkError, RateLimitExceeded, RequestTimeout
from hypothesis import given
from hypothesis import strategies as st

from threet.adapters.venue.answers import cancel_answer, order_status, parse_fill, parse_open_order, submit_answer
from threet.adapters.venue.errors import REFUSED_TEXTS, acting_error, text_error
from threet.adapters.venue.reading import decimal_field, from_ms, int_field, time_field, to_ms
from threet.application.facts import OrderRequest
from threet.domain.errors import VenueBusy, VenueError, VenueRefused, VenueSilent
from threet.domain.values import OrderState, Side, Symbol

BTC = Symbol("BTC/USDC:USDC")
ID = "0x" + "ab" * 16
REQUEST = OrderRequest(ID, BTC, Side.BUY, Decimal("0.5"), Decimal(100), False, datetime(2026, 6, 1, tzinfo=UTC))


def named(coin: str) -> Symbol:
    return Symbol(f"{coin}/USDC:USDC")


def response(*statuses: Any) -> dict[str, Any]:
    return {"type": "order", "data": {"statuses": list(statuses)}}


def test_a_whole_fill_a_part_and_a_resting_order_are_told_apart() -> None:
    whole = submit_answer(response({"filled": {"totalSz": "0.5", "avgPx": "99.5", "oid": 7}}), REQUEST)
    assert (whole.state, whole.filled_contracts, whole.average_price, whole.exchange_order_id) == (
        OrderState.FILLED,
        Decimal("0.5"),
        Decimal("99.5"),
        "7",
    )
    part = submit_answer(response({"filled": {"totalSz": "0.2", "avgPx": "99.5", "oid": 7}}), REQUEST)
    assert (part.state, part.filled_contracts) == (OrderState.CANCELLED, Decimal("0.2"))
    resting = submit_answer(response({"resting": {"oid": 7}}), REQUEST)
    assert (resting.state, resting.filled_contracts) == (OrderState.ACCEPTED, Decimal(0))


def test_no_match_is_a_rejected_order() -> None:
    text = "Order could not immediately match against any resting orders. asset=0"
    assert submit_answer(response({"error": text}), REQUEST).state is OrderState.REJECTED


@pytest.mark.parametrize("text", REFUSED_TEXTS)
def test_known_texts_say_that_nothing_happened(text: str) -> None:
    with pytest.raises(VenueRefused):
        submit_answer(response({"error": f"{text} asset=4"}), REQUEST)


@pytest.mark.parametrize(
    "garbage",
    [
        {},
        {"data": None},
        {"data": {"statuses": []}},
        {"data": {"statuses": None}},
        response("waitingForTrigger"),
        response({}),
        response({"filled": {"totalSz": "0.6", "avgPx": "1", "oid": 1}}),
        response({"filled": {"totalSz": "0", "avgPx": "1", "oid": 1}}),
        response({"filled": {"totalSz": "NaN", "avgPx": "1", "oid": 1}}),
        response({"filled": {"totalSz": 0.5, "avgPx": "1", "oid": 1}}),
        response({"filled": {"totalSz": "0.5", "oid": 1}}),
        response({"resting": {}}),
        response({"error": "A text that nobody has read before."}),
        response({"error": "Order with this cloid was placed before. asset=0"}),
        response({"resting": {"oid": 1}}, {"resting": {"oid": 2}}),
    ],
)
def test_what_makes_no_sense_is_silence_not_refusal(garbage: dict[str, Any]) -> None:
    with pytest.raises(VenueSilent):
        submit_answer(garbage, REQUEST)


def test_a_cancel_succeeds_is_refused_or_unknown() -> None:
    cancel_answer(response("success"), ID)
    with pytest.raises(VenueRefused):
        cancel_answer(response({"error": "Order was never placed, already canceled, or filled. asset=0"}), ID)
    with pytest.raises(VenueSilent):
        cancel_answer(response("perhaps"), ID)


def looked_up(status: str, left: str, **order: Any) -> dict[str, Any]:
    values = {"cloid": ID, "coin": "BTC", "origSz": "0.5", "sz": left, "oid": 7, **order}
    return {"status": "order", "order": {"order": values, "status": status, "statusTimestamp": 1}}


@pytest.mark.parametrize(
    ("status", "left", "state", "filled"),
    [
        ("open", "0.5", OrderState.ACCEPTED, "0"),
        ("open", "0.2", OrderState.ACCEPTED, "0.3"),
        ("filled", "0.0", OrderState.FILLED, "0.5"),
        ("canceled", "0.5", OrderState.CANCELLED, "0"),
        ("canceled", "0.2", OrderState.CANCELLED, "0.3"),
        ("reduceOnlyCanceled", "0.2", OrderState.CANCELLED, "0.3"),
        ("marginCanceled", "0.5", OrderState.CANCELLED, "0"),
        ("scheduledCancel", "0.5", OrderState.CANCELLED, "0"),
        ("rejected", "0.5", OrderState.REJECTED, "0"),
        ("iocCancelRejected", "0.5", OrderState.REJECTED, "0"),
        ("iocCancelRejected", "0.2", OrderState.CANCELLED, "0.3"),
    ],
)
def test_a_look_up_gives_state_and_what_is_filled(status: str, left: str, state: OrderState, filled: str) -> None:
    answer = order_status(looked_up(status, left), ID, BTC, named)
    assert answer is not None
    assert (answer.state, answer.filled_contracts, answer.exchange_order_id) == (state, Decimal(filled), "7")


def test_never_seen_is_none_and_only_that() -> None:
    assert order_status({"status": "unknownOid"}, ID, BTC, named) is None
    others: list[dict[str, Any]] = [{"coin": "ETH"}, {"cloid": "0x" + "cd" * 16}, {"cloid": None}]
    shapeless: list[Any] = [None, {}, [], {"status": "order"}]
    wrong = [looked_up("new word", "0.5"), looked_up("open", "0.6"), *(looked_up("open", "0.5", **other) for other in others)]
    for garbage in [*shapeless, *wrong]:
        with pytest.raises(VenueSilent):
            order_status(garbage, ID, BTC, named)


def test_a_liquidation_is_ours_only_where_it_names_us() -> None:
    entry = {
        "tid": 5,
        "oid": 7,
        "coin": "BTC",
        "side": "A",
        "sz": "1",
        "px": "2",
        "fee": "0.1",
        "closedPnl": "0",
        "time": 1_780_315_200_000,
    }
    assert not parse_fill(entry, "0xAb", named).is_liquidation
    assert parse_fill({**entry, "liquidation": {"liquidatedUser": "0xaB"}}, "0xAb", named).is_liquidation
    assert not parse_fill({**entry, "liquidation": {"liquidatedUser": "0xcd"}}, "0xAb", named).is_liquidation
    assert parse_fill(entry, "0xAb", named).side is Side.SELL
    for wrong in ({"side": "X"}, {"sz": "-1"}, {"sz": "0"}, {"px": "0"}, {"px": "-2"}, {"sz": "NaN"}):
        with pytest.raises(VenueSilent):
            parse_fill({**entry, **wrong}, "0xAb", named)


def test_an_open_order_has_no_size_below_zero() -> None:
    entry = {"oid": 7, "coin": "BTC", "side": "A", "sz": "0.0", "reduceOnly": True}
    assert parse_open_order(entry, named).remaining_contracts == 0
    with pytest.raises(VenueSilent):
        parse_open_order({**entry, "sz": "-1"}, named)


@pytest.mark.parametrize("value", [None, "", "abc", "NaN", "Infinity", 1.5, True, [], {}])
def test_a_number_that_is_none_is_an_error_never_zero(value: object) -> None:
    with pytest.raises(VenueSilent, match=r"what\.x"):
        decimal_field({"x": value}, "x", "what")
    with pytest.raises(VenueSilent, match=r"what\.x"):
        decimal_field({}, "x", "what")


def test_integers_and_times_have_their_form() -> None:
    assert int_field({"x": 5}, "x", "w") == 5
    with pytest.raises(VenueSilent):
        int_field({"x": "5.5"}, "x", "w")
    for wrong in (0, 1_780_315_200, 10**15):
        with pytest.raises(VenueSilent):
            time_field({"time": wrong}, "time", "w")


@given(st.integers(1_072_915_200_000, 4_102_444_800_000))
def test_milliseconds_survive_the_round_trip(ms: int) -> None:
    assert to_ms(from_ms(ms)) == ms
    assert to_ms(from_ms(ms) + timedelta(microseconds=999)) == ms


def caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


def refused_connection() -> requests.exceptions.ConnectionError:
    pool: Any = None
    reason = urllib3.exceptions.NewConnectionError(pool, "refused")
    return requests.exceptions.ConnectionError(urllib3.exceptions.MaxRetryError(pool, "/", reason))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RateLimitExceeded("429"), VenueBusy),
        (BadRequest("422"), VenueRefused),
        (caused(NetworkError("x"), refused_connection()), VenueBusy),
        (caused(RequestTimeout("x"), requests.exceptions.ConnectTimeout()), VenueBusy),
        (caused(RequestTimeout("x"), requests.exceptions.ReadTimeout()), VenueSilent),
        (caused(NetworkError("x"), requests.exceptions.ConnectionError("Connection aborted.")), VenueSilent),
        (NetworkError("reset"), VenueSilent),
        (ExchangeError("something new"), VenueSilent),
        (OSError("socket"), VenueSilent),
        (ValueError("decode"), VenueSilent),
    ],
)
def test_an_error_of_a_send_is_silence_unless_it_surely_did_nothing(error: Exception, expected: type[VenueError]) -> None:
    assert type(acting_error(error, "order")) is expected


def test_too_many_requests_is_busy() -> None:
    found = text_error("Too many cumulative requests sent (5 > 4) for cumulative volume traded $1.", "order")
    assert isinstance(found, VenueBusy)
    assert found.retry_after_seconds == 10
