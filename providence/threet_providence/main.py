"""The command line of one Providence manager."""

from __future__ import annotations

import argparse
import errno
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from threet.settings import Settings, SettingsError, default_config_path, default_secrets_path, load_secrets, load_settings
from threet_providence.journal import JournalError
from threet_providence.lock import ShardTaken
from threet_providence.manager import Manager

log = logging.getLogger("providence")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs until SIGTERM or SIGINT; returns the exit code: 0 stopped, 1 died, 2 refused to start."""
    options = _options(arguments)
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(threadName)s: %(message)s")
    try:
        config = options.config or default_config_path()
        settings = load_settings(config)
        secrets = load_secrets(options.secrets or default_secrets_path(config), settings)
        manager = Manager(settings, secrets, _shard(options.shard, settings))
        _stop_on_signals(manager)
        return manager.run()
    except (SettingsError, ShardTaken, JournalError, OSError) as error:
        log.critical("refused to start: %s", error)
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            log.critical("the disk that holds saved_runs is full: make room and start again; what was saved is still there")
        return 2


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Runs the virtual runs of one shard.")
    parser.add_argument("--config", type=Path, help="config.yml (else THREET_CONFIG, else ./config.yml)")
    parser.add_argument("--secrets", type=Path, help="secrets.yml (else THREET_SECRETS, else beside config.yml)")
    parser.add_argument("--shard", default="", metavar="K/N", help="which shard of how many, counted from 0 (else 0 of providence.shards)")
    return parser.parse_args(arguments)


def _shard(text: str, settings: Settings) -> int:
    shards = settings.providence.shards
    number, _, count = (text or f"0/{shards}").partition("/")
    if not number.isdigit() or not int(number) < shards or count not in ("", str(shards)):
        raise SettingsError([f"--shard: expected K/{shards} with K from 0 to {shards - 1} (config.yml: providence.shards), was {text}"])
    return int(number)


def _stop_on_signals(manager: Manager) -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        manager.stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


def run() -> None:
    """Ends the process at once after the last line: a thread that hangs must not keep it."""
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)
