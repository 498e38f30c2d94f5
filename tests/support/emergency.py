"""`3t flatten --emergency` as a person starts it, beside a desk: where its config says, there is no database, Redis or observer."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import yaml
from tests.support import children
from tests.support.cycle import AGENT, MASTER, Desk

COMMAND = Path(sys.executable).with_name("3t")


def write_secrets(folder: Path, **exchange: str) -> Path:
    path = folder / "secrets.yml"
    path.write_text(yaml.safe_dump({"exchange": {"walletAddress": MASTER.address, "privateKey": AGENT.private_key, **exchange}}))
    path.chmod(0o600)
    return path


def command_line(folder: Path, *arguments: str) -> list[str | Path]:
    files = ["--config", str(folder / "config.yml"), "--secrets", str(folder / "secrets.yml")]
    return [COMMAND, "flatten", "--emergency", *files, *arguments]


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    return children.start(command_line(folder, *arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


def run(folder: Path, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return children.run(command_line(folder, *arguments), timeout=timeout)


def wait_for_intents(desk: Desk, count: int = 1, seconds: float = 20) -> None:
    """Until the running emergency has written so many intents down."""
    end = time.monotonic() + seconds
    while sum(text.count('{"intent"') for text in texts(desk)) < count:
        assert time.monotonic() < end, f"waited {seconds:g} s for {count} intents"
        time.sleep(0.02)


def texts(desk: Desk) -> Sequence[str]:
    """Of the files that the database may not have yet."""
    return [path.read_text() for path in sorted((desk.settings.state_folder / "emergency").glob("*.jsonl"))]
