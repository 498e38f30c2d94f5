"""The live screen and the lines for those who have none."""

from __future__ import annotations

import io
from dataclasses import replace
from decimal import Decimal

import pytest
from rich.console import Console, ConsoleDimensions
from tests.unit.cli.pictures import BTC, decision, entry, order, picture, view

from threet.cli.demo.fleet import PartView, State
from threet.cli.demo.page import Moment, page, sparkline
from threet.cli.demo.screen import LiveScreen, PlainScreen, plain_line
from threet.cli.status.picture import Aged, Picture, Problem
from threet.domain.values import Unknown

PARTS = [PartView("redis", State.WELL, "", 1, 1, 5.0), PartView("observer_b", State.DIED, "died of SIGKILL", None, 2, 1.0)]


def moment(shown: Picture | None = None) -> Moment:
    return Moment(12.0, 48.0, "running", PARTS, shown or picture(), [], ["logs: here"])


def test_a_sparkline_rises_from_the_lowest_to_the_highest_value() -> None:
    assert sparkline([1, 2, 3, 4, 5, 6, 7, 8], 8) == "▁▂▃▄▅▆▇█"
    assert sparkline([5, 5, 5], 8) == "▄▄▄"
    assert sparkline([], 8) == ""


@pytest.mark.parametrize("count", [1, 7, 8, 9, 1000])
def test_a_sparkline_fits_and_ends_with_the_newest_value(count: int) -> None:
    line = sparkline(list(range(count)), 8)
    assert len(line) == min(8, count)
    assert count == 1 or line[-1] == "█"


def test_a_plain_line_tells_equity_consensus_positions_and_who_is_not_well() -> None:
    line = plain_line(moment())
    assert "equity 10,000.50 USD  agreed 2/2  held BTC +0.5, ETH +0.5" in line
    assert "NOT WELL: observer_b died" in line


def test_a_plain_line_never_turns_unknown_into_a_number() -> None:
    assert "equity unknown" in plain_line(moment(picture(account_value=Unknown("away"))))


def test_plain_lines_go_to_standard_error_so_that_the_summary_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    screen = PlainScreen()
    with screen:
        screen.show(moment())
        screen.say("redis died")
    out, err = capsys.readouterr()
    assert out == ""
    assert "logs: here" in err
    assert "redis died" in err


def test_the_live_screen_shows_parts_equity_orders_and_keeps_what_was_said() -> None:
    buffer = io.StringIO()
    with LiveScreen(Console(file=buffer, force_terminal=True, width=160, height=50)) as screen:
        screen.say("observer_b died of SIGKILL")
        screen.show(moment())
        screen.show(replace(moment(), picture=None))
    text = buffer.getvalue()
    for words in ("10,000.50", "redis", "Target 0.5 from 0", "logs: here", "48 s left"):
        assert words in text
    assert text.rstrip().endswith("observer_b died of SIGKILL")


TEN_PARTS = [PartView(f"a_rather_long_name_{number}", State.WELL, "", 1, 1, 5.0) for number in range(10)]
PROBLEMS = [Problem(f"problem {number}, told at some length", "what to do about it, in so many words") for number in range(6)]
HINTS = ["logs: here", "Flower: there", "another terminal: 3t status"]


def crowded() -> Moment:
    """Long numbers, many orders, many problems."""
    decided = entry("-0.0176012", "-0.0176012", result="inside the no-trade band (0.00012 of 0.00177283)")
    symbols = [
        replace(view(f"{base}/USDC:USDC", decided), price=Aged(Decimal("104691.5"), 1.0), actual=Decimal("-0.0176012"))
        for base in ("BTC", "DOGE", "ETH", "SOL")
    ]
    shown = picture(symbols=symbols, last_orders=[order()] * 8)
    return Moment(12.0, None, "running", TEN_PARTS, shown, PROBLEMS, HINTS)


def drawn(moment: Moment, width: int, height: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    equity, said = [float(number) for number in range(200)], [f"event {number}" for number in range(9)]
    with console.capture() as captured:
        console.print(page(moment, equity, said, ConsoleDimensions(width, height)))
    return captured.get().splitlines()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 30), (100, 30), (120, 40), (160, 48), (240, 70)])
def test_the_page_fits_its_terminal_and_shows_whole_numbers(width: int, height: int) -> None:
    for shown in (crowded(), replace(crowded(), problems=[]), replace(crowded(), picture=None)):
        lines = drawn(shown, width, height)
        assert len(lines) <= height
        assert all(hint in "\n".join(lines) for hint in HINTS)
        market = [line.split() for line in lines if " DOGE " in line]
        assert len(market) == (shown.picture is not None)
        for cells in market:
            assert {"104,691.5", "-0.0176012", "+0.25", "agreed"} <= set(cells)


def test_a_wide_page_shows_what_a_position_is_worth() -> None:
    assert any("-1,843" in line for line in drawn(crowded(), 120, 40))


def test_more_problems_than_fit_are_counted() -> None:
    text = "\n".join(drawn(crowded(), 160, 48))
    assert "problem 2, told" in text
    assert "and 3 more: see 3t status" in text


def test_a_low_page_names_only_the_parts_that_are_not_well() -> None:
    assert any("all 10 parts are well" in line for line in drawn(crowded(), 80, 24))
    ill = PartView("providence", State.ILL, "", 1, 1, 5.0)
    text = "\n".join(drawn(replace(crowded(), parts=[*TEN_PARTS, ill]), 80, 24))
    assert "providence ill" in text
    assert "a_rather_long_name" not in text


def test_two_markets_of_one_coin_keep_their_whole_names() -> None:
    shown = picture(symbols=[view(BTC), view("BTC/USDT:USDT")])
    text = "\n".join(drawn(moment(shown), 160, 48))
    assert "BTC/USDC:USDC" in text
    assert "BTC/USDT:USDT" in text


def test_what_a_blocked_cycle_would_have_done_is_not_told_as_done() -> None:
    shown = picture(symbols=[view(BTC, entry(result="buy 0.1"))], decision=decision(status="blocked", reason="halted: lunch"))
    assert "not sent: buy 0.1" in "\n".join(drawn(moment(shown), 120, 40))
    assert "not sent" not in "\n".join(drawn(moment(replace(shown, decision=decision())), 120, 40))


def test_a_part_that_was_stopped_on_purpose_is_not_called_ill() -> None:
    assert "NOT WELL" not in plain_line(replace(moment(), parts=[PartView("providence", State.STOPPED, "", None, 1, 1.0)]))
