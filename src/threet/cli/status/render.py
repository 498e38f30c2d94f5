"""The picture as tables for a terminal; also the building blocks of a live screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from threet.application.store import DecisionRecord
from threet.cli.status.picture import Aged, Picture, Problem, ServiceView, SymbolView
from threet.cli.status.rejected import rejected_reports
from threet.domain.values import Unknown

_PRICE_DIGITS = 5
_UNKNOWN = Text("unknown", style="bold yellow")


def print_status(console: Console, picture: Picture, problems: Sequence[Problem]) -> None:
    """The whole picture, problems last, where the eye ends up."""
    console.print(headline(picture))
    console.print(services_table(picture))
    console.print(symbols_table(picture))
    if rejected_reports(picture):
        console.print(rejected_table(picture))
    console.print(orders_table(picture))
    console.print(problems_text(problems))


def headline(picture: Picture) -> RenderableType:
    value = picture.account_value
    shown = f"unknown ({value.reason})" if isinstance(value, Unknown) else f"{value.value:,.2f} USD, {_seconds(value.age_seconds)} ago"
    return Group(
        f"[bold]3T[/bold] at {picture.at:%Y-%m-%d %H:%M:%S} UTC", f"account {picture.account}: {escape(shown)}", last_decision(picture)
    )


def last_decision(picture: Picture) -> Text:
    decision = picture.decision
    if isinstance(decision, Unknown):
        return Text(f"last decision unknown: {decision.reason}", style="yellow")
    if decision is None:
        return Text("no decision yet", style="yellow")
    age = _seconds(picture.decided_age_seconds or 0.0)
    styles = {"traded": "green", "idle": "green", "held": "yellow", "blocked": "red"}
    return Text(f"cycle {decision.cycle_id}, {age} ago: {decision.status}: {decision.reason}", style=styles.get(decision.status, ""))


def services_table(picture: Picture) -> Table:
    table = Table("service", "last heard", "state", title="Services", title_justify="left", box=None, pad_edge=False)
    if isinstance(picture.services, Unknown):
        table.add_row("reports", "", _unknown(picture.services))
    else:
        for service in picture.services:
            table.add_row(service.name, _seconds(service.age_seconds), _service_state(service))
    if isinstance(picture.canary_ages, Unknown):
        table.add_row("queues", "", _unknown(picture.canary_ages))
    else:
        for queue, age in picture.canary_ages.items():
            waiting = "" if isinstance(picture.waiting, Unknown) else f"{picture.waiting.get(queue, 0)} waiting"
            table.add_row(f"queue {queue}", _seconds(age), waiting)
    heartbeat = picture.heartbeat_age
    shown, state_text = ("", _unknown(heartbeat)) if isinstance(heartbeat, Unknown) else (_seconds(heartbeat), runs_text(picture))
    table.add_row("providence", shown, state_text)
    for observer in picture.observers:
        style = "green" if observer.answers else "red"
        table.add_row(f"observer {observer.name}", "", Text("answers" if observer.answers else observer.detail, style=style))
    return table


def _service_state(service: ServiceView) -> Text:
    if service.left:
        return Text("left", style="dim")
    if not service.fresh:
        return Text("not heard of", style="red")
    return Text("runs this config", style="green") if service.same_config else Text("runs another config", style="red")


def runs_text(picture: Picture) -> Text:
    """The virtual runs in a few words."""
    runs = picture.runs
    if isinstance(runs, Unknown):
        return _unknown(runs)
    return Text(f"{runs.active} runs, {runs.voters} vote, virtual PnL {runs.live_pnl:+,.2f} USD")


def symbols_table(picture: Picture) -> Table:
    """Each column says how old it is: what a source said at the last decision need not be what is held now."""
    table = Table(title="Symbols", title_justify="left", box=None, pad_edge=False)
    held, decided = picture.actual_age_seconds, picture.decided_age_seconds
    now = "" if isinstance(held, Unknown) else f"{_seconds(held)} ago"
    then = "" if decided is None else f"{_seconds(decided)} ago"
    ages = {"votes": then, "target": then, "actual": now, "sources": then, "consensus": then, "what happens": then}
    for column in ("symbol", "price", "votes", "target", "actual", "sources", "consensus", "what happens"):
        table.add_column(f"{column}\n{ages.get(column, '')}".rstrip(), no_wrap=column not in ("sources", "what happens"))
    for view in picture.symbols:
        table.add_row(view.symbol, *symbol_cells(view, is_blocked(picture)))
    return table


def rejected_table(picture: Picture) -> Table:
    """Reports that the last decision could not count."""
    table = Table(title="Reports that did not count", title_justify="left", box=None, pad_edge=False)
    for column in ("source", "for", "why"):
        table.add_column(column, no_wrap=column == "source")
    for report in rejected_reports(picture):
        table.add_row(report.source, "all symbols" if report.symbols is None else ", ".join(report.symbols), escape(report.reason))
    return table


def is_blocked(picture: Picture) -> bool:
    """Whether the last cycle sent nothing of what it planned."""
    return isinstance(picture.decision, DecisionRecord) and picture.decision.status == "blocked"


def symbol_cells(view: SymbolView, blocked: bool = False) -> tuple[Text, ...]:
    """Price, votes, target, actual, sources, consensus, result: everything beside the name."""
    price = _UNKNOWN if isinstance(view.price, Unknown) else Text(_price(view.price))
    actual = _UNKNOWN if isinstance(view.actual, Unknown) else Text(_contracts(view.actual))
    decided = view.decided
    if decided is None:
        return (price, Text("-"), Text("-"), actual, Text("-"), Text("-"), Text("no decision yet", style="yellow"))
    result = Text(decided["result"], style="yellow" if decided["target"]["kind"] == "Hold" else "")
    if blocked and decided["result"].startswith(("buy ", "sell ")):
        result = Text("not sent: ", style="red") + result
    if decided["locked"]:
        result = Text("locked; ", style="red") + result
    return (price, _vote(decided), _target(decided), actual, _sources(decided), _consensus(decided), result)


def orders_table(picture: Picture, most: int | None = None, one_line_each: bool = False) -> Table:
    table = Table(title="Last orders", title_justify="left", box=None, pad_edge=False)
    for column in ("at", "order", "symbol", "state", "why"):
        table.add_column(column, no_wrap=one_line_each or column != "why", overflow="ellipsis")
    if isinstance(picture.last_orders, Unknown):
        table.add_row("", "", "", _unknown(picture.last_orders), "")
        return table
    for order in picture.last_orders[:most]:
        size = f"{order.side} {order.contracts}" + (" reduce-only" if order.reduce_only else "")
        state = Text(f"{order.state} {order.filled_contracts}", style="green" if order.state.is_final else "yellow")
        table.add_row(f"{order.created_at:%H:%M:%S}", size, order.symbol, state, escape(order.reason))
    if not picture.last_orders:
        table.add_row("", "none yet", "", "", "")
    return table


def problems_text(problems: Sequence[Problem]) -> Text:
    if not problems:
        return Text("No problems.", style="green")
    lines = [Text("Problems", style="bold")]
    for problem in problems:
        lines.append(Text(f"- {problem.what}", style="red"))
        lines.append(Text(f"  {problem.cure}"))
    return Text("\n").join(lines)


def _unknown(value: Unknown) -> Text:
    return Text(f"unknown: {value.reason}", style="bold yellow")


def _seconds(seconds: float) -> str:
    if -1 < seconds < 0:  # written while we were looking
        return "0.0 s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def _price(price: Aged) -> str:
    """Every digit that it has, and five at least, so that a column does not jump where the last ones are zeros."""
    value = price.value.normalize()
    decimals = max(-int(value.as_tuple().exponent), _PRICE_DIGITS - 1 - value.adjusted(), 0)
    return f"{value:,.{decimals}f}"


def _contracts(contracts: Decimal) -> str:
    return "0" if contracts == 0 else f"{contracts.normalize():+f}"


def _vote(decided: Mapping[str, Any]) -> Text:
    vote = decided["vote"]
    if vote is None:
        return _UNKNOWN
    return Text(f"{Decimal(vote['net']):+.2f} ({vote['direction_sum']:+d} of {vote['voters']}/{vote['active_runs']})")


def _target(decided: Mapping[str, Any]) -> Text:
    target = decided["target"]
    if target["kind"] == "Hold":
        return Text("hold", style="yellow")
    if target["kind"] == "Flatten":
        return Text("flatten", style="red")
    shown = _contracts(Decimal(target["contracts"]))
    return Text(shown if target["kind"] == "Target" else f"{shown} reduce", style="" if target["kind"] == "Target" else "yellow")


def _sources(decided: Mapping[str, Any]) -> Text:
    """Those that say the same stand together: ``a b local -0.5, c ?``."""
    said: dict[str, list[str]] = {}
    for name, view in decided["sources"].items():
        said.setdefault("?" if view["contracts"] is None else _contracts(Decimal(view["contracts"])), []).append(name)
    return Text(", ").join(Text(f"{' '.join(names)} {what}", style="yellow" if what == "?" else "") for what, names in said.items())


def _consensus(decided: Mapping[str, Any]) -> Text:
    return Text("agreed", style="green") if decided["agreed"] else Text("none", style="red")
