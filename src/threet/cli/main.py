"""The `3t` command. Each of its commands lives in a module of its own and is imported only when it is called."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import click

from threet import cli
from threet.cli.options import BadSettings
from threet.settings import SettingsError

_CONTROLS = ("halt", "resume", "flatten", "adopt")


class _Commands(click.Group):
    """The controls, and one command for each sub-package: its module ``command``."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            raise BadSettings(str(error)) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*_CONTROLS, *(module.name for module in pkgutil.iter_modules(cli.__path__) if module.ispkg)])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        if cmd_name in _CONTROLS:
            found = getattr(importlib.import_module("threet.cli.controls"), cmd_name)
        else:
            found = importlib.import_module(f"threet.cli.{cmd_name}.command").command
        return found if isinstance(found, click.Command) else None


@click.group(cls=_Commands, name="3t", context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """3T, the Tactical Trend Trader: look at the platform and command it."""


if __name__ == "__main__":
    main()
