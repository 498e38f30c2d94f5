"""VOMS: what it must hold, and that its columns are the plain form to the bit."""

import math
import uuid
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.properties import examples
from tests.support.reference_voms import books

from threet.engine.columns import RunColumns
from threet.engine.entries import Entry
from threet.engine.runs import RunSpec
from threet.engine.voms import Voms

prices = st.floats(0.01, 1e5)
sizes = st.floats(-1e4, 1e4).filter(lambda size: abs(size) > 1e-6)
trades = st.tuples(st.just("trade"), prices, sizes)
closings = st.tuples(st.just("close"), prices, st.just(0.0))
fundings = st.tuples(st.just("funding"), st.floats(-1, 1), st.just(0.0))
markings = st.tuples(st.just("mark"), prices, st.just(0.0))
histories = st.lists(trades | trades | closings | fundings | markings, max_size=40)


def spec(run_id: str, fee_rate: float = 0.00045) -> RunSpec:
    return RunSpec(run_id, 0, 1, "trend", "A/B:B", {}, 10_000.0, 2.0, fee_rate, 0, 10, 1.0, 1.0)


def new_voms(fee_rate: float = 0.00045) -> Voms:
    return Voms(start_balance=10_000.0, leverage=2.0, fee_rate=fee_rate)


def bits(value: float) -> str:
    return float(value).hex()


class Both:
    """The same history through the plain form and through a column beside a busy neighbour."""

    def __init__(self) -> None:
        self.plain = new_voms()
        self.columns = RunColumns(1, 1)
        self.neighbour = self.columns.add(spec("00000000-0000-4000-8000-000000000001"), 0, 0, [])
        self.slot = self.columns.add(spec("00000000-0000-4000-8000-000000000002"), 0, 0, [])

    def take(self, kind: str, price: float, size: float) -> None:
        slots, times = np.array([self.neighbour, self.slot]), np.zeros(2, dtype=np.int64)
        if kind == "close":
            kind, size = "trade", -self.plain.size
            if size == 0:
                return
        if kind == "trade":
            self.plain.add_trade(price, size)
            self.columns.trade(slots, times, np.array([7.0, price]), np.array([0.5, size]))
        elif kind == "funding":
            self.plain.add_funding(price, self.plain.size)
            self.columns.fund(slots, times, np.array([0.1, price]))
        else:
            self.plain.update_price(price)
            self.columns.update_price(slots, np.array([8.0, price]))

    def assert_same_bits(self, price: float) -> None:
        self.take("mark", price, 0.0)
        for name in ("size", "entry", "realised", "fees", "funding", "mark", "live_pnl"):
            assert bits(getattr(self.columns, name)[self.slot]) == bits(getattr(self.plain, name)), name
        assert self.columns.closed_trades[self.slot] == self.plain.closed_trades


@given(histories, prices)
def test_columns_have_the_bits_of_the_plain_form(history, last):
    both = Both()
    for step in history:
        both.take(*step)
    both.assert_same_bits(last)


def test_ballots_change_with_a_vote_and_with_a_voters_direction_and_with_nothing_else():
    both = Both()
    columns, voter, other = both.columns, both.neighbour, both.slot
    columns.votes[voter] = True
    told = [columns.ballots()]
    for size in (1.0, -2.0, 1.0):  # long, short, flat
        columns.trade(np.array([voter]), np.array([0]), np.array([5.0]), np.array([size]))
        told.append(columns.ballots())
    columns.votes[other] = True
    told.append(columns.ballots())
    assert [told.index(one) for one in told] == [0, 1, 2, 0, 4]
    columns.votes[other] = False
    columns.trade(np.array([voter, other]), np.array([0, 0]), np.array([5.0, 5.0]), np.array([3.0, 3.0]))
    columns.update_price(np.array([voter, other]), np.array([9.0, 9.0]))
    assert columns.ballots() == told[1]


whole_prices, whole_sizes = st.integers(1, 100_000), st.integers(-1_000, 1_000).filter(bool)
turns = st.sampled_from(["add", "part", "close", "flip", "funding"])


