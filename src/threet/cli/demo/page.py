"""The live page, made to fit its terminal: what matters most comes first, the rest gets the lines that are left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import ConsoleDimensions, Group, RenderableType
from rich.panel import Panel
from rich.style import Style
from rich.table import Table
from rich.text import Text

from threet.cli.demo.fleet import PartView, State
from threet.cli.demo.markets import markets_table
from threet.cli.status.picture import Picture, Problem
from threet.cli.status.render import last_decision, orders_table, runs_text
from threet.domain.values import Unknown

_BARS = "▁▂▃▄▅▆▇█"
_EVENTS_SHOWN = 5
_PROBLEMS_SHOWN = 4
_LEAST_ORDERS = 2
_ORDER_HEAD_LINES = 3
_FRAME_LINES = 2
_FRAME_COLUMNS = 4
_LOW = 30
"""Lines of a terminal below which parts that are well share one line."""

_STYLES = {
    State.WELL: "green",
    State.STARTING: "cyan",
    State.WAITING: "dim",
    State.ILL: "yellow",
    State.DIED: "bold red",
    State.STOPPED: "dim",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything to show at one time. ``remaining_seconds`` is None for a show without an end."""

    elapsed_seconds: float
    remaining_seconds: float | None
    phase: str
    parts: Sequence[PartView]
    picture: Picture | None
    problems: Sequence[Problem]
    hints: Sequence[str]


def page(moment: Moment, equity: Sequence[float], said: Sequence[str], size: ConsoleDimensions) -> RenderableType:
    """``equity`` and ``said`` oldest first. Not taller than the terminal, where that has the usual 24 lines."""
    picture, width = moment.picture, size.width - _FRAME_COLUMNS
    head: list[RenderableType] = [_equity_line(picture, equity, width)]
    taken = _FRAME_LINES
    if picture is not None:
        head += [_line(*_plain(last_decision(picture))), _line(*_runs(picture)), Text(""), markets_table(picture, width), Text("")]
        taken += len(picture.symbols)
    parts, hints = _parts(moment.parts, width, size.height < _LOW), [_line(hint, "cyan") for hint in moment.hints]
    problems = _problems(moment.problems)
    left = size.height - taken - len(head) - len(parts) - len(problems) - len(hints)
    orders, used = _orders(picture, left)
    events = [_line(f"· {line}", "dim") for line in said][-_EVENTS_SHOWN:][-max(0, left - used) :] if left > used else []
    rows = [*head, *orders, *problems, *parts, *events, *hints]
    return Panel(Group(*rows), title=_title(moment), subtitle="Ctrl-C stops everything")


def sparkline(values: Sequence[float], width: int) -> str:
    """The values as bars, squeezed into ``width`` characters; each bar is the last value of its share."""
    if not values or width < 1:
        return ""
    count = min(width, len(values))
    points = [values[(index + 1) * len(values) // count - 1] for index in range(count)]
    low, high = min(points), max(points)
    span = high - low
    return "".join(_BARS[3] if span == 0 else _BARS[min(7, int((value - low) / span * 8))] for value in points)


def _title(moment: Moment) -> str:
    left = "" if moment.remaining_seconds is None else f", {max(0.0, moment.remaining_seconds):.0f} s left"
    return f"3T, the Tactical Trend Trader: {moment.phase}, {moment.elapsed_seconds:.0f} s{left}"


def _equity_line(picture: Picture | None, equity: Sequence[float], width: int) -> Text:
    if picture is None:
        return Text("equity: not known yet", style="dim")
    if isinstance(picture.account_value, Unknown):
        return _line(f"equity unknown: {picture.account_value.reason}", "yellow")
    change = equity[-1] - equity[0] if equity else 0.0
    style = "green" if change >= 0 else "red"
    head = Text(f"equity {picture.account_value.value:,.2f} USD ", style="bold") + Text(f"{change:+,.2f} since the start ", style=style)
    return head + Text(sparkline(equity, max(1, width - head.cell_len)), style=style)


def _runs(picture: Picture) -> tuple[str, str | Style]:
    text = runs_text(picture)
    return f"Providence: {text.plain}", text.style


def _problems(problems: Sequence[Problem]) -> list[Text]:
    lines = [_line(f"! {problem.what} → {problem.cure}", "yellow") for problem in problems[:_PROBLEMS_SHOWN]]
    more = len(problems) - _PROBLEMS_SHOWN
    return lines if more <= 0 else [*lines[:-1], _line(f"! and {more + 1} more: see 3t status", "yellow")]


def _orders(picture: Picture | None, left: int) -> tuple[list[RenderableType], int]:
    """The last orders, as many as fit, and the lines that they take."""
    if picture is None or left < _ORDER_HEAD_LINES + _LEAST_ORDERS:
        return [], 0
    known = 1 if isinstance(picture.last_orders, Unknown) else max(1, len(picture.last_orders))
    most = min(known, left - _ORDER_HEAD_LINES)
    return [orders_table(picture, most=most, one_line_each=True), Text("")], most + _ORDER_HEAD_LINES


def _parts(parts: Sequence[PartView], width: int, low: bool) -> list[RenderableType]:
    """One renderable for each line."""
    well = sum(part.state is State.WELL for part in parts)
    if low and well == len(parts):
        return [Text(f"● all {well} parts are well", style=_STYLES[State.WELL])]
    shown = [part for part in parts if part.state is not State.WELL] if low else list(parts)
    longest = max((_part(part).cell_len for part in shown), default=1)
    columns = max(1, width // (longest + 2))
    lines: list[RenderableType] = []
    for start in range(0, len(shown), columns):
        line = Table.grid(padding=(0, 2, 0, 0))
        for _ in range(columns):
            line.add_column(min_width=longest, no_wrap=True)
        line.add_row(*(_part(part) for part in shown[start : start + columns]))
        lines.append(line)
    return lines


def _part(part: PartView) -> Text:
    again = f" (start {part.starts})" if part.starts > 1 else ""
    return Text(f"● {part.name} ", style=_STYLES[part.state]) + Text(f"{part.state}{again}", style="dim")


def _line(text: str, style: str | Style) -> Text:
    return Text(text, style=style, overflow="ellipsis", no_wrap=True)


def _plain(text: Text) -> tuple[str, str | Style]:
    return text.plain, text.style
