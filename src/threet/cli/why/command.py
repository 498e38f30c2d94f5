"""The command `3t why`."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from threet.cli.options import read_settings, settings_options

if TYPE_CHECKING:
    from threet.application.facts import Fill
    from threet.application.store import CycleStore, OrderRecord
    from threet.cli.why.explanation import Story

_ORDER = re.compile(r"0x[0-9a-fA-F]{4,32}")


@click.command(name="why")
@settings_options
@click.argument("what")
@click.option("--json", "as_one_line", is_flag=True, help="One line of JSON, for programs.")
def command(config: Path | None, secrets: Path | None, what: str, as_one_line: bool) -> None:
    """Why WHAT: an order (its id, 0x..., or the beginning of it), or a symbol (BTC or BTC/USDC:USDC: its last decision)."""
    settings, secret_values = read_settings(config, secrets)
    from threet.adapters.sql.errors import DatabaseError
    from threet.bootstrap import build_cli_services
    from threet.cli.why.explanation import explain

    try:
        store = build_cli_services(settings, secret_values).store
        find = _of_order if _ORDER.fullmatch(what) else _of_symbol
        story = find(store, what, timedelta(seconds=float(settings.reconciliation.fills_overlap_seconds)))
    except DatabaseError as error:
        raise click.ClickException(f"the database does not answer: {str(error).splitlines()[0]}") from None
    sections = explain(story)
    if as_one_line:
        told = {section.title: list(section.lines) for section in sections}
        click.echo(json.dumps({"symbol": story.symbol, "cycle_id": story.record.cycle_id, "at": story.record.at.isoformat(), "why": told}))
        return
    asked = f"{story.order.side} {story.order.contracts} {story.symbol}" if story.order is not None else story.symbol
    click.secho(f"{asked}: cycle {story.record.cycle_id}, {story.record.at:%Y-%m-%d %H:%M:%S} UTC", bold=True)
    for section in sections:
        click.secho(section.title, bold=True)
        for line in section.lines:
            click.echo(f"  {line}")


def _of_order(store: CycleStore, beginning: str, overlap: timedelta) -> Story:
    from threet.cli.why.explanation import Story

    found = store.orders_named(beginning.lower())
    if len(found) != 1:
        there = ", ".join(f"{order.client_order_id} ({order.symbol})" for order in found) or "none"
        raise click.ClickException(f"expected one order whose id begins with {beginning}, found {len(found)}: {there}")
    (order,) = found
    record = store.decision(order.cycle_id)
    if record is None:
        raise click.ClickException(
            f"{order.client_order_id} was sent by no cycle that is kept: {order.reason or 'no reason recorded'} ({order.state})"
        )
    fills = _fills(store, order, overlap)
    return Story(order.symbol, record, order, fills, store.symbol_states().get(order.symbol))


def _of_symbol(store: CycleStore, name: str, overlap: timedelta) -> Story:
    """The newest decision; with its order of this symbol, where it sent one."""
    from threet.cli.why.explanation import Story
    from threet.domain.values import Symbol

    record = next(iter(store.decisions(1)), None)
    if record is None:
        raise click.ClickException("nothing was decided yet")
    known = sorted(record.targets)
    matching = [one for one in known if one == name or one.partition("/")[0] == name.upper()]
    if len(matching) != 1 and record.targets:
        raise click.ClickException(f"expected an order's id (0x...) or one of {', '.join(known)}, was {name}")
    symbol = Symbol(matching[0] if matching else name)
    planned = next((order["client_order_id"] for order in record.plan if order["symbol"] == symbol), None)
    orders = store.orders_named(planned) if planned else []
    order = orders[0] if orders else None
    fills = _fills(store, order, overlap) if order is not None else []
    return Story(symbol, record, order, fills, store.symbol_states().get(symbol))


def _fills(store: CycleStore, order: OrderRecord, overlap: timedelta) -> list[Fill]:
    """The venue's times may be a little before ours."""
    after = order.created_at - overlap
    return [item.fill for item in store.fills_after(after) if item.fill.client_order_id == order.client_order_id]
