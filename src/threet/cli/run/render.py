"""The picture of a run for a terminal: facts, price with its trades, equity, the last trades."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from threet.adapters.run_files import RunFile
from threet.adapters.sql.run_list import ListedRun
from threet.cli.run.canvas import DOTS_ACROSS, DOTS_DOWN, Canvas, resampled
from threet.cli.run.picture import RunPicture
from threet.cli.runs.render import age_seconds, side, signed, span, status_text

_PRICE_HEIGHT, _EQUITY_HEIGHT = 12, 8  # in lines
_AXIS_WIDTH = 12
_STYLES = {1.0: "green", -1.0: "red", 0.0: "bright_black"}
_BUY, _SELL = ("▲", "bold bright_green"), ("▼", "bold bright_red")


def print_run(console: Console, picture: RunPicture, trades_shown: int) -> None:
    width = console.width - _AXIS_WIDTH - 1
    console.print(facts(picture.run, picture.file, picture.market_time))
    console.print()
    console.print(price_chart(picture, width))
    console.print()
    console.print(equity_chart(picture, width))
    console.print()
    console.print(trades_table(picture, trades_shown))


def facts(run: ListedRun, file: RunFile | None, market_time: datetime | None) -> RenderableType:
    """What the database says, which is of now, and what the run was born with."""
    head = Text.assemble(
        (run.id, "bold cyan"), "  ", (run.symbol, "bold"), f"  {run.strategy}  ", side(run.direction), "  ", status_text(run)
    )
    if run.gain is None:
        return head
    vote = ("votes", "green") if run.votes else ("does not vote", "dim")
    result = Text.assemble(
        "live PnL ", signed(run.live_pnl, "{:+,.2f} USD"), "  ", signed(run.gain * 100, "{:+.2f} %"),
        f"  {run.closed_trades} closed trades  ", vote, f"  age {span(age_seconds(run, market_time))}",
    )  # fmt: skip
    lines = [head, result, Text("  ".join(f"{name} {value:g}" for name, value in run.parameters.items()), style="dim")]
    if file is not None:
        born = f"start {file.start_balance:,.0f} USD × {file.leverage:g}, fee {file.fee_rate * 1e4:g} bps"
        ends = f"ends at {-file.max_loss_usd:+,.2f} or {file.target_usd:+,.2f} USD or {_clock(file.ends_ms)}"
        lines.append(Text(f"{born}; {ends}" + (f"; descends from {file.parent}" if file.parent else ""), style="dim"))
    return Group(*lines)


def price_chart(picture: RunPicture, width: int) -> RenderableType:
    """The line has the colour of what the run held; a mark stands at the price of each trade."""
    start, end = _ends(picture)
    values = resampled(picture.price.times, picture.price.values, width * DOTS_ACROSS, start, end)
    held = resampled(picture.directions.times, picture.directions.values, width * DOTS_ACROSS, start, end)
    scale = _Scale([*picture.price.values, *(trade.price for trade in picture.trades)], _PRICE_HEIGHT)
    canvas = Canvas(width, _PRICE_HEIGHT)
    before: int | None = None
    for x, value in enumerate(values):
        if value is not None:
            y = scale.dot(value)
            canvas.column(x, y if before is None else _next_to(before, y), y, _STYLES[held[x] or 0.0])
            before = y
    for trade in picture.trades:
        x = int((trade.time_ms - start) / (end - start) * (width * DOTS_ACROSS - 1))
        canvas.mark(x, scale.dot(trade.price), *(_BUY if trade.size > 0 else _SELL))
    legend = [
        ("   ", ""),
        ("━ long  ", "green"),
        ("━ short  ", "red"),
        ("━ flat   ", "bright_black"),
        _BUY,
        (" buy  ", ""),
        _SELL,
        (" sell", ""),
    ]
    title = Text.assemble((picture.price_of, "bold"), *legend)
    return _framed(title, canvas, scale, start, end)


def equity_chart(picture: RunPicture, width: int) -> RenderableType:
    """Filled between the start balance and the equity: green above it, red below."""
    start, end = _ends(picture)
    base = picture.file.start_balance
    values = resampled(picture.equity.times, picture.equity.values, width * DOTS_ACROSS, start, end)
    scale = _Scale([base, *picture.equity.values], _EQUITY_HEIGHT)
    canvas = Canvas(width, _EQUITY_HEIGHT)
    zero = scale.dot(base)
    for x, value in enumerate(values):
        canvas.dot(x, zero, "bright_black")
        if value is not None:
            canvas.column(x, zero, scale.dot(value), "green" if value > base else "red" if value < base else "bright_black")
    low, high = min(picture.equity.values), max(picture.equity.values)
    title = Text.assemble(("equity", "bold"), f"   highest {high:,.2f}  lowest {low:,.2f}  now {picture.equity.values[-1]:,.2f} USD")
    return _framed(title, canvas, scale, start, end)


def trades_table(picture: RunPicture, shown: int) -> RenderableType:
    trades = picture.trades[-shown:]
    title = f"Last {len(trades)} of {len(picture.trades)} trades, as of its file of {picture.file.written:%Y-%m-%d %H:%M:%S} UTC"
    if not trades:
        return Text(title.replace("Last 0 of 0", "No"), style="dim")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("market time (UTC)", "side", "contracts", "price", "notional", "fee"):
        table.add_column(column, justify="left" if column in ("market time (UTC)", "side") else "right")
    for trade in trades:
        notional = abs(trade.size) * trade.price
        fee = notional * picture.file.fee_rate
        bought = Text("buy", style="green") if trade.size > 0 else Text("sell", style="red")
        table.add_row(_clock(trade.time_ms), bought, f"{abs(trade.size):.6g}", f"{trade.price:,.6g}", f"{notional:,.2f}", f"{fee:,.2f}")
    return Group(Text(title, style="dim"), table)


class _Scale:
    """From values to dots; a flat line lies in the middle."""

    def __init__(self, values: list[float], height: int) -> None:
        low, high = min(values), max(values)
        room = (high - low) * 0.04 or abs(high) * 0.001 or 1.0
        self.low, self.high = low - room, high + room
        self._dots = height * DOTS_DOWN - 1
        self.height = height

    def dot(self, value: float) -> int:
        return round((self.high - value) / (self.high - self.low) * self._dots)

    def label(self, line: int) -> str:
        """At the top, the middle and the bottom."""
        if line not in (0, self.height // 2, self.height - 1):
            return ""
        return f"{self.high - (self.high - self.low) * line / (self.height - 1):,.6g}"


def _framed(title: Text, canvas: Canvas, scale: _Scale, start: float, end: float) -> RenderableType:
    return Group(title, *_with_axis(canvas, scale), _time_axis(canvas.width, start, end))


def _with_axis(canvas: Canvas, scale: _Scale) -> Iterator[Text]:
    for number, line in enumerate(canvas.lines()):
        label = scale.label(number)
        yield Text.assemble((f"{label:>{_AXIS_WIDTH - 1}} ", "dim"), ("┤" if label else "│", "dim"), line)


def _time_axis(width: int, start: float, end: float) -> Text:
    first, last = _clock(start), _clock(end)
    return Text(" " * _AXIS_WIDTH + "└" + first + " " * max(1, width - len(first) - len(last)) + last, style="dim")


def _ends(picture: RunPicture) -> tuple[float, float]:
    times = (*picture.price.times, *picture.equity.times)
    start, end = min(times), max(times)
    return start, end if end > start else start + 1


def _next_to(before: int, y: int) -> int:
    """So that a steep line is joined to its neighbour and does not cover it."""
    return before + (1 if y > before else -1 if y < before else 0)


def _clock(ms: float) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M}"
