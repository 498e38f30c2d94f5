"""`3t halt`, `resume`, `adopt`, `flatten`: each may be given again without harm, says what it did and what happens next."""

from __future__ import annotations

import getpass
import socket
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import click

from threet.cli.options import read_settings, settings_options
from threet.settings import Secrets, Settings, SettingsError, default_config_path, load_settings

T = TypeVar("T")


@click.command()
@settings_options
@click.argument("reason", nargs=-1)
def halt(config: Path | None, secrets: Path | None, reason: tuple[str, ...]) -> None:
    """Stop everything that could add risk, at once. Positions stay as they are."""
    settings = load_settings(config or default_config_path())
    # The file first and by itself: it needs no secrets, no database, and none of what else could fail here.
    from threet.adapters.files import FileHalt

    why = " ".join(reason) or "no reason given"
    file = FileHalt(settings.state_folder)
    try:
        file.halt(_who(), why)
        click.echo(f"halted ({settings.state_folder / 'HALT'}): {file.reason()}")
        has_file = True
    except OSError as error:
        click.echo(f"warning: the halt file could not be written ({error})", err=True)
        has_file = False
    from threet.adapters.sql.errors import DatabaseError
    from threet.bootstrap import build_cli_services

    try:
        _, secret_values = read_settings(config, secrets)
        build_cli_services(settings, secret_values).store.set_halt(True, f"{why} (by {_who()})")
    except (DatabaseError, SettingsError) as error:
        if not has_file:
            raise click.ClickException(f"NOT halted: neither file nor database took it ({_first_line(error)}); stop the worker") from None
        click.echo(f"warning: the database was not told ({_first_line(error)}); repeat this when it is back", err=True)
    click.echo(
        "Nothing that adds risk is sent from now on. `3t status` shows what is held, `3t resume` goes on, `3t flatten` closes everything."
    )


@click.command()
@settings_options
@click.option("--new-peak", is_flag=True, help="Forget the peak of the account value, where its transfers can be read no more.")
def resume(config: Path | None, secrets: Path | None, new_peak: bool) -> None:
    """Trade again after a halt, a flatten or a loss that stopped the platform."""
    settings, secret_values = read_settings(config, secrets)
    from threet.bootstrap import build_cli_services

    services = build_cli_services(settings, secret_values)
    was = _or_fail(lambda: services.halt.is_halted() or services.store.control().halted, "still halted")
    forgot = _or_fail(lambda: services.controls.resume(new_peak=new_peak), "still halted")
    seconds = settings.schedule.reconcile_positions_seconds
    click.echo("resumed" if was else "was not halted" if forgot else "was not halted; nothing changed")
    if forgot:
        click.echo("The peak and the losses of before are forgotten: the next readings of the account value make new ones.")
    click.echo(f"The next cycle (within {seconds:g} s) corrects the positions toward the targets again.")


@click.command()
@settings_options
def adopt(config: Path | None, secrets: Path | None) -> None:
    """Accept what the account holds now as ours, and open every lock but a person's own."""
    settings, secret_values = read_settings(config, secrets)
    from threet.bootstrap import build_cli_services

    services = build_cli_services(settings, secret_values)
    try:
        positions = _or_fail(services.controls.adopt, "nothing was adopted")
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"adopted account {services.account} with {positions} open position{'' if positions == 1 else 's'}; its locks are open")
    click.echo("A lock that a person put on stays until its time, or until `3t unlock`.")
    click.echo("From the next cycle on these positions are corrected toward the targets like any other.")


@click.command()
@settings_options
@click.option("--timeout", "timeout_seconds", type=float, help="Seconds to wait until all is closed (else cli.flatten_wait_seconds).")
@click.option("--emergency", is_flag=True, help="At once and without the cycle: needs the key, the exchange and a disk, and nothing else.")
@click.argument("reason", nargs=-1)
def flatten(config: Path | None, secrets: Path | None, timeout_seconds: float | None, emergency: bool, reason: tuple[str, ...]) -> None:
    """Close everything through the cycle, and stay closed until `3t resume`. Waits until the account is flat or says why it is not."""
    why = " ".join(reason) or "no reason given"
    if emergency:
        from threet.cli.emergency import flatten_at_once

        settings = load_settings(config or default_config_path())
        flatten_at_once(settings, lambda: read_settings(config, secrets)[1], _who(), why, timeout_seconds)
        return
    settings, secret_values = read_settings(config, secrets)
    from threet.bootstrap import build_cli_services

    services = build_cli_services(settings, secret_values)
    _or_fail(lambda: services.controls.flatten(_who(), why), "not flattening")
    click.echo("halted, and every position is to be closed by the coming cycles (reduce-only; only where the sources agree)")
    _wait_until_flat(settings, secret_values, settings.cli.flatten_wait_seconds if timeout_seconds is None else timeout_seconds)


def _wait_until_flat(settings: Settings, secret_values: Secrets, timeout_seconds: float) -> None:
    from threet.cli.flattening import progress
    from threet.cli.status.build import make_reader

    reader, begun, said = make_reader(settings, secret_values), time.monotonic(), ""
    started = reader.read().at
    margin = timedelta(seconds=float(settings.reconciliation.expiry_margin_seconds))
    while True:
        state = progress(reader.read(), started, margin)
        if state.line != said:
            click.echo(state.line)
            said = state.line
        if state.done:
            click.echo(f"Flat after {time.monotonic() - begun:.1f} s. Nothing is opened again until `3t resume`.")
            return
        if time.monotonic() - begun >= timeout_seconds:
            raise click.ClickException(f"not flat after {timeout_seconds:g} s; it goes on in the background. {state.line}")
        time.sleep(settings.cli.refresh_seconds)


def _or_fail(action: Callable[[], T], consequence: str) -> T:
    from threet.adapters.sql.errors import DatabaseError

    try:
        return action()
    except DatabaseError as error:
        raise click.ClickException(f"the database does not answer ({_first_line(error)}): {consequence}") from None
    except OSError as error:
        raise click.ClickException(f"the state folder cannot be used ({error}): {consequence}") from None


def _who() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0]
