"""The command `3t status`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console

from threet.cli.options import read_settings, settings_options

_WIDTH_ELSEWHERE = 180
"""Columns where nobody knows how wide the reader is: a file, a pipe."""


@click.command(name="status")
@settings_options
@click.option("--json", "as_one_line", is_flag=True, help="One line of JSON, for programs.")
@click.option("--newest-config", type=click.Path(path_type=Path), help="config.yml as it is now; - for standard input.")
def command(config: Path | None, secrets: Path | None, as_one_line: bool, newest_config: Path | None) -> None:
    """What runs, what is held and wanted, what each source says, and what is wrong. Changes nothing."""
    settings, secret_values = read_settings(config, secrets)
    from threet.cli.status.build import make_reader  # imports the whole platform, which takes a second
    from threet.cli.status.document import as_document
    from threet.cli.status.newest import newest_config_hash
    from threet.cli.status.problems import find_problems
    from threet.cli.status.render import print_status

    picture = make_reader(settings, secret_values).read()
    if newest_config is not None:
        picture = replace(picture, newest_config_hash=newest_config_hash(newest_config))
    problems = find_problems(picture, settings)
    if as_one_line:
        click.echo(json.dumps(as_document(picture, problems)))
    else:
        console = Console()
        print_status(console if console.is_terminal else Console(width=_WIDTH_ELSEWHERE), picture, problems)
