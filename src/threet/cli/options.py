"""The options that every command shares: where config.yml and secrets.yml are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from threet.settings import Secrets, Settings, default_config_path, default_secrets_path, load_secrets, load_settings

F = TypeVar("F", bound=Callable[..., Any])

_PATH = click.Path(path_type=Path)


class BadSettings(click.ClickException):
    """config.yml or secrets.yml must not be used; every problem on a line of its own."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(self.format_message(), err=True)


def config_option(command: F) -> F:
    return click.option("--config", type=_PATH, help="config.yml [THREET_CONFIG, else ./config.yml].")(command)


def settings_options(command: F) -> F:
    secrets = click.option("--secrets", type=_PATH, help="secrets.yml [THREET_SECRETS, else beside config.yml].")
    return config_option(secrets(command))


def read_settings(config: Path | None, secrets: Path | None) -> tuple[Settings, Secrets]:
    """Both files, checked. Raises SettingsError, which the group of commands turns into one message."""
    path = config or default_config_path()
    settings = load_settings(path)
    return settings, load_secrets(secrets or default_secrets_path(path), settings)
