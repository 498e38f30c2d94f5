"""What a person sees: a live screen on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import shorten
from types import TracebackType
from typing import Protocol

from rich.console import Console, ConsoleDimensions, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.style import Style
from rich.table import Table
from rich.text import Text

from threet.cli.demo.fleet import PartView, State
from threet.cli.status.picture import Picture, Problem
from threet.cli.status.render import last_decision, orders_table, runs_text, symbols_table
from threet.domain.values import Unknown

_BARS = "▁▂▃▄▅▆▇█"
_EQUITY_POINTS = 600
_SAID_KEPT = 200
_EVENTS_SHOWN = 5
_PROBLEMS_SHOWN = 4
_LEAST_ORDER_LINES = 5
_LINE_EVERY_SECONDS = 10.0
_REASON_WIDTH = 120
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


class Screen(Protocol):
    def __enter__(self) -> Screen: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    def say(self, line: str) -> None:
        """Something happened."""
        ...

    def show(self, moment: Moment) -> None: ...


class PlainScreen:
    """Lines on standard error, so that standard output holds the summary alone."""

    def __init__(self) -> None:
        self._next_line = 0.0
        self._hinted = False

    def __enter__(self) -> PlainScreen:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None

    def say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    def show(self, moment: Moment) -> None:
        if not self._hinted:
            self._hinted = True
            for hint in moment.hints:
                self.say(hint)
        if moment.elapsed_seconds >= self._next_line:
            self._next_line = moment.elapsed_seconds + _LINE_EVERY_SECONDS
            self.say(plain_line(moment))


class LiveScreen:
    """Redraws the whole terminal; what was said stays in the scroll-back when it ends."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, screen=True)
        self._equity: deque[float] = deque(maxlen=_EQUITY_POINTS)
        self._said: deque[str] = deque(maxlen=_SAID_KEPT)
        self._open = False

    def __enter__(self) -> LiveScreen:
        self._live.__enter__()
        self._open = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._open = False
        self._live.__exit__(kind, error, trace)
        for line in self._said:
            self._console.print(line, markup=False, highlight=False)

    def say(self, line: str) -> None:
        self._said.append(line)
        if not self._open:
            self._console.print(line, markup=False, highlight=False)

    def show(self, moment: Moment) -> None:
        picture = moment.picture
        if picture is not None and not isinstance(picture.account_value, Unknown):
            self._equity.append(float(picture.account_value.value))  # for a curve, not for money
        self._live.update(_page(moment, self._equity, list(self._said), self._console.size), refresh=True)


def plain_line(moment: Moment) -> str:
    """One line that says how the show goes."""
    picture, seconds = moment.picture, f"{moment.elapsed_seconds:4.0f} s"
    if picture is None:
        waiting = [f"{part.name} {part.state}" for part in moment.parts if part.state is not State.WELL]
        return f"{seconds}  {moment.phase}: {', '.join(waiting) or 'all parts are up'}"
    value = picture.account_value
    equity = "unknown" if isinstance(value, Unknown) else f"{value.value:,.2f} USD"
    agreed = sum(bool(view.decided and view.decided["agreed"]) for view in picture.symbols)
    held = [f"{v.symbol.split('/')[0]} {v.actual:+f}" for v in picture.symbols if not isinstance(v.actual, Unknown) and v.actual != 0]
    decision = shorten(last_decision(picture).plain, _REASON_WIDTH, placeholder=" ...")
    ill = [f"{part.name} {part.state}" for part in moment.parts if part.state is not State.WELL]
    tail = f"  NOT WELL: {', '.join(ill)}" if ill else ""
    return f"{seconds}  equity {equity}  agreed {agreed}/{len(picture.symbols)}  held {', '.join(held) or 'nothing'}  {decision}{tail}"


def sparkline(values: Sequence[float], width: int) -> str:
    """The values as bars, squeezed into ``width`` characters; each bar is the last value of its share."""
    if not values or width < 1:
        return ""
    count = min(width, len(values))
    points = [values[(index + 1) * len(values) // count - 1] for index in range(count)]
    low, high = min(points), max(points)
    span = high - low
    return "".join(_BARS[3] if span == 0 else _BARS[min(7, int((value - low) / span * 8))] for value in points)


def _page(moment: Moment, equity: Sequence[float], said: Sequence[str], size: ConsoleDimensions) -> RenderableType:
    """What is always shown comes first; orders and events get the lines that are left on a low terminal."""
    picture, width = moment.picture, size.width
    foot: list[RenderableType] = [_parts(moment.parts, width)]
    foot += [_line(f"! {problem.what}: {problem.cure}", "yellow") for problem in moment.problems[:_PROBLEMS_SHOWN]]
    foot += [_line(hint, "cyan") for hint in moment.hints]
    rows: list[RenderableType] = [_title(moment), _equity_line(picture, equity, width)]
    left = size.height - len(rows) - len(foot) - len(moment.parts) // 4 - 3
    if picture is not None:
        rows += [_line(*_plain(last_decision(picture))), Text(""), symbols_table(picture, one_line_each=True), Text("")]
        left -= len(picture.symbols) + 5
        if left > _LEAST_ORDER_LINES:
            rows += [orders_table(picture, most=left - 3), Text("")]
            left -= 3 + min(left - 3, len(picture.last_orders) if not isinstance(picture.last_orders, Unknown) else 1)
    events = [_line(f"· {line}", "dim") for line in said[-max(0, min(_EVENTS_SHOWN, left)) :]] if left > 0 else []
    rows += [foot[0], *events, *foot[1:]]
    return Panel(Group(*rows), title="3T, the Tactical Trend Trader", subtitle="Ctrl-C stops everything")


def _line(text: str, style: str | Style) -> Text:
    return Text(text, style=style, overflow="ellipsis", no_wrap=True)


def _plain(text: Text) -> tuple[str, str | Style]:
    return text.plain, text.style


def _title(moment: Moment) -> Text:
    left = "" if moment.remaining_seconds is None else f", {max(0.0, moment.remaining_seconds):.0f} s left"
    return Text(f"{moment.phase}, {moment.elapsed_seconds:.0f} s{left}", style="bold")


def _equity_line(picture: Picture | None, equity: Sequence[float], width: int) -> Text:
    if picture is None:
        return Text("equity: not known yet", style="dim")
    if isinstance(picture.account_value, Unknown):
        return Text(f"equity unknown: {picture.account_value.reason}", style="yellow")
    change = equity[-1] - equity[0] if equity else 0.0
    tail = Text(" ") + runs_text(picture)
    head = f"equity {picture.account_value.value:,.2f} USD ({change:+,.2f}) "
    return (
        Text(head, style="bold")
        + Text(sparkline(equity, max(10, width - len(head) - len(tail) - 8)), style="green" if change >= 0 else "red")
        + tail
    )


def _parts(parts: Sequence[PartView], width: int) -> Table:
    columns = max(1, min(4, (width - 4) // 30))
    table = Table.grid(padding=(0, 2))
    for start in range(0, len(parts), columns):
        table.add_row(*(_part(part) for part in parts[start : start + columns]))
    return table


def _part(part: PartView) -> Text:
    again = f" (start {part.starts})" if part.starts > 1 else ""
    return Text(f"● {part.name} ", style=_STYLES[part.state]) + Text(f"{part.state}{again}", style="dim")


def make_screen() -> Screen:
    """Live where standard output is a terminal."""
    console = Console()
    return LiveScreen(console) if console.is_terminal and not console.is_dumb_terminal else PlainScreen()
