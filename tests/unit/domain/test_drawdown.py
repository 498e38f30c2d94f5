"""Drawdown: what counts as a reading, when a level is reached, and what a transfer may not look like."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threet.domain.drawdown import RiskState, RiskTerms, Transfer, Transfers, after_reading, why_no_new_risk
from threet.domain.values import Known, Unknown

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TERMS = RiskTerms(Decimal(10), Decimal(15), Decimal(25), 3)
NONE: Transfers = Known((), NOON, "venue")
usd = st.decimals(1_000, 100_000, places=2)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def read(values, state=None, start=0.0, transfers=NONE, terms=TERMS) -> RiskState:
    """The state after one reading each ten seconds."""
    state = RiskState("0xA") if state is None else state
    for number, value in enumerate(values):
        seen = at(start + 10 * number)
        state = after_reading(state, Known(Decimal(value), seen, "local"), (seen, seen), transfers, terms)
    return state


def known(*transfers: Transfer) -> Known[tuple[Transfer, ...]]:
    return Known(transfers, NOON, "venue")


def test_nothing_grows_before_the_first_readings_in_a_row():
    assert why_no_new_risk(read([]), NONE, TERMS) == "account value: 0 of the 3 readings that the drawdown stop begins with"
    assert "2 of the 3" in str(why_no_new_risk(read([100, 100]), NONE, TERMS))
    assert why_no_new_risk(read([100, 100, 100]), NONE, TERMS) is None


def test_an_odd_first_reading_is_no_peak_and_the_right_one_after_it_no_loss():
    state = read([1_000, 100, 100, 100, 100])
    assert state.peak == 100
    assert not state.needs_person


def test_one_odd_reading_later_moves_no_peak_and_reaches_no_level():
    for odd in (1, 1_000):
        state = read([100, 100, 100, odd, odd, 100, 100, 100])
        assert state.peak == 100
        assert not state.needs_person


@pytest.mark.parametrize(
    ("value", "soft", "daily", "terminal"),
    [(91, False, False, False), (90, False, True, False), (86, False, True, False), (85, True, True, False), (75, True, True, True)],
)
def test_each_level_is_reached_at_its_own_percentage_and_not_before(value, soft, daily, terminal):
    state = read([100, 100, 100, value, value])
    assert not state.needs_person
    state = read([value], state, start=50)
    assert (state.soft, state.daily, state.terminal is not None) == (soft, daily, terminal)
    assert (why_no_new_risk(state, NONE, TERMS) is not None) == (soft or daily or terminal)


def test_the_soft_level_is_left_by_readings_above_it_the_daily_one_by_a_new_day_the_terminal_one_by_nothing():
    fallen = read([100, 100, 100, 84, 84, 84])
    assert read([86, 86, 84], fallen, start=60).soft
    risen = read([86, 86, 86], fallen, start=60)
    assert (risen.soft, risen.daily) == (False, True)
    tomorrow = read([86], risen, start=86_400)
    assert (tomorrow.daily, tomorrow.day_start) == (False, Decimal(86))
    closed = read([74, 74, 74], start=60, state=fallen)
    for value in (100, 1_000):
        closed = read([value] * 3, closed, start=86_400 + value)
        assert closed.terminal is not None
        assert why_no_new_risk(closed, NONE, TERMS) == closed.terminal


@pytest.mark.parametrize("missing", ["value", "transfers", "sources", "not newer"])
def test_what_could_not_be_read_changes_nothing(missing):
    before = read([100, 100, 100, 75, 75])
    later = at(40 if missing == "not newer" else 90)
    after = after_reading(
        before,
        Unknown("away") if missing == "value" else Known(Decimal(75), later, "local"),
        None if missing == "sources" else (later, later),
        Unknown("away") if missing == "transfers" else NONE,
        TERMS,
    )
    assert after == before
    assert read([75], before, start=90).terminal is not None


def test_while_transfers_cannot_be_read_nothing_grows():
    state = read([100, 100, 100])
    assert why_no_new_risk(state, Unknown("the venue is away"), TERMS) == "transfers could not be read: the venue is away"


@given(usd, st.lists(st.decimals(-900, 900, places=2), max_size=6))
def test_transfers_alone_are_neither_gain_nor_loss(first, amounts):
    state = read([first] * 3)
    transfers, value = [], first
    for number, amount in enumerate(amounts):
        if value + amount <= 0:
            continue
        value += amount
        transfers.append(Transfer(f"t{number}", at(100 * number + 35), amount))
        state = read([value] * 3, state, start=100 * number + 40, transfers=known(*transfers))
        assert (state.peak, state.day_start, set(state.readings)) == (value, value, {value})
        assert not state.needs_person


@given(usd, st.lists(st.decimals("0.5", "1.5", places=3), min_size=3, max_size=12), st.decimals(-400, 4_000, places=2))
def test_a_transfer_moves_the_peak_by_itself_and_nothing_else(first, factors, amount):
    values = [first * factor for factor in factors]
    without = read(values, read([first] * 3), start=40)
    moved = Transfer("t", at(1), amount)
    with_it = read([value + amount for value in values], read([first + 0] * 3, start=-40), start=40, transfers=known(moved))
    assert with_it.peak == without.peak + amount
    assert with_it.readings == tuple(reading + amount for reading in without.readings)


def test_a_transfer_is_counted_once_also_where_it_is_told_late_or_again():
    state = read([100, 100, 100])
    early, late = Transfer("a", at(25), Decimal(50)), Transfer("b", at(22), Decimal(7))
    state = read([150], state, start=30, transfers=known(early))
    assert state.peak == 150
    state = read([157, 157], state, start=40, transfers=known(early, late))
    assert state.peak == 157
    assert read([157], state, start=70, transfers=known()).peak == 157


def test_a_reading_with_a_transfer_among_its_sources_times_is_none():
    before = read([100, 100, 100])
    deposit = known(Transfer("a", at(32), Decimal(50)))
    early, late = at(30), at(34)
    assert after_reading(before, Known(Decimal(150), early, "local"), (early, late), deposit, TERMS) == before
    assert after_reading(before, Known(Decimal(150), late, "local"), (at(33), late), deposit, TERMS).peak == 150


@given(st.lists(st.tuples(usd, st.booleans()), min_size=1, max_size=30))
def test_a_peak_never_falls_and_a_level_needs_as_many_readings_as_config_says(given_readings):
    state = read([50_000] * 3)
    run = 0
    for number, (value, is_read) in enumerate(given_readings):
        before = state
        assert before.peak is not None
        if is_read:
            state = read([value], state, start=100 + number)
            run = run + 1 if value <= before.peak * Decimal("0.75") else 0
        assert state.peak is not None
        assert state.peak >= before.peak
        if state.terminal is not None and before.terminal is None:
            assert run >= 3


def test_readings_survive_in_the_state_alone():
    half = read([100, 100, 100, 75, 75])
    again = replace(RiskState(**{name: getattr(half, name) for name in RiskState.__dataclass_fields__}))
    assert read([75], again, start=90).terminal is not None
