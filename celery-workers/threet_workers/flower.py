"""Flower: ``python -m threet_workers.flower --port 5555``. User and password come from secrets.yml, never from the command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from threet.settings import SettingsError
from threet_workers.app import app
from threet_workers.configuration import configuration


def main(arguments: Sequence[str] | None = None) -> None:
    """Serves until SIGTERM or Ctrl-C. It only shows: its buttons that stop tasks and workers are off."""
    parser = argparse.ArgumentParser(prog="python -m threet_workers.flower")
    parser.add_argument("--port", type=int, default=5555)
    parser.add_argument("--address", default="127.0.0.1", help="where to listen; inside a container 0.0.0.0")
    chosen = parser.parse_args(arguments)
    port: int = chosen.port
    settings, secrets = configuration()
    from flower import options as _defined  # noqa: F401  # defines Flower's options
    from tornado.options import options

    try:
        options.basic_auth = [f"{secrets.require('flower.user')}:{secrets.require('flower.password')}"]
    except SettingsError as error:
        raise SystemExit(str(error)) from None
    options.address = chosen.address
    options.read_only = True
    options.max_tasks = options.max_workers = settings.workers.flower_entries
    app.start(["flower", f"--port={port}", "--conf=/dev/null"])


if __name__ == "__main__":
    main()
