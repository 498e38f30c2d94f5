"""The strategies and their indicators against plain references, number by number."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.market_steps import walk

from threet.engine import indicators
from threet.engine.bars import Bars
from threet.engine.breakout import Breakout
from threet.engine.strategies import built_in
from threet.engine.strategy_check import check

CLOSES = st.lists(st.sampled_from([1.0, 2.0, 3.0, 4.0, 5.0]), min_size=3, max_size=30)
RANGES: dict[str, dict[str, tuple[float, float]]] = {
    "trend": {"fast_bars": (1, 8), "slow_bars": (9, 40), "band_bps": (0, 6)},
    "breakout": {"channel_bars": (2, 40), "atr_bars": (1, 20), "stop_atrs": (0.5, 4)},
    "entropy": {"fast_bars": (1, 8), "slow_bars": (9, 40), "entropy_bars": (2, 60), "most_entropy": (0.5, 1)},
}


@given(CLOSES)
def test_permutation_entropy_is_that_of_the_counted_orders(closes):
    found = indicators.permutation_entropy(np.array([closes])).whole()[0]
    for triples in range(1, len(closes) - 1):
        window = closes[len(closes) - triples - 2 :]
        orders = [tuple(np.argsort(window[at : at + 3], kind="stable")) for at in range(triples)]
        shares = [orders.count(order) / triples for order in set(orders)]
        assert found[triples - 1] == pytest.approx(-sum(p * math.log(p) for p in shares) / math.log(6), abs=1e-12)


def test_permutation_entropy_tells_order_from_chance():
    rising = indicators.permutation_entropy(np.arange(100.0)[None]).whole()[0, -1]
    chance = indicators.permutation_entropy(np.random.default_rng(1).random((1, 1_000))).whole()[0, -1]
    assert rising == 0.0
    assert 0.99 < chance <= 1.0


@given(CLOSES)
def test_the_channel_is_that_of_the_bars_before_the_newest(values):
    high, low = (indicator(np.array([values])).whole()[0] for indicator in (indicators.donchian_high, indicators.donchian_low))
    for bars in range(1, len(values)):
        before = values[-1 - bars : -1]
        assert (high[bars - 1], low[bars - 1]) == (max(before), min(before))


@given(st.lists(st.tuples(st.floats(1, 9), st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=20))
def test_the_average_true_range_counts_the_jump_between_two_bars(bars):
    close = [c for c, _, _ in bars]
    high, low = [c + up for c, up, _ in bars], [c - down for c, _, down in bars]
    found = indicators.average_true_range(np.array([high]), np.array([low]), np.array([close])).whole()[0]
    ranges = [max(h - lo, abs(h - c), abs(lo - c)) for h, lo, c in zip(high[1:], low[1:], close, strict=False)]
    for bars_back in range(1, len(close)):
        assert found[bars_back - 1] == pytest.approx(sum(ranges[-bars_back:]) / bars_back)


def _breakout(closes: list[float], stop: float) -> list[int]:
    """The directions of one run, channel of 3 bars, true range of 1 in every bar."""
    directions, direction, state = [], np.array([0]), np.zeros((1, 1))
    for end in range(5, len(closes) + 1):
        close = np.array([closes[end - 5 : end]])
        bars = Bars.of(close, close + 0.5, close - 0.5, close, close)
        direction, state = Breakout().decide(bars, np.array([0]), np.array([[3.0, 4.0, stop]]), state, direction)
        directions.append(int(direction[0]))
    return directions


def test_a_breakout_is_held_until_the_stop_and_turns_at_the_other_side():
    flat = [10.0] * 5
    assert _breakout([*flat, 11, 12, 13], stop=2) == [0, 1, 1, 1]
    assert _breakout([*flat, 9, 8], stop=2) == [0, -1, -1]
    assert _breakout([*flat, 11, 12, 13, 12.8, 12.6], stop=9) == [0, 1, 1, 1, 1, 1]
    assert _breakout([*flat, 11, 15, 14.6, 14.2, 13.9, 13.7], stop=0.3)[-1] == 0, "behind the best close by more than the stop"
    assert _breakout([*flat, 11, 12, 5], stop=90)[-1] == -1, "the other side of the channel needs no stop"


@pytest.mark.parametrize("name", sorted(built_in()))
def test_each_of_ours_passes_the_check_and_trades(name):
    candles = {symbol: np.array(walk(symbol, 240, 3)) for symbol in ("A", "B")}
    verdict = check(lambda: built_in()[name], candles, RANGES[name], seed=2)
    assert verdict.problems == ()
    assert verdict.trades > 50


def test_the_bits_do_not_depend_on_the_company_in_the_call():
    """A restart may ask for one symbol where the first life asked for many."""
    values = np.array([[row[4] for row in walk(symbol, 60, 1)] for symbol in "ABCDEFGHI"])
    for indicator in (indicators.running_means, indicators.permutation_entropy, indicators.donchian_high):
        together = indicator(values).whole()
        for row, alone in itertools.product(range(len(values)), (slice(None), slice(10, None))):
            single = indicator(values[row : row + 1, alone]).whole()[0]
            assert (together[row, : len(single)] == single).all()


def test_entropies_have_the_same_bits_where_counts_have_too_many_digits_for_one_number():
    closes = np.random.default_rng(4).normal(100, 2, (2, 1_200)).round(1)
    long, short = (indicators.permutation_entropy(values).whole() for values in (closes, closes[:, -1_000:]))
    assert (long[:, : short.shape[1]] == short).all()


def test_the_bits_do_not_depend_on_the_longest_length_in_the_call():
    """Nor does a length that is asked for later than a longer one, or before it."""
    high, low, close = (np.array([[row[column] for row in walk(symbol, 60, 1)] for symbol in "ABC"]) for column in (2, 3, 4))
    makers = (
        lambda: indicators.running_means(close),
        lambda: indicators.permutation_entropy(close),
        lambda: indicators.donchian_low(low),
        lambda: indicators.average_true_range(high, low, close),
    )
    rows = np.arange(3)
    for make in makers:
        whole, rising, falling = make().whole(), make(), make()
        for length in range(1, whole.shape[1] + 1):
            assert (rising.at(rows, np.full(3, length)) == whole[:, length - 1]).all()
        for length in range(whole.shape[1], 0, -1):
            assert (falling.at(rows, np.full(3, length)) == whole[:, length - 1]).all()
        with pytest.raises(IndexError):
            rising.at(rows, np.full(3, whole.shape[1] + 1))
