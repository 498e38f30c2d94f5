"""The command `3t lock`: a person stops what adds risk in one symbol, for a time."""

from __future__ import annotations

import getpass
import socket
from pathlib import Path

import click

from threet.cli.lock.duration import seconds_of
from threet.cli.options import read_settings, settings_options


@click.command(name="lock")
@settings_options
@click.argument("symbol")
@click.option("--for", "duration", required=True, help="How long: 90s, 30m, 1h, 2d. The lock opens by itself then.")
@click.argument("reason", nargs=-1, required=True)
def command(config: Path | None, secrets: Path | None, symbol: str, duration: str, reason: tuple[str, ...]) -> None:
    """Only reduce SYMBOL for a time, and record who said so and why. From the next cycle on; `3t halt` is quicker and stops all."""
    from threet.adapters.sql.errors import DatabaseError
    from threet.application.locking import Locks, NotChanged
    from threet.bootstrap import build_cli_services

    try:
        seconds = seconds_of(duration)
    except ValueError as wrong:
        raise click.UsageError(f"--for: {wrong}") from None
    settings, secret_values = read_settings(config, secrets)
    try:
        locks = Locks(build_cli_services(settings, secret_values).store, settings.database.write_retries)
        state = locks.lock(symbol, seconds=seconds, who=f"{getpass.getuser()}@{socket.gethostname()}", why=" ".join(reason))
    except NotChanged as why:
        raise click.ClickException(f"not locked: {why}") from None
    except DatabaseError as error:
        raise click.ClickException(f"the database does not answer ({str(error).splitlines()[0]}): not locked") from None
    click.echo(f"{symbol} is locked: {state.why_locked}")
    click.echo(
        "From the next cycle on only orders that reduce are sent there. `3t status` shows the lock, `3t unlock` opens it before its time."
    )
