"""The demo's state folder: what lies where, and the lock that keeps a second demo out of it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


class FolderInUse(Exception):
    """Another supervisor runs in this folder; the message names it."""


class OtherMarket(Exception):
    """The folder belongs to another market; the message says what to do."""


@dataclass(frozen=True, slots=True)
class StateFolder:
    """Everything below is private to the user: folders 0700, files with secrets 0600."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config.yml"

    @property
    def platform(self) -> Path:
        """What config.yml calls ``state.folder``."""
        return self.root / "platform"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def redis(self) -> Path:
        return self.root / "redis"

    @property
    def simulator(self) -> Path:
        return self.root / "simulator"

    @property
    def saved_runs(self) -> Path:
        return self.root / "saved_runs"

    @property
    def database(self) -> Path:
        return self.root / "3t.db"

    @property
    def all_secrets(self) -> Path:
        """Every secret; read by the supervisor alone."""
        return self.root / "secrets" / "all.yml"

    @property
    def cli_secrets(self) -> Path:
        """Beside config.yml, where `3t --config` finds it."""
        return self.root / "secrets.yml"

    @property
    def flower_password(self) -> Path:
        return self.root / "flower-password.txt"

    def secrets_of(self, service: str) -> Path:
        return self.root / "secrets" / f"{service}.yml"

    def make(self) -> None:
        for folder in (self.root, self.platform, self.logs, self.redis, self.simulator, self.saved_runs, self.all_secrets.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.root.chmod(0o700)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Raises FolderInUse where another supervisor holds the lock. The kernel frees it however the holder ends."""
        path = self.root / "supervisor.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise FolderInUse(
                    f"another demo runs in {self.root}: {path.read_text().strip() or 'it has not said who it is'}. "
                    "Stop it first, or give this one a folder of its own with --state"
                ) from None
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n".encode(), 0)
            yield
        finally:
            os.close(descriptor)

    def belongs_to(self, market: str) -> None:
        """Notes the market at the first start; raises OtherMarket where the folder was made for another."""
        path = self.root / "market.json"
        if not path.exists():
            write_private(path, json.dumps({"market": market}) + "\n")
            return
        before = json.loads(path.read_text())["market"]
        if before != market:
            raise OtherMarket(
                f"{self.root} holds the accounts and runs of another market: {before}, not {market}. "
                "Give this one a folder of its own with --state, or remove the old one (make clean)"
            )


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner may read, and never half of it."""
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
