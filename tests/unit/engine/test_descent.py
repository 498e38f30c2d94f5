"""Descent: a share of the new runs takes after the best finished ones; without it no draw is another; the numbers by symbol."""

import dataclasses
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.market_steps import WARMUP, A, B, Prices, rules, session, state_of, take

from threet.engine.descent import Ancestor, Ancestors, DescentRules
from threet.engine.engine import Engine
from threet.engine.population import draw_run

HALF = DescentRules(share=0.5, mutation=0.1, best=5)


def ancestor(number, gain=0.01, strategy="trend", symbol=A, **parameters):
    known = {"fast_bars": 2.0, "slow_bars": 10.0, "band_bps": 1.0}
    return Ancestor(f"00000000-0000-4000-8000-{number:012d}", symbol, strategy, gain, known | parameters)


def drawn(descent, ancestors, count=400):
    told = rules(descent=descent).population
    return [draw_run(told, A, number, 0, ancestors) for number in range(count)]


@given(st.lists(st.tuples(st.integers(0, 40), st.floats(-0.1, 0.1)), max_size=30, unique_by=lambda one: one[0]), st.randoms())
def test_the_ancestors_are_the_best_that_gained_in_whatever_order_they_finished(finished, chance):
    found = []
    for _ in range(2):
        chance.shuffle(finished)
        pool = Ancestors(4)
        for number, gain in finished:
            pool.take(ancestor(number, gain))
        found.append(pool.of(A))
    assert found[0] == found[1]
    gains = sorted((gain for _, gain in finished if gain > 0), reverse=True)[:4]
    assert [one.gain for one in found[0]] == gains


def test_ancestors_that_are_taken_again_count_once():
    pool = Ancestors(4)
    assert pool.take(ancestor(1))
    assert not pool.take(ancestor(1))
    assert len(pool.all()) == 1


def test_the_share_descends_and_says_from_whom():
    pool = [ancestor(1), ancestor(2, fast_bars=4.0, slow_bars=20.0, band_bps=4.0)]
    runs = drawn(HALF, pool)
    parents = Counter(run.parent for run in runs)
    assert 150 < len(runs) - parents[None] < 250
    assert set(parents) == {None, pool[0].run_id, pool[1].run_id}
    for run in runs:
        if run.parent == pool[0].run_id:
            assert abs(run.parameters["fast_bars"] - 2) <= 0.5
            assert abs(run.parameters["slow_bars"] - 10) <= (WARMUP - 5) * 0.1 + 0.5
            assert abs(run.parameters["band_bps"] - 1) <= 0.4
        if run.parent == pool[1].run_id:
            assert run.parameters["slow_bars"] <= 20
            assert 3.6 <= run.parameters["band_bps"] <= 4


def test_what_descent_does_not_touch_is_drawn_as_without_it():
    kept = ("id", "number", "ends_ms", "max_loss_usd", "target_usd", "started_ms")
    plain, some = drawn(DescentRules(), [ancestor(1)]), drawn(HALF, [ancestor(1)])
    for one, other in zip(plain, some, strict=True):
        assert one.parent is None
        assert all(getattr(one, name) == getattr(other, name) for name in kept)
        assert other.parent or one == other


def test_an_ancestor_of_a_strategy_that_is_gone_has_no_descendants():
    assert {run.parent for run in drawn(HALF, [ancestor(1, strategy="gone")])} == {None}


def test_a_parent_that_cannot_be_moved_into_what_is_accepted_gives_a_fresh_draw():
    impossible = ancestor(1, fast_bars=30.0, slow_bars=5.0)  # clipped to 4 and 5, which are accepted: a band beyond is cut to its range
    for run in drawn(DescentRules(share=1.0, mutation=0.0, best=5), [impossible], count=20):
        assert (run.parent, run.parameters["fast_bars"]) == (impossible.run_id, 4.0)


def played(descent, bars=150):
    engine = Engine(rules(descent=descent))
    engine.on_products((A, B))
    return engine, [take(engine, step) for step in session((A, B), bars=bars)]


def test_descendants_stay_in_their_symbol_and_their_parents_finished_with_a_gain():
    engine, effects = played(HALF)
    started = [spec for effect in effects for spec in effect.started]
    ended = {image.spec.id: image for effect in effects for image in effect.ended}
    children = [spec for spec in started if spec.parent]
    assert len(children) > 20
    for spec in children:
        parent = ended[spec.parent]
        assert parent.spec.symbol == spec.symbol
        assert parent.live_pnl > 0
    assert {one.run_id for one in engine.ancestors.all()} <= set(ended)
    assert len(engine.ancestors.of(A)) == 5


def test_without_descent_nothing_is_remembered_and_nothing_is_another():
    plain, effects = played(DescentRules())
    assert not any(effect.ancestors for effect in effects)
    other, _ = played(dataclasses.replace(HALF, share=0.0))
    assert state_of(other) == state_of(plain)


@pytest.mark.parametrize("shards", [1, 3])
def test_symbols_have_runs_by_their_weights(shards):
    counts: Counter[str] = Counter()
    for shard in range(shards):
        engine = Engine(rules(runs_per_symbol=12, shard=shard, shards=shards, weights={B: 2.5}))
        engine.on_products((A, B))
        for step in session((A, B), bars=2):
            take(engine, step)
        counts.update(spec.symbol for spec in engine.runs.specs if spec)
    assert counts == {A: 12, B: 30}


def test_a_person_ends_a_run_and_it_is_replaced_at_once():
    engine, _ = played(DescentRules(), bars=30)
    run_id = next(run_id for run_id, slot in sorted(engine.runs.slot_of.items()) if engine.runs.size[slot] != 0)
    effects = engine.on_wishes({run_id: "ended by a person", "00000000-0000-4000-8000-000000000000": "nobody's"})
    (image,) = effects.ended
    assert (image.spec.id, image.exit_reason, image.direction) == (run_id, "ended by a person", 0)
    assert len(effects.started) == 1
    assert not engine.on_wishes({run_id: "ended by a person"}).ended, "the same wish again changes nothing"
    assert take(engine, Prices(10**8, {A: 100.0, B: 100.0})) is not None
