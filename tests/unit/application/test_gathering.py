"""What fills explain, what a position of a symbol that is no product is worth, and that what is not told stays unknown."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from threet.application.facts import Fill, Observation, OpenOrder, Price, Votes
from threet.application.gathering import Gatherer, _local_reading, _observer_reading, _votes, ask_together, explain, mark_of
from threet.application.reconcile import ReconcileCycle
from threet.application.settlement import Settlement, Settler
from threet.application.store import RecordedFill
from threet.domain.drawdown import RiskState
from threet.domain.errors import VenueSilent
from threet.domain.foreign import ForeignOrder
from threet.domain.values import Known, Side, Symbol, Unknown

AFTER = datetime(2026, 1, 1, tzinfo=UTC)
UNTIL = AFTER + timedelta(seconds=10)
BTC, ETH, XRP = Symbol("BTC/USDC:USDC"), Symbol("ETH/USDC:USDC"), Symbol("XRP/USDC:USDC")
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


def test_what_came_after_the_snapshot_is_added_up_apart():
    recorded = [fill(AFTER), fill(UNTIL), fill(UNTIL + MS, Side.SELL), fill(UNTIL + MS, Side.SELL, ours=False)]
    assert explain(recorded, AFTER, UNTIL, is_pending=False).later == -4
    assert explain(recorded, UNTIL + MS, UNTIL, is_pending=False).later == 0, "the last agreement had them"


def test_a_lying_observer_cannot_make_a_foreign_position_weigh_less():
    honest = Observation("b", 1, AFTER, AFTER, "0xA", True, {}, Decimal(1), {XRP: Decimal(2)})
    views: dict[str, Known[Observation] | Unknown] = {
        "a": Known(replace(honest, observer="a", mark_prices={XRP: Decimal("0.01")}), AFTER, "a"),
        "b": Known(honest, AFTER, "b"),
        "c": Unknown("away"),
    }
    assert mark_of(XRP, views) == Known(Decimal(2), AFTER, "mark of observer b")
    assert isinstance(mark_of(XRP, {"c": Unknown("away")}), Unknown)


class Away:
    """Every port whose other end does not answer."""

    def _fails(self, *unused: object) -> Any:
        raise VenueSilent("away")

    open_orders = transfers_since = rules = order = exchange_time = _fails

    def last_prices(self) -> Unknown:
        return Unknown("redis is away")


class OnePrice:
    def last_prices(self) -> dict[Symbol, Known[Price]]:
        return {BTC: Known(Price(BTC, Decimal(5), AFTER, AFTER), AFTER, "redis")}


SETTLED = Settlement(0, [], [], 0, readable=True, problems=[])


def gatherer(prices: object) -> Any:
    nothing: Any = None
    away: Any = Away()
    terms: Any = SimpleNamespace(transfers_overlap=timedelta(minutes=1))
    return Gatherer(nothing, away, away, prices, [], terms)  # type: ignore[arg-type]


def test_what_the_venue_does_not_tell_is_unknown_and_no_empty_list():
    found = gatherer(OnePrice())
    assert found._read_foreign(SETTLED, AFTER) == Unknown("away")
    assert found._read_transfers(RiskState("0xA"), Unknown("no snapshot"), AFTER) == Unknown("away")
    assert found._read_rules([BTC, XRP]) == {BTC: Unknown("away"), XRP: Unknown("away")}


def test_what_settlement_has_asked_already_is_not_asked_again():
    other = OpenOrder("7", None, XRP, Side.SELL, Decimal(2), reduce_only=False)
    view = gatherer(OnePrice())._read_foreign(replace(SETTLED, foreign=[other]), AFTER)
    assert view == Known((ForeignOrder("7", XRP, Decimal(-2), False),), AFTER, "venue")


def test_a_product_without_a_published_price_has_none_and_a_held_one_the_observers_mark():
    products: Any = {BTC: None, ETH: None}
    seen = Observation("a", 1, AFTER, AFTER, "0xA", True, {}, Decimal(1), {XRP: Decimal(2)})
    observers = {"a": Known(seen, AFTER, "a")}
    prices = gatherer(OnePrice())._read_prices(products, observers, {XRP})
    assert prices == {
        BTC: Known(Decimal(5), AFTER, "redis"),
        ETH: Unknown("never published"),
        XRP: Known(Decimal(2), AFTER, "mark of observer a"),
    }
    assert gatherer(Away())._read_prices(products, {}, set()) == dict.fromkeys(products, Unknown("redis is away"))


def test_what_a_source_could_not_say_stays_unknown():
    away = Unknown("away")
    assert _local_reading(away) == away
    assert _observer_reading(away) == away
    assert _votes(away, AFTER) == away


def test_a_heartbeat_of_the_future_is_none():
    votes = Votes({}, AFTER, UNTIL)
    assert isinstance(_votes(votes, UNTIL), Known)
    assert isinstance(_votes(votes, UNTIL - MS), Unknown)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_observer_whose_question_ends_without_an_answer_is_unknown_and_the_others_are_heard():
    def breaks() -> Known[Observation] | Unknown:
        raise RuntimeError("a bug")

    assert ask_together({"a": breaks, "b": lambda: Unknown("late")}) == {"a": Unknown("a: the look failed"), "b": Unknown("late")}


def test_a_clock_or_an_order_that_the_venue_does_not_tell_of_is_unknown():
    nothing: Any = None
    away: Any = Away()
    settler = Settler(nothing, away, expiry_margin=timedelta(), fills_overlap=timedelta(), max_clock_skew=timedelta())
    assert settler._look_up(SimpleNamespace(client_order_id="0x1", symbol=BTC)) == Unknown("away")  # type: ignore[arg-type]
    cycle: Any = SimpleNamespace(_market=Away(), _clock=None)
    assert ReconcileCycle._read_venue_clock(cycle) == Unknown("the venue's clock could not be read: away")
