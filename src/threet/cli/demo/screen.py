"""What a person sees: a live screen on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections import deque
from contextlib import suppress
from textwrap import shorten
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.live import Live

from threet.cli.demo.fleet import State
from threet.cli.demo.page import Moment, page
from threet.cli.status.render import last_decision
from threet.domain.values import Unknown

_EQUITY_POINTS = 600
_SAID_KEPT = 200
_LINE_EVERY_SECONDS = 10.0
_REASON_WIDTH = 120


class Screen(Protocol):
    def __enter__(self) -> Screen: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    def say(self, line: str) -> None:
        """Something happened."""
        ...

    def show(self, moment: Moment) -> None: ...

    def is_gone(self) -> bool:
        """Whether nobody can see it any more: its terminal was closed, or what read its lines has ended."""
        ...


class PlainScreen:
    """Lines on standard error, so that standard output holds the summary alone."""

    def __init__(self) -> None:
        self._next_line = 0.0
        self._hinted = False
        self._gone = False

    def __enter__(self) -> PlainScreen:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None

    def say(self, line: str) -> None:
        try:
            print(line, file=sys.stderr, flush=True)
        except OSError:
            self._gone = True

    def is_gone(self) -> bool:
        return self._gone

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
        self._had_terminal = console.file.isatty()

    def is_gone(self) -> bool:
        return self._had_terminal and not self._console.file.isatty()

    def __enter__(self) -> LiveScreen:
        self._live.__enter__()
        self._open = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._open = False
        with suppress(OSError):  # nobody is there to read it
            self._live.__exit__(kind, error, trace)
            for line in self._said:
                self._console.print(line, markup=False, highlight=False)

    def say(self, line: str) -> None:
        self._said.append(line)
        if not self._open and not self.is_gone():
            self._console.print(line, markup=False, highlight=False)

    def show(self, moment: Moment) -> None:
        picture = moment.picture
        if picture is not None and not isinstance(picture.account_value, Unknown):
            self._equity.append(float(picture.account_value.value))  # for a curve, not for money
        if self.is_gone():
            return
        self._live.update(page(moment, self._equity, list(self._said), self._console.size), refresh=True)


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
    ill = [f"{part.name} {part.state}" for part in moment.parts if part.state not in (State.WELL, State.STOPPED)]
    tail = f"  NOT WELL: {', '.join(ill)}" if ill else ""
    return f"{seconds}  equity {equity}  agreed {agreed}/{len(picture.symbols)}  held {', '.join(held) or 'nothing'}  {decision}{tail}"


def make_screen() -> Screen:
    """Live where standard output is a terminal."""
    console = Console()
    return LiveScreen(console) if console.is_terminal and not console.is_dumb_terminal else PlainScreen()
