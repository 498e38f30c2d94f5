"""The command `3t unlock`: a person opens the locks of one symbol, the engine's too."""

from __future__ import annotations

import getpass
import socket
from pathlib import Path

import click

from threet.cli.options import read_settings, settings_options


@click.command(name="unlock")
@settings_options
@click.argument("symbol")
@click.argument("reason", nargs=-1)
def command(config: Path | None, secrets: Path | None, symbol: str, reason: tuple[str, ...]) -> None:
    """Open every lock of SYMBOL, that of a liquidation too, and record who did it and why. Look at its position first."""
    from threet.adapters.sql.errors import DatabaseError
    from threet.application.locking import Locks, NotChanged
    from threet.bootstrap import build_cli_services

    settings, secret_values = read_settings(config, secrets)
    try:
        locks = Locks(build_cli_services(settings, secret_values).store, settings.database.write_retries)
        before = locks.unlock(symbol, who=f"{getpass.getuser()}@{socket.gethostname()}", why=" ".join(reason) or "no reason given")
    except NotChanged as why:
        raise click.ClickException(f"not unlocked: {why}") from None
    except DatabaseError as error:
        raise click.ClickException(f"the database does not answer ({str(error).splitlines()[0]}): not unlocked") from None
    if before is None:
        click.echo(f"{symbol} was not locked; nothing changed")
        return
    was = f"it was locked: {before.why_locked}" if before.locked else f"it was not locked, but the fills made it {before.by_fills}"
    click.echo(f"{symbol} is open; {was}")
    click.echo("The next cycle corrects its position toward the target again, as far as the sources agree.")
