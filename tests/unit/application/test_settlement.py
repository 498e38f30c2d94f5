"""When the end of an order is known (I4): the truth table of look-up, fills and the venue's clock."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from threet.application.facts import Fill, OrderAnswer
from threet.application.settlement import judge
from threet.application.store import OrderRecord
from threet.domain.values import OrderState, Side, Symbol, Unknown

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BTC = Symbol("BTC/USDC:USDC")
MARGIN = timedelta(seconds=2)
INTENT, ACCEPTED, UNKNOWN = OrderState.INTENT, OrderState.ACCEPTED, OrderState.UNKNOWN
FILLED, CANCELLED, REJECTED, NOT_EXECUTED = OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.NOT_EXECUTED
LIVE, EXPIRED = -1.0, 2.001


def order(state: OrderState) -> OrderRecord:
    return OrderRecord("0x1", 1, BTC, Side.BUY, Decimal(3), Decimal(100), False, state, NOW, NOW - timedelta(seconds=8), "why")


def answer(state: OrderState, filled: int) -> OrderAnswer:
    return OrderAnswer(state, "7", Decimal(filled), None, "")


def fill(contracts: int) -> Fill:
    return Fill("f1", "7", "0x1", BTC, Side.BUY, Decimal(contracts), Decimal(100), Decimal(0), Decimal(0), NOW, False)


@pytest.mark.parametrize(
    ("state", "said", "filled", "since_expiry", "becomes"),
    [
        (UNKNOWN, answer(FILLED, 3), 3, LIVE, FILLED),
        (UNKNOWN, answer(FILLED, 3), 0, LIVE, UNKNOWN),
        (ACCEPTED, answer(FILLED, 3), 1, EXPIRED, ACCEPTED),
        (ACCEPTED, answer(CANCELLED, 1), 1, LIVE, CANCELLED),
        (ACCEPTED, answer(CANCELLED, 0), 3, LIVE, ACCEPTED),
        (UNKNOWN, answer(REJECTED, 0), 0, LIVE, REJECTED),
        (UNKNOWN, answer(ACCEPTED, 0), 0, LIVE, ACCEPTED),
        (UNKNOWN, None, 0, LIVE, UNKNOWN),
        (INTENT, None, 0, LIVE, UNKNOWN),
        (UNKNOWN, None, 0, 2.0, UNKNOWN),
        (UNKNOWN, None, 0, EXPIRED, NOT_EXECUTED),
        (INTENT, None, 0, EXPIRED, NOT_EXECUTED),
        (ACCEPTED, None, 0, EXPIRED, ACCEPTED),
        (UNKNOWN, None, 3, EXPIRED, FILLED),
        (UNKNOWN, None, 1, EXPIRED, CANCELLED),
        (UNKNOWN, None, 1, LIVE, UNKNOWN),
        (UNKNOWN, Unknown("time-out"), 0, EXPIRED, UNKNOWN),
        (UNKNOWN, Unknown("time-out"), 3, EXPIRED, UNKNOWN),
    ],
)
def test_an_order_ends_only_where_look_up_fills_and_the_venues_clock_agree(state, said, filled, since_expiry, becomes):
    fills = [fill(filled)] if filled else []
    verdict = judge(order(state), said, fills, NOW + timedelta(seconds=since_expiry), MARGIN)
    assert verdict.state is becomes
    assert verdict.filled_contracts == filled
