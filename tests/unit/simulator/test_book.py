"""The book: its shape around the mark, what a taker leaves of it, and how it fills again."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threet.simulator.book import Book, BookShape
from threet.simulator.coins import DEFAULT_COINS, CoinSpec
from threet.simulator.wire import is_valid_price, is_valid_size

BTC = DEFAULT_COINS[0]
MARK = Decimal(100_000)
SHAPE = BookShape(levels=5, usd_per_level=Decimal(10_000), half_spread_bps=Decimal(1), level_step_bps=Decimal(1), refill_seconds=2.0)


def _usd(book: Book, wall_ms: int, mark: Decimal = MARK) -> Decimal:
    return sum((level.price * level.size for level in book.side(BTC, mark, True, wall_ms)), Decimal(0))


@given(st.sampled_from(DEFAULT_COINS), st.booleans(), st.floats(0.5, 2.0))
def test_levels_are_valid_prices_and_lots_in_strict_order_away_from_the_mark(spec: CoinSpec, asks: bool, factor: float) -> None:
    mark = spec.base_price * Decimal(repr(round(factor, 4)))
    levels = Book(SHAPE).side(spec, mark, asks, 0)
    prices = [level.price for level in levels]
    assert len(levels) == 5
    assert prices == sorted(set(prices), reverse=not asks)
    assert prices[0] > mark if asks else prices[0] < mark
    assert all(is_valid_price(level.price, spec.sz_decimals) and is_valid_size(level.size, spec.sz_decimals) for level in levels)


def test_what_is_taken_is_gone_from_the_best_level_outward() -> None:
    book = Book(SHAPE)
    before = book.side(BTC, MARK, True, 0)
    book.take(BTC, MARK, True, Decimal(15_000), 0)
    after = book.side(BTC, MARK, True, 0)
    assert [level.price for level in after] == [level.price for level in before[1:]]
    assert after[0].size == pytest.approx(before[1].size / 2, rel=Decimal("0.01"))
    assert book.side(BTC, MARK, False, 0) == Book(SHAPE).side(BTC, MARK, False, 0)


def test_an_emptied_side_is_full_again_after_the_refill_time_and_half_full_after_half_of_it() -> None:
    book = Book(SHAPE)
    book.take(BTC, MARK, True, Decimal(50_000), 0)
    assert book.side(BTC, MARK, True, 0) == []
    assert _usd(book, 1_000) == pytest.approx(Decimal(25_000), rel=Decimal("0.01"))
    assert _usd(book, 2_000) == pytest.approx(Decimal(50_000), rel=Decimal("0.01"))


def test_a_price_that_moved_by_more_than_a_level_brings_a_full_book() -> None:
    book = Book(SHAPE)
    book.take(BTC, MARK, True, Decimal(50_000), 0)
    assert _usd(book, 0, MARK * Decimal("1.00005")) == 0
    assert _usd(book, 0, MARK * Decimal("1.0002")) > 0
