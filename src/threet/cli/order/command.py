"""The command `3t order resolve`: a person ends an order that the venue will never end."""

from __future__ import annotations

import getpass
import socket
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

import click

from threet.cli.options import read_settings, settings_options


@click.group(name="order")
def command() -> None:
    """What a person can say of one order."""


@command.command()
@settings_options
@click.argument("order_id")
@click.argument("reason", nargs=-1, required=True)
@click.option("--as", "how", type=click.Choice(["executed", "not-executed"]), required=True, help="What you found at the venue.")
@click.option("--contracts", help="How much of it was executed; needed with --as executed.")
def resolve(config: Path | None, secrets: Path | None, order_id: str, reason: tuple[str, ...], how: str, contracts: str | None) -> None:
    """Say how ORDER_ID (or its beginning) ended, and why you know. Only of an order without a known end, past its expiry.

    What you say is recorded with your name. Where position and fills say otherwise, the symbol locks.
    """
    from threet.adapters.sql.errors import DatabaseError
    from threet.application.resolving import NotResolved, Resolver, Word
    from threet.bootstrap import build_account, build_cli_services

    executed = _executed(how, contracts)
    settings, secret_values = read_settings(config, secrets)
    services, chosen = build_cli_services(settings, secret_values), settings.reconciliation
    resolver = Resolver(
        services.store,
        services.account,
        lambda: build_account(settings, secret_values).open_orders(),
        expiry_margin=timedelta(seconds=float(chosen.expiry_margin_seconds)),
        fills_overlap=timedelta(seconds=float(chosen.fills_overlap_seconds)),
    )
    try:
        state = resolver.resolve(order_id, Word(executed, f"{getpass.getuser()}@{socket.gethostname()}", " ".join(reason)))
    except NotResolved as why:
        raise click.ClickException(str(why)) from None
    except DatabaseError as error:
        raise click.ClickException(f"the database does not answer ({str(error).splitlines()[0]}): nothing was changed") from None
    click.echo(
        f"order {order_id} ended as {state}. The next cycle compares the position with it, and trades its symbol again where they agree."
    )


def _executed(how: str, contracts: str | None) -> Decimal:
    if how == "not-executed":
        if contracts is not None:
            raise click.UsageError("--contracts goes with --as executed")
        return Decimal(0)
    try:
        executed = Decimal(contracts or "")
    except InvalidOperation:
        executed = Decimal(0)
    if not (executed.is_finite() and executed > 0):
        raise click.UsageError(f"expected --contracts with a number above 0 for --as executed, was {contracts}")
    return executed
