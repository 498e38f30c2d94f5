"""The list of runs as a table and as a document."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from threet.adapters.sql.run_list import ListedRun, RunList

_SHORT_ID = 8
_COLUMNS = ("run", "symbol", "strategy", "side", "live PnL", "return", "trades", "votes", "age", "status")
_RIGHT = {"live PnL", "return", "trades", "age"}


def print_runs(console: Console, found: RunList) -> None:
    """The first letters of a run's id are enough for `3t run`."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in _COLUMNS:
        table.add_column(column, justify="right" if column in _RIGHT else "left", no_wrap=True)
    for run in found.rows:
        table.add_row(*_cells(run, found.market_time))
    console.print(table)
    console.print(Text(_footer(found), style="dim"))


def as_document(found: RunList) -> dict[str, Any]:
    return {
        "market_time": _iso(found.market_time),
        "found": found.found,
        "runs": [
            {
                "id": run.id,
                "symbol": run.symbol,
                "strategy": run.strategy,
                "parameters": dict(run.parameters),
                "direction": run.direction,
                "live_pnl": run.live_pnl,
                "return_percent": None if run.gain is None else run.gain * 100,
                "closed_trades": run.closed_trades,
                "votes": run.votes,
                "age_market_seconds": age_seconds(run, found.market_time),
                "status": run.status,
                "exit_reason": run.exit_reason,
                "started_at": run.started_at.isoformat(),
                "ended_at": _iso(run.ended_at),
            }
            for run in found.rows
        ],
    }


def _cells(run: ListedRun, market_time: datetime | None) -> tuple[Text, ...]:
    if run.gain is None:  # quarantined: its numbers mean nothing
        unknown = Text("?", style="yellow")
        told = (unknown, unknown, unknown, unknown, Text(""), Text(""))
    else:
        told = (
            side(run.direction),
            signed(run.live_pnl, "{:+,.2f}"),
            signed(run.gain * 100, "{:+.2f} %"),
            Text(str(run.closed_trades)),
            Text("●", style="green") if run.votes else Text("·", style="dim"),
            Text(span(age_seconds(run, market_time))),
        )
    return Text(run.id[:_SHORT_ID], style="cyan"), Text(run.symbol), Text(run.strategy), *told, status_text(run)


def side(direction: int) -> Text:
    return (Text("flat", style="dim"), Text("long", style="green"), Text("short", style="red"))[direction]


def signed(value: float, form: str) -> Text:
    return Text(form.format(value), style="green" if value > 0 else "red" if value < 0 else "dim")


def status_text(run: ListedRun) -> Text:
    style = {"active": "green", "ended": "dim"}.get(run.status, "yellow")
    return Text(run.status + (f": {run.exit_reason}" if run.exit_reason else ""), style=style)


def age_seconds(run: ListedRun, market_time: datetime | None) -> float | None:
    """In market time, until its end or until now."""
    until = run.ended_at or market_time
    return None if until is None else (until - run.started_at).total_seconds()


def span(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    minutes, hours = seconds / 60, seconds / 3600
    if hours >= 48:
        return f"{hours / 24:.1f} d"
    return f"{hours:.1f} h" if hours >= 2 else f"{minutes:.0f} min" if minutes >= 2 else f"{seconds:.0f} s"


def _footer(found: RunList) -> str:
    voters = sum(run.votes for run in found.rows)
    shown = f"{len(found.rows)} of {found.found} runs" if len(found.rows) < found.found else f"{found.found} runs"
    at = f", market time {found.market_time:%Y-%m-%d %H:%M:%S} UTC" if found.market_time else ""
    total = sum(run.live_pnl for run in found.rows)
    return f"{shown}, {voters} vote, live PnL {total:+,.2f} USD{at}; age is market time"


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
