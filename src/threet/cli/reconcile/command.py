"""The command `3t reconcile --dry-run`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from threet.cli.options import read_settings, settings_options

if TYPE_CHECKING:
    from threet.application.rehearsal import Rehearsed


@click.command(name="reconcile")
@settings_options
@click.option("--dry-run", is_flag=True, help="Read, decide and show; send nothing and write nothing.")
@click.option("--json", "as_one_line", is_flag=True, help="One line of JSON, for programs.")
def command(config: Path | None, secrets: Path | None, dry_run: bool, as_one_line: bool) -> None:
    """What the next cycle would do, from what every source says now."""
    if not dry_run:
        raise click.UsageError("only the worker that holds the key reconciles; say --dry-run to see what it would do")
    settings, secret_values = read_settings(config, secrets)
    from threet.adapters.sql import SchemaError
    from threet.adapters.sql.errors import DatabaseError
    from threet.bootstrap import build_rehearsal

    try:
        rehearsed = build_rehearsal(settings, secret_values)()
    except (DatabaseError, SchemaError) as error:
        raise click.ClickException(f"nothing could be decided: {str(error).splitlines()[0]}") from None
    document = _document(rehearsed)
    if as_one_line:
        click.echo(json.dumps(document))
    else:
        _show(document)


def _document(rehearsed: Rehearsed) -> dict[str, Any]:
    """The same words as of a recorded decision."""
    from threet.application.records import plan_to_json, targets_to_json

    inputs, decision = rehearsed.inputs, rehearsed.decision
    return {
        "at": inputs.now.isoformat(),
        "account": inputs.account,
        "halted": rehearsed.halted,
        "targets": targets_to_json(decision, inputs.terms.vote_full_size_runs, {}),
        "plan": plan_to_json(decision),
    }


def _show(document: dict[str, Any]) -> None:
    click.echo(f"A cycle of {document['at'][:19]} for {document['account']} would decide:")
    for name, target in document["targets"].items():
        held = target["actual"] if target["agreed"] else f"not agreed ({target['consensus']})"
        wanted = target["target"]
        size = wanted["contracts"] if wanted["contracts"] is not None else wanted["kind"].lower()
        click.echo(f"  {name:<18} holds {held}, target {size}: {target['result']}")
        for limit in target["limits"]:
            click.echo(f"  {'':<18} limit: {limit}")
    for order in document["plan"]:
        what = f"{order['side']} {order['contracts']} {order['symbol']}{' reduce-only' if order['reduce_only'] else ''}"
        click.echo(f"would send: {what} at {order['limit_price']} or better: {order['reason']}")
    if not document["plan"]:
        click.echo("would send nothing")
    if document["halted"]:
        click.echo(f"and sends nothing that adds risk, since it is halted: {document['halted']}")
    click.echo("Nothing was sent and nothing was written.")
