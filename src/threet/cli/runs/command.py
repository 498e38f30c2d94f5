"""The command `3t runs`."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from threet.cli.options import read_settings, settings_options

_WIDTH_ELSEWHERE = 140
"""Columns where nobody knows how wide the reader is: a file, a pipe."""

_SORTS = ("return", "pnl", "trades", "age", "newest", "symbol", "strategy")


@click.command(name="runs")
@settings_options
@click.option("--symbol", help="BTC, or the whole BTC/USDC:USDC.")
@click.option("--strategy", help="The name of one.")
@click.option("--status", type=click.Choice(["active", "ended", "quarantined", "all"]), default="active", show_default=True)
@click.option("--voting", is_flag=True, help="Those that vote now.")
@click.option("--sort", type=click.Choice(_SORTS), default="return", show_default=True, help="The highest first; age: the oldest first.")
@click.option("--top", type=click.IntRange(min=1), help="So many at most.")
@click.option("--json", "as_one_line", is_flag=True, help="One line of JSON, for programs.")
def command(
    config: Path | None,
    secrets: Path | None,
    symbol: str | None,
    strategy: str | None,
    status: str,
    voting: bool,
    sort: str,
    top: int | None,
    as_one_line: bool,
) -> None:
    """The virtual runs as the database shows them: `3t run show ID` draws one."""
    settings, secret_values = read_settings(config, secrets)
    from threet.adapters.sql import DatabaseError, make_engine
    from threet.adapters.sql.run_list import RunFilter, list_runs
    from threet.cli.runs.render import as_document, print_runs

    wanted = RunFilter(status=None if status == "all" else status, symbol=symbol, strategy=strategy, voting=voting)
    try:
        found = list_runs(make_engine(settings, secret_values), wanted, sort, top)
    except DatabaseError as error:
        raise click.ClickException(f"the database cannot be read: {str(error).splitlines()[0]}") from None
    if as_one_line:
        click.echo(json.dumps(as_document(found)))
    else:
        console = Console()
        print_runs(console if console.is_terminal else Console(width=_WIDTH_ELSEWHERE), found)
