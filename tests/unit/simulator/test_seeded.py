"""The seeded market is a function of seed, coin and bar; its regimes pay and cost a trend follower as promised."""

from __future__ import annotations

import numpy as np
import pytest

from threet.simulator.bars import CLOSE, HIGH, LOW, OPEN
from threet.simulator.seeded import BLOCK_BARS, SeededSource, _range, _trend

FIRST = 29_900_000  # about the year 2026


def test_bars_do_not_depend_on_the_order_of_asking() -> None:
    one, other = SeededSource(5, "BTC", 100_000.0), SeededSource(5, "BTC", 100_000.0)
    other.rows(FIRST + 5000, FIRST + 5100)
    whole = one.rows(FIRST, FIRST + 3000)
    parts = [other.rows(FIRST + start, FIRST + start + 500) for start in range(2500, -1, -500)]
    assert np.array_equal(whole, np.concatenate(parts[::-1]))


def test_another_seed_or_coin_is_another_market() -> None:
    rows = SeededSource(5, "BTC", 100.0).rows(FIRST, FIRST + 100)
    assert not np.allclose(rows, SeededSource(6, "BTC", 100.0).rows(FIRST, FIRST + 100))
    assert not np.allclose(rows, SeededSource(5, "ETH", 100.0).rows(FIRST, FIRST + 100))


def test_bars_enclose_their_prices_and_join_without_gaps_over_the_blocks() -> None:
    rows = SeededSource(9, "ETH", 2500.0).rows(FIRST, FIRST + 4 * BLOCK_BARS)
    assert np.allclose(rows[1:, OPEN], rows[:-1, CLOSE], rtol=1e-12)
    assert (rows[:, HIGH] >= rows[:, [OPEN, CLOSE]].max(axis=1)).all()
    assert (rows[:, LOW] <= rows[:, [OPEN, CLOSE]].min(axis=1)).all()


def test_a_minute_moves_by_five_to_fifteen_hundredths_of_a_percent() -> None:
    for coin in ("BTC", "ETH", "SOL", "DOGE"):
        returns = np.diff(np.log(SeededSource(3, coin, 100.0).rows(FIRST, FIRST + 20_000)[:, CLOSE]))
        assert 0.0005 < returns.std() < 0.0015


def test_prices_stay_around_their_level() -> None:
    closes = SeededSource(3, "BTC", 100.0).rows(FIRST, FIRST + 200_000)[:, CLOSE]
    assert 60 < closes.min() < closes.max() < 165


def _follower(log_prices: np.ndarray, fast: int = 10, slow: int = 30) -> np.ndarray:
    """PnL per minute of a crossing of two moving averages, as a fraction, with 6 basis points per change of side."""
    prices = np.exp(log_prices)
    averages = [np.convolve(prices, np.ones(length) / length)[: len(prices)] for length in (fast, slow)]
    side = np.sign(averages[0] - averages[1])[:-1]
    pnl: np.ndarray = side * np.diff(log_prices)
    pnl[1:] -= np.abs(np.diff(side)) * 0.0003
    return pnl[slow:]


@pytest.mark.parametrize("coin", ["BTC", "ETH", "SOL"])
def test_a_trend_follower_earns_over_forty_minutes_more_often_than_not(coin: str) -> None:
    pnl = _follower(np.log(SeededSource(7, coin, 100.0).rows(FIRST, FIRST + 40_000)[:, CLOSE]))
    windows = pnl[: len(pnl) // 40 * 40].reshape(-1, 40).sum(axis=1)
    assert (windows > 0).mean() > 0.55
    assert windows.mean() > 0


def test_ranges_cost_a_trend_follower_and_trends_pay_it() -> None:
    rng = np.random.default_rng(1)
    ranges = [_follower(np.cumsum(_range(rng, 0.001))).sum() for _ in range(300)]
    trends = [_follower(np.cumsum(_trend(rng, 0.001))).sum() for _ in range(300)]
    assert np.mean(ranges) < 0 < np.mean(trends)
