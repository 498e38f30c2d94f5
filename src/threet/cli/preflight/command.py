"""The command `3t preflight`."""

from __future__ import annotations

from pathlib import Path

import click

_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


def _owner(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """Two numbers: a name would be looked up in this image's list of users."""
    if value is None:
        return None
    user, _, group = value.partition(":")
    if not (user.isdecimal() and group.isdecimal()):
        raise click.BadParameter(f"expected UID:GID in numbers, such as 10001:10001, was {value!r}")
    return int(user), int(group)


@click.command(name="preflight")
@click.option("--project", type=_FOLDER, required=True, help="Where config.yml, secrets.yml and init.sql are. Only read.")
@click.option("--handover", type=_FOLDER, required=True, help="Holds secrets/SERVICE for each service that gets some, and mariadb_init.")
@click.option("--config-out", type=click.Path(path_type=Path, file_okay=False), help="Where config.yml goes [HANDOVER/config].")
@click.option("--saved-runs", type=_FOLDER, help="Given to the owner, with all that is in it.")
@click.option("--owner", callback=_owner, metavar="UID:GID", help="The user and group that the services run as.")
def command(project: Path, handover: Path, config_out: Path | None, saved_runs: Path | None, owner: tuple[int, int] | None) -> None:
    """Check config.yml and secrets.yml, then hand each service its part. With a problem nothing is handed over."""
    from threet.cli.preflight.checks import checked
    from threet.cli.preflight.cluster import authority
    from threet.cli.preflight.contents import database_files, files_of
    from threet.cli.preflight.placing import give, place

    if (saved_runs is None) != (owner is None):
        raise click.UsageError("expected --saved-runs and --owner together, was one of them alone")
    services = sorted(folder.name for folder in (handover / "secrets").glob("*") if folder.is_dir())
    if not services:
        raise click.UsageError(f"expected a folder for each service in {handover / 'secrets'}, was none")
    settings, secrets = checked(project, services)
    config = (project / "config.yml").read_text(encoding="utf-8")
    contents = {handover / "secrets" / service: files_of(service, project, settings, secrets) for service in services}
    if "mariadb" in services:
        contents[handover / "mariadb_init"] = database_files(project, settings, secrets)
    # Last: what it names is there by then.
    contents[config_out or handover / "config"] = {**authority(project, settings), "config.yml": config}
    try:
        changed = [folder.name for folder, files in contents.items() if place(folder, files)]
        if saved_runs is not None and owner is not None:
            give(saved_runs, *owner)
    except OSError as error:
        raise click.ClickException(
            f"{error.filename or handover} cannot be written ({error.strerror}); what was there stays whole"
        ) from None
    click.echo(f"mode {settings.exchange.mode}, config {settings.config_hash[:12]}")
    click.echo(f"handed over to {len(services)} services; {'new for ' + ', '.join(changed) if changed else 'nothing has changed'}")
