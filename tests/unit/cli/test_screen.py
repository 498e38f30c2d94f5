"""The live screen and the lines for those who have none."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console
from tests.unit.cli.pictures import picture

from threet.cli.demo.fleet import PartView, State
from threet.cli.demo.screen import LiveScreen, Moment, PlainScreen, plain_line, sparkline
from threet.cli.status.picture import Picture
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
