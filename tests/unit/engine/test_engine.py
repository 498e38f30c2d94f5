"""The engine as a whole: deterministic, no look-ahead, runs end and are replaced, symbols do not touch each other."""

from collections import Counter

import numpy as np
import pytest
from tests.support.market_steps import MINUTE_MS, WARMUP, A, B, C, Candles, Prices, rules, session, state_of, take, walk

from threet.engine.engine import Engine
from threet.engine.population import draw_run, shard_of
from threet.engine.runs import ENDED


def played(steps, symbols=(A, B, C), **changes) -> tuple[Engine, list]:
    engine = Engine(rules(**changes))
    engine.on_products(symbols)
    return engine, [take(engine, step) for step in steps]


@pytest.fixture(scope="module")
def long_session():
    return list(session((A, B, C), bars=120))


@pytest.fixture(scope="module")
def whole(long_session):
    return played(long_session)


def entries_of(effects):
    return [row.tobytes() for effect in effects for part in effect.entries for row in part]


def test_much_happens_in_the_session_that_these_tests_use(whole):
    engine, effects = whole
    reasons = Counter(image.exit_reason for effect in effects for image in effect.ended)
    assert set(reasons) == {"loss", "target", "duration"}
    assert len(entries_of(effects)) > 500
    assert engine.runs.votes.any()


def test_the_same_steps_give_the_same_bits(whole, long_session):
    again, _ = played(long_session)
    assert state_of(again) == state_of(whole[0])


@pytest.mark.parametrize("end", [40, 111, 290, 431])
def test_decisions_on_a_prefix_are_those_on_the_whole(whole, long_session, end):
    _, effects = played(long_session[:end])
    assert entries_of(effects) == entries_of(whole[1][:end])


