"""Funding of virtual runs: by the hour of the market, on what is held, at the mark and the rate of the first prices after it."""

from collections import defaultdict

import pytest
from tests.support.market_steps import MINUTE_MS, A, B, C, Prices, rules, session, take
from tests.support.reference_voms import books

from threet.engine.columns import id_text
from threet.engine.engine import HOUR_MS, Engine
from threet.engine.entries import FUNDING, KIND_NAMES

RATES = {A: 0.0004, B: -0.0002}


@pytest.fixture
def engine():
    """Two minutes before the full hour, with runs of three symbols that hold something."""
    engine = Engine(rules())
    engine.on_products((A, B, C))
    for step in session((A, B, C), bars=60):
        if isinstance(step, Prices) and step.market_ms >= HOUR_MS - 2 * MINUTE_MS:
            break
        take(engine, step)
    return engine


def marks_of(engine):
    return {symbol: float(engine.market.marks[engine.market.index[symbol]]) for symbol in (A, B, C)}


def payments(effects):
    """By run: payment per contract, and contracts."""
    found = defaultdict(list)
    for part in effects.entries:
        for row in part[part["kind"] == FUNDING]:
            found[id_text(*row["id"])].append((float(row["price"]), float(row["size"])))
    return dict(found)


def held(engine):
    runs = engine.runs
    return {run_id: (runs.spec(slot).symbol, float(runs.size[slot])) for run_id, slot in runs.slot_of.items() if runs.size[slot]}


def test_what_is_held_when_the_hour_is_over_pays_once(engine):
    before, marks = held(engine), marks_of(engine)
    assert {symbol for symbol, _ in before.values()} == {A, B, C}
    assert not payments(engine.on_prices(marks, HOUR_MS - 1, RATES))
    live = {run_id: float(engine.runs.live_pnl[engine.runs.slot_of[run_id]]) for run_id in before}
    paid = payments(engine.on_prices(marks, HOUR_MS + 2_000, RATES))
    owing = {run_id: [(marks[symbol] * RATES[symbol], size)] for run_id, (symbol, size) in before.items() if symbol in RATES}
    assert paid == owing, "nothing of what is flat or has no rate"
    for run_id, ((per_contract, size),) in paid.items():
        if (slot := engine.runs.slot_of.get(run_id)) is not None:
            assert engine.runs.live_pnl[slot] == pytest.approx(live[run_id] - per_contract * size, abs=1e-9)
    assert not payments(engine.on_prices(marks, HOUR_MS + 3_000, RATES))


def test_longs_pay_a_positive_rate_to_shorts_and_a_negative_one_the_other_way(engine):
    before = held(engine)
    paid = payments(engine.on_prices(marks_of(engine), HOUR_MS, RATES))
    sides = {(before[run_id][0], size > 0, per_contract * size > 0) for run_id, ((per_contract, size),) in paid.items()}
    assert len({is_long for _, is_long, _ in sides}) == 2
    assert all(pays == (is_long == (RATES[symbol] > 0)) for symbol, is_long, pays in sides)


def test_hours_that_were_missed_are_paid_together(engine):
    marks, before = marks_of(engine), held(engine)
    engine.runs.ends_ms[:] = 100 * HOUR_MS
    paid = payments(engine.on_prices(marks, 4 * HOUR_MS + 5, RATES))
    expected = {run_id: [(marks[symbol] * (4 * RATES[symbol]), size)] for run_id, (symbol, size) in before.items() if symbol in RATES}
    assert paid == expected


def test_a_symbol_without_a_price_does_not_pay_at_an_old_one(engine):
    marks, before = marks_of(engine), held(engine)
    del marks[A]
    paid = payments(engine.on_prices(marks, HOUR_MS, RATES))
    assert {before[run_id][0] for run_id in paid} == {B}


def test_the_first_prices_end_no_hour():
    engine = Engine(rules())
    assert engine.hours_over(1_000 * HOUR_MS) == 0
    engine.on_prices({A: 1.0}, 1_000 * HOUR_MS)
    assert engine.hours_over(1_000 * HOUR_MS + HOUR_MS - 1) == 0
    assert engine.hours_over(1_000 * HOUR_MS + HOUR_MS) == 1
    assert engine.hours_over(1_000 * HOUR_MS - 5) == 0, "time never runs back"


def test_funding_can_be_the_loss_that_ends_a_run(engine):
    marks = marks_of(engine)
    ended = engine.on_prices(marks, HOUR_MS, {A: 0.04, B: -0.04}).ended
    assert {image.exit_reason for image in ended} >= {"loss", "target"}


def test_runs_with_funding_are_their_reference():
    """All entries of every run that lived through an hour, against the plain and exact accounting."""
    engine, images = Engine(rules()), []
    engine.on_products((A, B, C))
    for step in session((A, B, C), bars=200):
        images += take(engine, step).ended
    assert sum(entry.kind == FUNDING for image in images for entry in image.entries.rows(image.entry_count)) > 50
    for image in images:
        rows = image.entries.rows(image.entry_count)
        exact = books([(KIND_NAMES[row.kind], row.price, row.size) for row in rows], image.spec.fee_rate)
        assert image.live_pnl == pytest.approx(float(exact.live_pnl(image.last_price)), abs=1e-6)
