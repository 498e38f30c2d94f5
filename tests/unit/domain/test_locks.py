"""Locks of a symbol: what the engine's remembers of the sources, and a person's, which ends by the time alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threet.domain.symbol_state import Explanation, SymbolState, after_round, locked_by_person, unlocked_by_person
from threet.domain.values import Known, Symbol, Unknown

BTC = Symbol("BTC/USDC:USDC")
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOTHING = Explanation(Decimal(0), liquidated=False, pending=False)
TICK = timedelta(microseconds=1)
OPEN = SymbolState(BTC, Decimal(1), NOW)
END = NOW + timedelta(hours=1)
BY_ANN = locked_by_person(OPEN, who="ann@desk", why="news at one", until=END)


def after(state: SymbolState, held: str | None, at: datetime, explanation: Explanation = NOTHING, rounds: int = 3) -> SymbolState:
    agreed = Unknown("away") if held is None else Known(Decimal(held), at, "all")
    return after_round(state, agreed, explanation, said="a 2, local 2", now=at, unlock_after_rounds=rounds, lock_on_external_change=True)


@pytest.mark.parametrize("held", ["1", None])
@pytest.mark.parametrize(("at", "is_locked"), [(END - TICK, True), (END, False)])
def test_a_persons_lock_holds_up_to_its_end_and_not_at_it(held: str | None, at: datetime, is_locked: bool) -> None:
    assert after(BY_ANN, held, at).locked is is_locked


def test_a_persons_lock_says_who_why_and_until_when() -> None:
    assert BY_ANN.why_locked == "by ann@desk until 2026-01-01 13:00:00 UTC: news at one"


@given(rounds=st.integers(1, 5), tried=st.integers(0, 20))
def test_agreeing_rounds_open_the_engines_lock_and_never_a_persons(rounds: int, tried: int) -> None:
    state = replace(BY_ANN, lock_reason="changed", locked_at=NOW)
    for _ in range(tried):
        state = after(state, "1", NOW, rounds=rounds)
    assert (state.lock_reason is None) is (tried >= rounds)
    assert state.manual_reason == "news at one"


def test_the_engines_lock_keeps_what_each_source_said_until_it_opens() -> None:
    locked = after(OPEN, "2", NOW)
    assert (locked.lock_reason is not None, locked.lock_sources, locked.locked_at) == (True, "a 2, local 2", NOW)
    assert after(OPEN, "2", NOW, Explanation(Decimal(0), liquidated=True, pending=False)).lock_sources == "a 2, local 2"
    opened = after(locked, "2", NOW, rounds=1)
    assert (opened.locked, opened.lock_sources) == (False, None)


def test_an_engines_lock_leaves_a_persons_in_place_and_the_other_way_round() -> None:
    both = after(BY_ANN, "2", NOW)
    assert both.lock_reason is not None
    assert both.manual_reason == "news at one"
    assert locked_by_person(after(OPEN, "2", NOW), who="bob", why="x", until=NOW).lock_reason is not None


def test_unlocking_opens_both_and_remembers_who_and_why() -> None:
    both = replace(after(BY_ANN, "2", NOW), needs_person=True, agreeing_rounds=2)
    opened = unlocked_by_person(both, who="bob@desk", why="seen at the venue", now=NOW)
    assert not opened.locked
    assert (opened.needs_person, opened.agreeing_rounds, opened.lock_sources, opened.manual_until) == (False, 0, None, None)
    assert opened.agreed_contracts == both.agreed_contracts
    assert opened.unlocked is not None
    assert opened.unlocked.startswith("bob@desk at 2026-01-01T12:00:00+00:00: seen at the venue; it was locked: position changed by 1")
    assert "news at one" in opened.unlocked


@given(changes=st.lists(st.tuples(*[st.integers(-3, 3)] * 3), max_size=8))
def test_the_position_by_fills_is_what_all_fills_make_it_whatever_the_sources_agree_on(changes: list[tuple[int, int, int]]) -> None:
    """Each round: what the sources say besides the fills, our own fills, other people's."""
    state, held, filled = OPEN, Decimal(1), Decimal(1)
    for lie, ours, others in changes:
        held, filled = held + lie + ours + others, filled + ours + others
        state = after(state, str(held), NOW, Explanation(Decimal(ours), liquidated=False, pending=False, others=Decimal(others)))
    assert (state.agreed_contracts, state.by_fills) == (held, filled)
    assert unlocked_by_person(state, who="bob", why="looked", now=NOW).by_fills == held


def test_unlocking_what_is_open_changes_nothing() -> None:
    assert unlocked_by_person(OPEN, who="bob", why="x", now=NOW) is OPEN
