"""The commands `3t run show` and `3t run end`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from threet.cli.options import read_settings, settings_options
from threet.settings import Secrets, Settings

if TYPE_CHECKING:
    from threet.adapters.sql.run_list import ListedRun, RunList

_WIDTH_ELSEWHERE = 120
"""Columns where nobody knows how wide the reader is: a file, a pipe."""


@click.group(name="run")
def command() -> None:
    """One virtual run: look at it, or end it. Its first letters name it."""


@command.command()
@settings_options
@click.argument("run_id", metavar="ID")
@click.option("--trades", type=click.IntRange(min=1), help="So many of the last trades [cli.orders_shown of config.yml].")
def show(config: Path | None, secrets: Path | None, run_id: str, trades: int | None) -> None:
    """Draw price, trades and equity of the run ID."""
    settings, secret_values = read_settings(config, secrets)
    from threet.adapters.run_files import read_run_file
    from threet.application.update_candles import interval_ms
    from threet.cli.run.build import candles_of
    from threet.cli.run.picture import make_picture
    from threet.cli.run.render import facts, print_run
    from threet.domain.values import Unknown

    found, run = _find(settings, secret_values, run_id)
    console = Console()
    console = console if console.is_terminal else Console(width=_WIDTH_ELSEWHERE)
    file = read_run_file(settings.path(settings.providence.saved_runs), run.id)
    if isinstance(file, Unknown):
        console.print(facts(run, None, found.market_time))
        raise click.ClickException(f"its trades cannot be shown: {file.reason}")
    candles = candles_of(settings, secret_values, run.symbol, file.started_ms)
    picture = make_picture(run, file, found.market_time, candles, interval_ms(settings.providence.candle_interval))
    print_run(console, picture, trades or settings.cli.orders_shown)


@command.command()
@settings_options
@click.argument("run_id", metavar="ID")
@click.option("--reason", default="", help="Why; it is kept with the run.")
def end(config: Path | None, secrets: Path | None, run_id: str, reason: str) -> None:
    """End the run ID: it closes at the mark, votes no more, and another one takes its place."""
    settings, secret_values = read_settings(config, secrets)
    from threet.adapters.clock import SystemClock
    from threet.adapters.sql import DatabaseError, SqlRunWishes, make_engine

    _, run = _find(settings, secret_values, run_id)
    if run.status != "active":
        raise click.ClickException(f"run {run.id} is not active: {run.status}" + (f" ({run.exit_reason})" if run.exit_reason else ""))
    told = "ended by a person" + (f": {reason}" if reason else "")
    try:
        SqlRunWishes(make_engine(settings, secret_values)).end(run.id, told, SystemClock().now())
    except DatabaseError as error:
        raise click.ClickException(f"the database was not told: {str(error).splitlines()[0]}") from None
    seconds = settings.providence.products_interval_seconds + settings.providence.publish_interval_seconds
    click.echo(f"run {run.id} of {run.symbol} is to end; Providence does it within {seconds:g} s, or as soon as it is back")


def _find(settings: Settings, secrets: Secrets, begins: str) -> tuple[RunList, ListedRun]:
    """The one run whose id begins so."""
    from threet.adapters.sql import DatabaseError, make_engine
    from threet.adapters.sql.run_list import RunFilter, list_runs

    try:
        found = list_runs(make_engine(settings, secrets), RunFilter(id_begins=begins.lower()), "newest", 2)
    except DatabaseError as error:
        raise click.ClickException(f"the database cannot be read: {str(error).splitlines()[0]}") from None
    if not found.rows:
        raise click.ClickException(f"no run whose id begins with {begins}; `3t runs --status all` lists them")
    if found.found > 1:
        raise click.ClickException(f"{found.found} runs whose ids begin with {begins}; give more of it")
    return found, found.rows[0]
