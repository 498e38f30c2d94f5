"""Many histories replayed by columns are the same histories replayed one by one, to the bit, and what they must be in exact sums."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.reference_voms import books

from threet.engine import histories
from threet.engine.entries import FUNDING, KIND_NAMES, TRADE, EntryLog
from threet.engine.histories import replayed
from threet.engine.voms import Voms

prices = st.floats(1e-2, 1e5)
sizes = st.floats(-1e4, 1e4).filter(lambda size: abs(size) > 1e-6)
any_size = st.floats(-1e4, 1e4).filter(bool)  # the smallest that there are as well
entry = st.tuples(st.just(TRADE), prices, sizes | any_size) | st.tuples(st.just(FUNDING), st.floats(-1, 1), st.floats(-1e4, 1e4))
closing = st.tuples(st.none(), prices, st.just(0.0))  # as much as is open, the other way
history = st.lists(entry | closing, max_size=12)
COLUMNS = ("size", "entry", "realised", "fees", "funding", "closed_trades")


def voms_of(entries, fee_rate):
    voms = Voms(start_balance=1.0, leverage=1.0, fee_rate=fee_rate)
    for kind, price, size in entries:
        if kind == TRADE:
            voms.add_trade(price, size)
        else:
            voms.add_funding(price, size)
    return voms


def written_out(told):
    """With each closing as the trade that it is."""
    entries, size = [], 0.0
    for kind, price, amount in told:
        if kind is None and size == 0:
            continue
        one = (TRADE, price, -size) if kind is None else (kind, price, amount)
        entries.append(one)
        size = size + one[2] if one[0] == TRADE else size
    return entries


def log_of(entries):
    log = EntryLog()
    for kind, price, size in entries:
        log.add(kind, 0, price, size)
    return log


@pytest.fixture(scope="module", params=[(1, 2_048, 1_000_000), (3, 5, 1_000_000), (48, 2_048, 7)], ids=["by columns", "both", "one by one"])
def how(request):
    """Whatever is done by columns and whatever entry by entry, and in however many parts."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in zip(("_NARROW", "_RUNS_AT_ONCE", "_ENTRIES_AT_ONCE"), request.param, strict=True):
            patch.setattr(histories, name, value)
        yield


@given(told=st.lists(history, max_size=12), fee_rate=st.sampled_from([0.0, 0.00045, 0.1]))
def test_by_columns_they_have_the_bits_of_one_by_one(how, told, fee_rate):
    runs = [written_out(one) for one in told]
    fee_rates = np.array([fee_rate * (1 + number % 3) for number in range(len(runs))])
    found = replayed([log_of(run) for run in runs], fee_rates)
    assert found.sound.all()
    for number, run in enumerate(runs):
        voms = voms_of(run, float(fee_rates[number]))
        assert [float(getattr(found, name)[number]).hex() for name in COLUMNS] == [float(getattr(voms, name)).hex() for name in COLUMNS]
        voms.update_price(77.7)
        assert float(found.live_pnl(np.full(len(runs), 77.7))[number]).hex() == voms.live_pnl.hex()


@given(told=st.lists(history, min_size=1, max_size=6))
def test_by_columns_they_are_what_exact_sums_say(how, told):
    runs = [written_out(one) for one in told]
    found = replayed([log_of(run) for run in runs], np.full(len(runs), 0.00045)).live_pnl(np.full(len(runs), 100.0))
    for number, run in enumerate(runs):
        exact = books([(KIND_NAMES[kind], price, size) for kind, price, size in run], 0.00045)
        assert (
            abs(float(exact.live_pnl(100.0)) - found[number])
            <= 1e-9 * sum(abs(p * s) for _, p, s in run) + 1e-9 * sum(abs(s) for *_, s in run) * 100
        )


@pytest.mark.parametrize(
    "bad",
    [(2, 1.0, 1.0), (-1, 1.0, 1.0), (TRADE, 0.0, 1.0), (TRADE, -1.0, 1.0), (TRADE, 1.0, 0.0)]
    + [(kind, *pair) for kind in (TRADE, FUNDING) for pair in ((float("nan"), 1.0), (1.0, float("inf")), (float("inf"), 1.0))],
)
def test_what_is_no_entry_costs_its_own_run_alone(how, bad):
    good = [(TRADE, 100.0, 1.0), (FUNDING, 0.1, 1.0), (TRADE, 101.0, -2.0)]
    runs = [good, [*good, bad], [], [bad], good]
    found = replayed([log_of(run) for run in runs], np.zeros(5))
    assert found.sound.tolist() == [True, False, True, False, True]
    assert found.realised[[0, 4]].tolist() == [1.0, 1.0]


def test_no_runs_have_no_books():
    assert len(replayed([], np.zeros(0)).size) == 0


@pytest.mark.parametrize(
    "columns",
    [
        (b"\0", [1], [1.0], []),
        (b"", [1], [1.0], [1.0]),
        (b"\0", ["1"], [1.0], [1.0]),
        (b"\0", [1.5], [1.0], [1.0]),
        (b"\0", [2**63], [1.0], [1.0]),
    ],
)
def test_a_history_of_wrong_columns_is_refused(columns):
    with pytest.raises((ValueError, TypeError, OverflowError)):
        EntryLog.of(*columns)
