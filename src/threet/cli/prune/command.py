"""The command `3t prune`: shows which archives of ended runs are old enough to go, and removes them when told to."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from threet.adapters.clock import SystemClock
from threet.cli.options import config_option
from threet.cli.prune.finding import QUARANTINE, Removable, removable, remove
from threet.settings import default_config_path, load_settings


@click.command(name="prune")
@config_option
@click.option("--older-than", "days", type=click.FloatRange(min=0), help="In days [retention.ended_runs_days of config.yml].")
@click.option("--quarantine", is_flag=True, help="Also what lies in the quarantine: its symbols are then counted as sound again.")
@click.option("--yes", is_flag=True, help="Remove them; without it they are only shown.")
def command(config: Path | None, days: float | None, quarantine: bool, yes: bool) -> None:
    """Remove archives of ended runs from saved_runs. Active runs and those whose end is not published are never touched."""
    settings = load_settings(config or default_config_path())
    folder = settings.path(settings.providence.saved_runs)
    if not folder.is_dir():
        raise click.ClickException(f"{folder}: expected the folder of saved runs (config.yml: providence.saved_runs), found none")
    older_than = timedelta(days=settings.retention.ended_runs_days if days is None else days)
    found = removable(folder, older_than, SystemClock().now(), quarantine)
    for one in found:
        click.echo(f"{one.written:%Y-%m-%d %H:%M} {one.size:>10} {one.path.relative_to(folder)}")
    if not found:
        click.echo(f"nothing in {folder} is older than {older_than.total_seconds() / 86_400:g} days")
    elif yes:
        remove(found)
        click.echo(f"removed {_told(found)}")
    else:
        click.echo(f"would remove {_told(found)}; --yes does it")


def _told(found: list[Removable]) -> str:
    aside = sum(one.path.parent.name == QUARANTINE for one in found)
    kinds = f"{len(found) - aside} archives of ended runs" + (f" and {aside} files of the quarantine" if aside else "")
    return f"{kinds}, {sum(one.size for one in found) / 1e6:.1f} MB"
