"""One manager per shard: a lock file in ``saved_runs/`` that the kernel lets go of when its holder dies."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO


class ShardTaken(Exception):
    """Another manager holds the shard; names it."""


class ShardLock:
    """Held from ``take`` until the process ends or ``release`` is called."""

    def __init__(self, folder: Path, shard: int, shards: int) -> None:
        self._folder, self._shard, self._shards = folder, shard, shards
        self._file: IO[str] | None = None

    def take(self, now: datetime) -> None:
        """Raises ShardTaken where this shard, or any shard of another number of shards, has a manager."""
        path = self._folder / f"shard-{self._shard}-of-{self._shards}.lock"
        file = open(path, "a+", encoding="utf-8")  # noqa: SIM115 - the lock lives as long as the file is open
        if not _try_lock(file):
            raise ShardTaken(_refusal(path, file, "only one manager may run a shard"))
        try:
            # Its own one first: of two that start at once, of different numbers, each sees the other.
            for other in sorted(self._folder.glob("shard-*-of-*.lock")):
                if other.name.split("-")[3] != f"{self._shards}.lock":
                    _refuse_if_held(other, f"shards of another number than {self._shards} cannot run beside it")
        except ShardTaken:
            file.close()
            raise
        file.seek(0)
        file.truncate()
        json.dump({"pid": os.getpid(), "host": socket.gethostname(), "since": now.isoformat()}, file)
        file.flush()
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


@contextmanager
def adopting(folder: Path) -> Iterator[None]:
    """One manager after the other looks whether the files are of another number of shards; waits for the one before."""
    with open(folder / "adoption.lock", "a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _refuse_if_held(path: Path, why: str) -> None:
    with open(path, "a+", encoding="utf-8") as file:
        if not _try_lock(file):
            raise ShardTaken(_refusal(path, file, why))


def _refusal(path: Path, file: IO[str], why: str) -> str:
    file.seek(0)
    try:
        holder = json.loads(file.read())
        who = f"process {holder['pid']} on {holder['host']} since {holder['since']}"
    except (ValueError, KeyError, TypeError):
        who = "a process that did not write its name"
    return f"{path}: held by {who}; {why}. Stop that one first"
