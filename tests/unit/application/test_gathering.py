"""What fills explain, and what a position of a symbol that is no product is worth."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from threet.application.facts import Fill, Observation
from threet.application.gathering import explain, mark_of
from threet.application.store import RecordedFill
from threet.domain.values import Known, Side, Symbol, Unknown

AFTER = datetime(2026, 1, 1, tzinfo=UTC)
UNTIL = AFTER + timedelta(seconds=10)
XRP = Symbol("XRP/USDC:USDC")
MS = timedelta(milliseconds=1)


def fill(at: datetime, side: Side = Side.BUY, *, ours: bool = True, liquidation: bool = False) -> RecordedFill:
    one = Fill("1", "e", None, XRP, side, Decimal(2), Decimal(1), Decimal(0), Decimal(0), at, liquidation)
    return RecordedFill(one, ours)


@pytest.mark.parametrize(
    ("recorded", "change", "liquidated"),
    [
        ([fill(AFTER)], 0, False),
        ([fill(AFTER + MS)], 2, False),
        ([fill(UNTIL)], 2, False),
        ([fill(UNTIL + MS)], 0, False),
        ([fill(UNTIL, Side.SELL)], -2, False),
        ([fill(UNTIL, ours=False)], 0, False),
        ([fill(UNTIL), fill(UNTIL, Side.SELL, ours=False, liquidation=True)], 2, True),
    ],
)
def test_our_fills_between_the_last_agreement_and_the_snapshot_explain(recorded, change, liquidated):
    explanation = explain(recorded, AFTER, UNTIL, is_pending=False)
    assert (explanation.change, explanation.liquidated) == (Decimal(change), liquidated)


def test_a_lying_observer_cannot_make_a_foreign_position_weigh_less():
    honest = Observation("b", 1, AFTER, AFTER, "0xA", True, {}, Decimal(1), {XRP: Decimal(2)})
    views: dict[str, Known[Observation] | Unknown] = {
        "a": Known(replace(honest, observer="a", mark_prices={XRP: Decimal("0.01")}), AFTER, "a"),
        "b": Known(honest, AFTER, "b"),
        "c": Unknown("away"),
    }
    assert mark_of(XRP, views) == Known(Decimal(2), AFTER, "mark of observer b")
    assert isinstance(mark_of(XRP, {"c": Unknown("away")}), Unknown)