def test_a_strategy_that_looked_ahead_would_be_seen(long_session):
    """The test above on a planted offender: the newest bar's close is the next one's."""
    walks = {symbol: walk(symbol, WARMUP + 121, seed=1) for symbol in (A, B, C)}

    def cheating(step):
        if not isinstance(step, Candles):
            return step
        return Candles(step.symbol, tuple((*row[:4], walks[step.symbol][int(row[0] // MINUTE_MS) + 1][4], row[5]) for row in step.rows))

    _, honest = played(long_session[:200])
    _, cheated = played([cheating(step) for step in long_session[:200]])
    assert entries_of(honest) != entries_of(cheated)


def test_candles_of_several_symbols_in_one_call_or_in_several_are_the_same(whole, long_session):
    engine = Engine(rules())
    engine.on_products((C, A, B))
    waiting = {}
    for step in long_session:
        if isinstance(step, Candles) and step.symbol not in waiting:
            waiting[step.symbol] = step.rows
            continue
        engine.on_candles(dict(reversed(waiting.items())))
        waiting = {step.symbol: step.rows} if isinstance(step, Candles) else {}
        if isinstance(step, Prices):
            take(engine, step)
    engine.on_candles(waiting)
    assert state_of(engine) == state_of(whole[0])


def test_a_symbol_lives_the_same_life_alone(whole, long_session):
    alone = [
        Prices(step.market_ms, {A: step.marks[A]}, {A: step.funding[A]}) if isinstance(step, Prices) else step
        for step in long_session
        if isinstance(step, Prices) or step.symbol == A
    ]
    engine, _ = played(alone, symbols=(A,))
    of_a = {whole[0].runs.spec(slot).id for slot in np.flatnonzero(whole[0].runs.active).tolist() if whole[0].runs.spec(slot).symbol == A}
    assert state_of(engine) == {run_id: state for run_id, state in state_of(whole[0]).items() if run_id in of_a}


def test_there_are_always_as_many_runs_as_there_should_be(long_session):
    engine = Engine(rules())
    engine.on_products((A, B, C))
    for number, step in enumerate(long_session):
        take(engine, step)
        if number > 3:
            counts = Counter(engine.runs.spec(slot).symbol for slot in np.flatnonzero(engine.runs.active).tolist())
            assert counts == {A: 24, B: 24, C: 24}


def test_an_ended_run_holds_nothing_and_says_why(whole):
    ended = [image for effect in whole[1] for image in effect.ended]
    assert ended
    for image in ended:
        assert (image.status, image.direction, image.votes) == (ENDED, 0, False)
        if image.exit_reason == "loss":
            assert image.live_pnl <= -image.spec.max_loss_usd
        if image.exit_reason == "duration":
            assert image.ended_ms >= image.spec.ends_ms


def test_full_size_is_the_start_balance_times_leverage_at_the_price_paid(whole):
    engine = whole[0]
    held = np.flatnonzero(engine.runs.size)
    assert len(held)
    for slot in held:
        opened = list(engine.runs.logs[slot].rows())[-1]
        assert abs(engine.runs.size[slot]) * opened.price == pytest.approx(10_000.0)


def test_fills_pay_the_spread_and_slippage_in_their_direction():
    steps = list(session((A,), bars=30))
    engine = Engine(rules())
    engine.on_products((A,))
    sides: Counter[bool] = Counter()
    for step in steps:
        for part in take(engine, step).entries:
            mark = engine.market.marks[engine.market.index[A]]
            for row in part:
                buys = bool(row["size"] > 0)
                sides[buys] += 1
                assert row["price"] == mark * (1.0002 if buys else 0.9998)
    assert sides[True]
    assert sides[False]


def test_of_several_missed_candles_only_the_newest_decides():
    steps = list(session((A,), bars=60, prices_per_bar=1))
    engine, _ = played(steps[:40], symbols=(A,))
    missed = [row for step in steps[40:] if isinstance(step, Candles) for row in step.rows]
    effects = engine.on_candles({A: missed})
    assert all(len(part) == len({row["id"].tobytes() for row in part}) for part in effects.entries)


def test_a_gap_in_the_candles_stops_decisions_until_the_window_is_full_again():
    steps = [s for s in session((A,), bars=80) if not (isinstance(s, Candles) and len(s.rows) == 1 and s.rows[0][0] == 40 * MINUTE_MS)]
    engine = Engine(rules())
    engine.on_products((A,))
    for step in steps:
        effects = take(engine, step)
        if isinstance(step, Candles) and 40 * MINUTE_MS < step.rows[-1][0] < (40 + WARMUP) * MINUTE_MS:
            assert not effects.entries
            assert not engine.market.is_warm(A)
    assert engine.market.gaps == 1
    assert engine.market.is_warm(A)


def test_a_new_product_gets_its_runs_when_it_is_warm_and_priced():
    engine = Engine(rules())
    engine.on_products((A,))
    steps = list(session((A, B), bars=6))
    for step in steps[:12]:
        take(engine, step)
    assert {spec.symbol for spec in engine.runs.specs if spec} == {A}
    assert len(engine.on_products((A, B)).started) == 24, "its candles were kept, though nobody had named it yet"


def test_the_runs_of_a_removed_product_end():
    engine, _ = played(list(session((A, B), bars=20)), symbols=(A, B))
    ended = engine.on_products((B,)).ended
    assert len(ended) == 24
    assert {image.exit_reason for image in ended} == {"product removed"}
    assert not any(take(engine, step).started for step in [Prices(10**9, {A: 100.0})])


def test_a_run_is_drawn_from_its_seed_symbol_and_number_alone():
    first = draw_run(rules().population, A, 3, 1_000)
    assert first == draw_run(rules().population, A, 3, 1_000)
    assert first.parameters != draw_run(rules(seed=6).population, A, 3, 1_000).parameters
    assert first.id != draw_run(rules().population, A, 3, 2_000).id, "a population begun anew takes no old ids"
    drawn = [draw_run(rules().population, A, number, 0).parameters for number in range(400)]
    assert {p["fast_bars"] for p in drawn} == {1.0, 2.0, 3.0, 4.0}
    assert {p["slow_bars"] for p in drawn} == set(map(float, range(5, WARMUP + 1)))
    assert all(0 <= p["band_bps"] <= 4 for p in drawn)


@pytest.mark.parametrize("shards", [1, 2, 3])
def test_each_run_falls_into_its_makers_shard_and_the_shares_sum_up(shards):
    parts = [rules(runs_per_symbol=25, shard=shard, shards=shards).population for shard in range(shards)]
    assert sum(part.runs_here(A) for part in parts) == 25
    for part in parts:
        assert {shard_of(draw_run(part, A, number, 0).id, shards) for number in range(20)} == {part.shard}
