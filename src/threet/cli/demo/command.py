"""The command `3t demo`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from threet.cli.demo.fleet import StartFailed
from threet.cli.demo.folder import FolderInUse, OtherMarket
from threet.cli.demo.free_ports import NoFreePort
from threet.cli.demo.redis_server import NoRedis
from threet.cli.demo.settings_files import Market
from threet.cli.options import config_option
from threet.settings import default_config_path

_INTERRUPTED = 130


@click.command(name="demo")
@config_option
@click.option("--seconds", type=click.FloatRange(min=1), help="End by itself after so long, with one line of JSON. Else Ctrl-C ends it.")
@click.option("--candles", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Replay the candle files of this folder.")
@click.option("--speed", type=click.FloatRange(min=0, min_open=True), help="Market seconds per second [config.yml: simulator.speed].")
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="State folder [state/demo-seeded or state/demo-candles].")
def command(config: Path | None, seconds: float | None, candles: Path | None, speed: float | None, state: Path | None) -> None:
    """Run the whole platform on this machine against a simulated exchange: no keys, no money."""
    from threet.adapters.sql import SchemaError
    from threet.adapters.sql.errors import DatabaseError
    from threet.cli.demo.closing import ShowFailed
    from threet.cli.demo.screen import make_screen
    from threet.cli.demo.supervisor import Interrupted, Supervisor, Wish

    project_config = (config or default_config_path()).absolute()
    folder = state or project_config.parent / "state" / ("demo-candles" if candles else "demo-seeded")
    wish = Wish(project_config, Market(candles.absolute() if candles else None, speed), seconds, folder)
    try:
        summary, lacking = Supervisor(wish, make_screen()).run()
    except (FolderInUse, OtherMarket, NoFreePort, NoRedis, StartFailed, SchemaError, ShowFailed) as error:
        raise click.ClickException(str(error)) from None
    except DatabaseError as error:
        raise click.ClickException(f"the database does not answer: {str(error).splitlines()[0]}") from None
    except Interrupted:
        click.echo("interrupted before its end: no summary", err=True)
        sys.exit(_INTERRUPTED)
    if summary is None:
        return
    for line in lacking:
        click.echo(f"not a success: {line}", err=True)
    click.echo(json.dumps(summary))
    sys.exit(1 if lacking else 0)
