"""The picture of a run: dots where the values are, marks where the trades are, an equity that is the accounting's."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from threet.adapters.run_files import RunEntry, RunFile
from threet.adapters.sql.run_list import ListedRun
from threet.cli.run.canvas import Canvas, resampled
from threet.cli.run.picture import make_picture
from threet.cli.run.render import print_run
from threet.domain.values import Unknown

MINUTE = 60_000
AT = datetime(1970, 1, 1, 1, 0, tzinfo=UTC)
CANDLES = [(float(i * MINUTE), 100.0, 111.0, 99.0, 100.0 + i, 1.0) for i in range(10)]


def row(**changes: object) -> ListedRun:
    values = {
        "id": "00000000-0000-4000-8000-000000000001",
        "symbol": "BTC/USDC:USDC",
        "strategy": "trend",
        "parameters": {"fast_bars": 2.0},
        "direction": 1,
        "live_pnl": 50.0,
        "start_balance": 1000.0,
        "closed_trades": 0,
        "votes": True,
        "status": "active",
        "exit_reason": None,
        "started_at": datetime(1970, 1, 1, tzinfo=UTC),
        "ended_at": None,
        "updated_at": AT,
    }
    return ListedRun(**values | changes)  # type: ignore[arg-type]


def file(*entries: RunEntry, last_price: float = 109.0) -> RunFile:
    return RunFile(AT, 0, 1000.0, 1.0, 0.0, 50.0, 100.0, 0, 10 * MINUTE, 0.0, last_price, None, {"fast_bars": 2.0}, entries)


def drawn(*entries: RunEntry, candles: object = CANDLES, width: int = 60) -> str:
    market_time = datetime.fromtimestamp(600, UTC)
    picture = make_picture(row(), file(*entries), market_time, candles, MINUTE)  # type: ignore[arg-type]
    console = Console(width=width, color_system=None, force_terminal=False, record=True, file=StringIO())
    print_run(console, picture, 5)
    return console.export_text()


BUY, SELL = RunEntry("trade", 2 * MINUTE, 101.0, 5.0), RunEntry("trade", 7 * MINUTE, 106.0, -5.0)


def test_the_equity_is_the_accounting_s_at_each_price() -> None:
    picture = make_picture(row(), file(BUY, SELL), datetime.fromtimestamp(600, UTC), CANDLES, MINUTE)
    at = dict(zip(picture.equity.times, picture.equity.values, strict=True))
    assert at[0.0] == 1000.0
    assert at[1.0 * MINUTE] == 1000.0
    assert at[5.0 * MINUTE] == 1000.0 + 5 * (104.0 - 101.0)
    assert at[7.0 * MINUTE] == at[10.0 * MINUTE] == 1000.0 + 5 * (106.0 - 101.0)
    assert picture.directions.values == (0.0, 1.0, 0.0)


def test_funding_is_paid_from_the_equity() -> None:
    funding = RunEntry("funding", 3 * MINUTE, 2.0, 5.0)
    picture = make_picture(row(), file(BUY, funding), datetime.fromtimestamp(600, UTC), CANDLES, MINUTE)
    assert picture.equity.values[-1] == 1000.0 + 5 * (109.0 - 101.0) - 10.0


def test_each_trade_has_its_mark_at_its_price_and_time() -> None:
    above = drawn(BUY, SELL).split("equity")[0]
    chart = [line for line in above.splitlines() if "┤" in line or "│" in line]
    (buy_line, buy) = next((number, line) for number, line in enumerate(chart) if "▲" in line)
    (sell_line, sell) = next((number, line) for number, line in enumerate(chart) if "▼" in line)
    assert sell_line < buy_line, "what was sold higher stands higher"
    assert sell.index("▼") > buy.index("▲"), "what was sold later stands farther right"


def test_candles_outside_of_its_life_are_not_drawn() -> None:
    picture = make_picture(row(), file(BUY), datetime.fromtimestamp(300, UTC), CANDLES, MINUTE)
    assert max(picture.price.times) == 300_000
    assert picture.price.values[-1] == 109.0, "the last mark"


@pytest.mark.parametrize(("candles", "told"), [(Unknown("away"), "(away)"), ([], "in Redis no more")])
def test_without_candles_its_own_trades_are_the_price_and_it_says_so(candles: object, told: str) -> None:
    assert told in drawn(BUY, SELL, candles=candles)


@pytest.mark.parametrize("entries", [(), (BUY,), (BUY, RunEntry("trade", 2 * MINUTE, 101.0, -5.0))])
def test_a_run_with_few_trades_or_a_flat_price_is_drawn_too(entries: tuple[RunEntry, ...]) -> None:
    shown = drawn(*entries, candles=[(float(i * MINUTE), 5.0, 5.0, 5.0, 5.0, 1.0) for i in range(5)])
    assert "equity" in shown
    assert ("No trades" in shown) == (not entries)


def test_no_line_is_wider_than_the_terminal() -> None:
    chart = drawn(BUY, SELL, width=60).split("\n\n", 1)[1]
    axis = [line for line in chart.splitlines() if "┤" in line or "│" in line or "└" in line]
    assert len(axis) == 22
    assert max(len(line) for line in axis) <= 60


@given(st.integers(0, 19), st.integers(0, 15))
def test_a_dot_is_in_the_character_that_holds_its_place(x: int, y: int) -> None:
    canvas = Canvas(10, 4)
    canvas.dot(x, y, "green")
    lines = [line.plain for line in canvas.lines()]
    assert lines[y // 4][x // 2] != " "
    assert sum(character != " " for line in lines for character in line) == 1


@given(st.integers(-5, 30), st.integers(-5, 30))
def test_what_lies_outside_is_left_out(x: int, y: int) -> None:
    canvas = Canvas(3, 2)
    canvas.dot(x, y, "")
    canvas.mark(x, y, "▲", "")
    assert [len(line.plain) for line in canvas.lines()] == [3, 3]


@given(st.lists(st.integers(0, 100), min_size=1, max_size=20, unique=True), st.integers(1, 50))
def test_each_column_shows_the_value_that_held_in_its_middle(times: list[int], columns: int) -> None:
    rising = sorted(times)
    found = resampled(rising, [float(at) for at in rising], columns, 0, 100)
    for column, value in enumerate(found):
        middle = 100 * (column + 0.5) / columns
        before = [at for at in rising if at <= middle]
        assert value == (float(before[-1]) if before else None)
