"""Windows of closed candles, and the averages over them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.support.market_steps import MINUTE_MS, walk

from threet.engine.bars import Bars
from threet.engine.market import Market

BTC = "BTC/USDC:USDC"


def closes(market: Market, symbol: str = BTC) -> list[float]:
    saved = market.saved(symbol)
    return saved.candles[:, 4].tolist()


def test_a_window_is_warm_when_it_is_full():
    market, candles = Market(MINUTE_MS, 5), walk(BTC, 6, seed=1)
    market.append(BTC, candles[:4])
    assert not market.is_warm(BTC)
    market.append(BTC, candles[4:])
    assert market.is_warm(BTC)
    assert closes(market) == [row[4] for row in candles[1:]]
    assert market.newest_close_ms(BTC) == 6 * MINUTE_MS


@given(st.data())
def test_candles_of_many_symbols_at_once_are_those_of_one_after_the_other(data):
    """With gaps, repetitions and whole histories among them, until the windows were moved several times."""
    names = ("A", "B", "C")
    walks = {name: walk(name, 40, seed=1) for name in names}
    together, alone, at = Market(MINUTE_MS, 5), Market(MINUTE_MS, 5), dict.fromkeys(names, 0)
    for _ in range(data.draw(st.integers(1, 30))):
        closed = {}
        for name in data.draw(st.sets(st.sampled_from(names))):
            back, count = data.draw(st.sampled_from([(0, 1), (0, 1), (0, 1), (0, 6), (3, 3), (-1, 1), (0, 0)]))
            start = max(0, at[name] - back)
            closed[name] = walks[name][start : start + count]
            at[name] = start + len(closed[name])
        assert together.append_all(closed) == [name for name, rows in closed.items() if alone.append(name, rows)]
        for name in closed:
            assert together.saved(name).candles.tobytes() == alone.saved(name).candles.tobytes()
            assert together.newest_close_ms(name) == alone.newest_close_ms(name)
        warm = [together.index[name] for name in closed if together.is_warm(name)]
        assert together.warm_rows(list(closed)).tolist() == warm
        windows = [together.saved(together.names[row]).candles[:, 4] for row in warm]
        assert not warm or np.array_equal(together.bars(np.array(warm)).close, np.array(windows))
        assert (together.missing, together.gaps) == (alone.missing, alone.gaps)


def test_candles_that_are_there_are_passed_over():
    market, candles = Market(MINUTE_MS, 5), walk(BTC, 6, seed=1)
    assert market.append(BTC, candles) == 6
    assert market.append(BTC, candles[2:]) == 0
    assert closes(market) == [row[4] for row in candles[1:]]


def test_a_gap_empties_the_window_so_that_no_average_reaches_across_it():
    market, candles = Market(MINUTE_MS, 3), walk(BTC, 9, seed=1)
    market.append(BTC, candles[:5])
    market.append(BTC, candles[6:8])
    assert not market.is_warm(BTC)
    assert closes(market) == [row[4] for row in candles[6:8]]
    market.append(BTC, candles[8:])
    assert market.is_warm(BTC)


def test_a_history_that_reaches_behind_a_gap_fills_it():
    market, candles = Market(MINUTE_MS, 5), walk(BTC, 12, seed=1)
    market.append(BTC, candles[:6])
    market.append(BTC, candles[8:9])
    assert market.missing == {BTC: (6 * MINUTE_MS, 8 * MINUTE_MS)}
    assert market.append(BTC, candles[:9]) == 0, "nothing newer: no decision on a bar that was decided on"
    assert market.is_warm(BTC)
    assert not market.missing
    assert closes(market) == [row[4] for row in candles[4:9]]
    market.append(BTC, candles[11:12])
    assert market.append(BTC, [*candles[:10], candles[11]]) == 0
    assert not market.is_warm(BTC), "the history has the same gap: it cannot be filled"
    assert market.missing == {BTC: (10 * MINUTE_MS, 11 * MINUTE_MS)}


def test_a_full_window_takes_no_history():
    market, candles = Market(MINUTE_MS, 5), walk(BTC, 12, seed=1)
    market.append(BTC, candles[4:10])
    before = market.saved(BTC).candles.tobytes()
    assert market.append(BTC, walk(BTC, 10, seed=2)) == 0
    assert market.saved(BTC).candles.tobytes() == before


def test_a_saved_window_loads_to_the_same_bits_and_a_longer_one_keeps_its_newest():
    market, candles = Market(MINUTE_MS, 5), walk(BTC, 8, seed=2)
    market.append(BTC, candles)
    same, shorter = Market(MINUTE_MS, 5), Market(MINUTE_MS, 3)
    for other in (same, shorter):
        other.load(BTC, market.saved(BTC))
    assert np.array_equal(same.saved(BTC).candles, market.saved(BTC).candles)
    assert closes(shorter) == [row[4] for row in candles[-3:]]


@given(st.lists(st.floats(0.001, 1e6), min_size=3, max_size=40), st.integers(1, 5))
def test_averages_do_not_depend_on_how_many_symbols_are_asked_at_once(values, copies):
    row = np.array(values)
    lengths = np.arange(1, len(values) + 1)
    one = _bars(row[None, :]).mean_close(np.zeros_like(lengths), lengths)
    many = _bars(np.vstack([np.roll(row, k) for k in range(copies)] + [row])).mean_close(np.full_like(lengths, copies), lengths)
    assert one.tobytes() == many.tobytes()
    for bars in (1, 2, len(values)):
        assert np.isclose(one[bars - 1], row[-bars:].mean(), rtol=1e-12)


def _bars(close: np.ndarray) -> Bars:
    return Bars.of(close, close, close, close, close)
