"""The commands `3t decision list` and `3t decision replay`."""

from __future__ import annotations

import difflib
import json
from pathlib import Path

import click

from threet.cli.options import read_settings, settings_options


@click.group(name="decision")
def command() -> None:
    """The record of each cycle's decision."""


@command.command(name="list")
@settings_options
@click.option("--last", default=20, show_default=True, type=click.IntRange(min=1), help="How many, the newest first.")
@click.option("--json", "as_lines", is_flag=True, help="One line of JSON for each, for programs.")
def list_(config: Path | None, secrets: Path | None, last: int, as_lines: bool) -> None:
    """The newest decisions: when, what came of it, and why."""
    settings, secret_values = read_settings(config, secrets)
    from threet.bootstrap import build_cli_services

    for record in build_cli_services(settings, secret_values).store.decisions(last):
        if as_lines:
            row = {"cycle_id": record.cycle_id, "at": record.at.isoformat(), "status": record.status, "reason": record.reason}
            click.echo(json.dumps({**row, "orders": len(record.plan), "inputs_hash": record.inputs_hash}))
        else:
            click.echo(f"{record.cycle_id:>8}  {record.at:%Y-%m-%d %H:%M:%S}  {record.status:<9}  {record.reason}")


@command.command()
@settings_options
@click.argument("cycle_id", type=int)
def replay(config: Path | None, secrets: Path | None, cycle_id: int) -> None:
    """Compute the decision of CYCLE_ID again from what it had read; exit code 1 and the difference where it is another."""
    settings, secret_values = read_settings(config, secrets)
    from threet.application.replaying import NotReplayable, replay
    from threet.bootstrap import build_cli_services

    record = build_cli_services(settings, secret_values).store.decision(cycle_id)
    if record is None:
        raise click.ClickException(f"no decision of cycle {cycle_id} is kept; `3t decision list` shows the newest")
    try:
        replayed = replay(record)
    except NotReplayable as error:
        raise click.ClickException(str(error)) from None
    if not replayed.is_equal:
        before, after = replayed.recorded.splitlines(), replayed.computed.splitlines()
        click.echo("\n".join(difflib.unified_diff(before, after, "recorded", "computed again", lineterm="")))
        raise click.ClickException(f"cycle {cycle_id}: computed again it decides otherwise; have the rules changed since?")
    same = f"{replayed.symbols} targets and {replayed.orders} orders are equal byte for byte"
    click.echo(f"cycle {cycle_id}: computed again from its inputs, {same}")