@settings(max_examples=examples(3))
@given(st.lists(st.tuples(turns, whole_prices, whole_sizes, st.integers(1, 7)), max_size=60), whole_prices)
def test_the_books_are_those_of_a_plain_reference_through_flips_partial_closes_and_funding(moves, last):
    """Sizes are whole, so that both know exactly when a position is closed; amounts agree to what 64 bits can hold."""
    voms, history, turnover = new_voms(), [], 1.0
    for turn, price, size, part in moves:
        held = int(voms.size)
        if turn == "funding":
            history.append(("funding", (price % 7 - 3) / 8, float(held)))
            voms.add_funding(*history[-1][1:])
            continue
        wanted = {"add": size, "part": -held // part, "close": -held, "flip": -2 * held}[turn]
        if wanted:
            history.append(("trade", float(price), float(wanted)))
            voms.add_trade(*history[-1][1:])
            turnover += abs(wanted) * max(price, last)
    voms.update_price(float(last))
    right = books(history, voms.fee_rate)
    assert (Fraction(voms.size), voms.closed_trades) == (right.size, right.closed_trades)
    for name in ("realised", "fees", "funding"):
        assert math.isclose(getattr(voms, name), float(getattr(right, name)), abs_tol=1e-11 * turnover), name
    assert math.isclose(voms.entry, float(right.entry), rel_tol=1e-9, abs_tol=1e-11 * turnover)
    assert math.isclose(voms.live_pnl, float(right.live_pnl(last)), abs_tol=1e-10 * turnover)


@given(histories, prices)
def test_replaying_the_entries_gives_the_same_live_pnl(history, last):
    both = Both()
    for step in history:
        both.take(*step)
    both.take("mark", last, 0.0)
    again = new_voms()
    for entry in both.columns.logs[both.slot].rows():
        (again.add_trade if entry.kind == 0 else again.add_funding)(entry.price, entry.size)
    again.update_price(last)
    assert bits(again.live_pnl) == bits(both.plain.live_pnl)


@given(st.lists(st.tuples(prices, sizes), min_size=1, max_size=30), prices)
def test_live_pnl_is_the_cash_that_closing_everything_would_leave(history, last):
    voms, cash, fees, turnover = new_voms(), 0.0, 0.0, 0.0
    for price, size in history:
        voms.add_trade(price, size)
        cash -= price * size
        fees += abs(size) * price * 0.00045
        turnover += abs(size) * max(price, last)
    voms.update_price(last)
    assert math.isclose(voms.live_pnl, cash + sum(size for _, size in history) * last - fees, abs_tol=1e-9 * (1 + turnover))


@given(prices, sizes, prices)
def test_a_flip_realises_the_old_position_and_opens_the_rest_at_its_own_price(entry, size, price):
    voms = new_voms(fee_rate=0.0)
    voms.add_trade(entry, size)
    voms.add_trade(price, -3 * size)
    assert voms.size == pytest.approx(-2 * size)
    assert voms.entry == price
    assert voms.realised == pytest.approx(size * (price - entry))
    assert voms.closed_trades == 1


def test_a_partial_close_keeps_the_entry_and_is_no_closed_trade():
    voms = new_voms(fee_rate=0.0)
    voms.add_trade(100.0, 4.0)
    voms.add_trade(110.0, -1.0)
    assert (voms.size, voms.entry, voms.realised, voms.closed_trades) == (3.0, 100.0, 10.0, 0)


def test_each_part_of_the_sum_has_its_sign():
    voms = new_voms(fee_rate=0.001)
    voms.add_trade(100.0, -2.0)
    voms.add_funding(0.5, voms.size)
    voms.update_price(90.0)
    assert voms.unrealised == 20.0
    assert voms.fees == pytest.approx(0.2)
    assert voms.funding == -1.0, "a short that the longs paid has received"
    assert voms.live_pnl == pytest.approx(20.0 - 0.2 + 1.0)
    assert voms.balance == pytest.approx(10_000.0 - 0.2 + 1.0)
    assert voms.margin_used == 90.0


@pytest.mark.parametrize(("price", "size"), [(0.0, 1.0), (-1.0, 1.0), (math.nan, 1.0), (1.0, 0.0)])
def test_a_trade_that_is_none_is_refused_and_changes_nothing(price, size):
    voms = new_voms()
    with pytest.raises(ValueError, match="expected a price above 0"):
        voms.add_trade(price, size)
    assert (voms.size, voms.fees) == (0.0, 0.0)


def test_entries_booked_for_many_runs_at_once_stand_in_each_history_in_their_order():
    columns = RunColumns(1, 1)
    slots = np.array([columns.add(spec(str(uuid.UUID(int=number, version=4))), 0, 0, []) for number in range(3)])
    booked = [(slots[[2, 0]], [1, 1]), (slots[[0]], [2]), (slots, [3, 3, 3])]
    for chosen, times in booked:
        columns.trade(chosen, np.array(times), np.full(len(chosen), 10.0) + chosen, np.full(len(chosen), 0.5))
    columns.fund(slots[:1], np.array([4]), np.array([0.25]))
    histories = [[(e.kind, e.time_ms, e.price, e.size) for e in columns.logs[slot].rows()] for slot in slots.tolist()]
    assert histories == [
        [(0, 1, 10.0, 0.5), (0, 2, 10.0, 0.5), (0, 3, 10.0, 0.5), (1, 4, 0.25, 1.5)],
        [(0, 3, 11.0, 0.5)],
        [(0, 1, 12.0, 0.5), (0, 3, 12.0, 0.5)],
    ]


def test_a_slot_that_is_used_again_begins_without_a_history():
    columns = RunColumns(1, 1)
    first = spec(str(uuid.UUID(int=1, version=4)))
    slot = columns.add(first, 0, 0, [])
    columns.trade(np.array([slot]), np.array([1]), np.array([10.0]), np.array([1.0]))
    history = columns._logs[slot]
    columns.remove(slot)
    assert columns.add(spec(str(uuid.UUID(int=2, version=4))), 0, 0, []) == slot
    assert (len(columns.logs[slot]), len(history)) == (0, 1)


def test_a_log_gives_the_first_entries_while_it_grows():
    columns = RunColumns(1, 1)
    slot = columns.add(spec("00000000-0000-4000-8000-000000000003"), 0, 0, [])
    log = columns.logs[slot]
    log.append(Entry(0, 5, 1.5, 2.0))
    image = list(log.rows(1))
    log.append(Entry(1, 6, 0.1, 2.0))
    assert image == [Entry(0, 5, 1.5, 2.0)]
    assert len(log) == 2
