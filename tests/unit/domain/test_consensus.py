"""Consensus: the truth table, and what holds for any sources (I2)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threet.domain.consensus import agree, agree_account_value
from threet.domain.sources import SourceReading, contracts_after, usable
from threet.domain.values import Known, Symbol, Unknown

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BTC = Symbol("BTC/USDC:USDC")
DEAF = Unknown("no answer")


def known(value: int | str, source: str = "x") -> Known[Decimal]:
    return Known(Decimal(value), NOW, source)


@pytest.mark.parametrize(
    ("local", "observers", "quorum", "agreed"),
    [
        (known(5), {"a": known(5), "b": known(5), "c": known(5)}, 2, True),
        (known(5), {"a": known(5), "b": known(5), "c": DEAF}, 2, True),
        (known(5), {"a": known(5), "b": DEAF, "c": DEAF}, 2, False),
        (known(5), {"a": known(5), "b": known(5), "c": known(0)}, 2, False),
        (known(5), {"a": known(0), "b": known(0), "c": known(0)}, 2, False),
        (known(0), {"a": known(0), "b": known(0), "c": DEAF}, 2, True),
        (DEAF, {"a": known(0), "b": known(0), "c": known(0)}, 2, False),
        (DEAF, {"a": DEAF, "b": DEAF, "c": DEAF}, 1, False),
        (known(0), {}, 1, False),
        (known(-5), {"a": known(5), "b": known(5)}, 1, False),
    ],
)
def test_agreement_needs_the_local_snapshot_a_quorum_and_no_valid_dissent(local, observers, quorum, agreed):
    assert isinstance(agree(local, observers, quorum=quorum, tolerance=Decimal(0)), Known) is agreed


def test_a_quorum_of_zero_is_refused():
    with pytest.raises(ValueError, match="quorum of at least 1"):
        agree(known(0), {}, quorum=0, tolerance=Decimal(0))


@pytest.mark.parametrize(("theirs", "agreed"), [("1.01", True), ("1.0100001", False), ("0.99", True), ("0.9899999", False)])
def test_the_tolerance_is_inclusive_on_both_sides(theirs, agreed):
    view = agree(known(1), {"a": known(theirs)}, quorum=1, tolerance=Decimal("0.01"))
    assert isinstance(view, Known) is agreed


views = st.one_of(st.builds(known, st.integers(-3, 3)), st.just(DEAF))
crowds = st.dictionaries(st.sampled_from("abcde"), views, max_size=5)


@given(local=views, observers=crowds, quorum=st.integers(1, 5))
def test_what_is_agreed_is_what_the_local_snapshot_and_every_valid_observer_said(local, observers, quorum):
    view = agree(local, observers, quorum=quorum, tolerance=Decimal(0))
    if isinstance(view, Known):
        valid = [seen.value for seen in observers.values() if isinstance(seen, Known)]
        assert isinstance(local, Known)
        assert view.value == local.value
        assert len(valid) >= quorum
        assert set(valid) == {local.value}


@given(local=views, observers=crowds, quorum=st.integers(1, 4), name=st.sampled_from("abcde"))
def test_losing_an_observer_never_changes_what_is_agreed_into_another_value(local, observers, quorum, name):
    before = agree(local, observers, quorum=quorum, tolerance=Decimal(0))
    after = agree(local, {**observers, name: DEAF}, quorum=quorum, tolerance=Decimal(0))
    if isinstance(before, Known) and isinstance(after, Known):
        assert before.value == after.value


def test_the_lowest_agreeing_account_value_sizes():
    view = agree_account_value(known(1000), {"a": known(995), "b": known(1004)}, quorum=2, tolerance_percent=Decimal(1))
    assert isinstance(view, Known)
    assert view.value == 995


def test_an_account_value_that_differs_too_much_is_unknown():
    view = agree_account_value(known(1000), {"a": known(989), "b": known(1000)}, quorum=1, tolerance_percent=Decimal(1))
    assert isinstance(view, Unknown)


def test_without_a_local_account_value_there_is_none_whatever_the_observers_say():
    view = agree_account_value(Unknown("away"), {"a": known(1000), "b": known(1000)}, quorum=1, tolerance_percent=Decimal(1))
    assert view == Unknown("no local account value: away")


@pytest.mark.parametrize("value", ["0", "-1"])
def test_an_account_without_value_sizes_nothing(value):
    assert isinstance(agree_account_value(known(value), {"a": known(value)}, quorum=1, tolerance_percent=Decimal(1)), Unknown)


def reading(*, account="0xA", complete=True, observed_ago=0.0, exchange_ago=0.0) -> Known[SourceReading]:
    observed, exchange = NOW - timedelta(seconds=observed_ago), NOW - timedelta(seconds=exchange_ago)
    return Known(SourceReading(account, complete, observed, exchange, {BTC: Decimal(2)}, Decimal(100)), observed, "a")


def judged(view):
    return usable(view, account="0xa", now=NOW, max_age=timedelta(seconds=10), max_skew=timedelta(seconds=2))


@pytest.mark.parametrize(
    ("view", "is_usable"),
    [
        (reading(), True),
        (reading(observed_ago=10, exchange_ago=10), True),
        (reading(observed_ago=10.001), False),
        (reading(exchange_ago=10.001), False),
        (reading(exchange_ago=-2), True),
        (reading(exchange_ago=-2.001), False),
        (reading(observed_ago=-2.001), False),
        (reading(complete=False), False),
        (reading(account="0xB"), False),
        (DEAF, False),
    ],
)
def test_a_source_counts_if_it_is_fresh_complete_and_of_this_account(view, is_usable):
    assert isinstance(judged(view), Known) is is_usable


def test_a_source_must_be_later_than_our_last_activity():
    view = reading(exchange_ago=5)
    at = NOW - timedelta(seconds=5)
    assert isinstance(contracts_after(view, BTC, at - timedelta(microseconds=1)), Known)
    assert isinstance(contracts_after(view, BTC, at), Unknown)


def test_a_symbol_without_a_row_is_flat_in_a_usable_view_and_unknown_in_none():
    other = Symbol("ETH/USDC:USDC")
    assert contracts_after(reading(), other, None) == Known(Decimal(0), NOW, "a")
    assert contracts_after(DEAF, other, None) == DEAF
