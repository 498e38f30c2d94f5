"""A real, private MariaDB for tests: on a free port of 127.0.0.1, in a folder of its own, stopped by its process id."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql
from tests.support import children
from tests.support.needs import missing

PASSWORD = "example-database-password"
USER = "threet"
_SMALL = (
    "--innodb-buffer-pool-size=32M",
    "--innodb-log-file-size=8M",
    "--key-buffer-size=1M",
    "--performance-schema=OFF",
    "--skip-log-bin",
    "--max-connections=60",
    "--character-set-server=utf8mb4",
)


class MariaDb:
    """``port`` for clients over TCP; root has no password, ``threet`` the example's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def install(self) -> None:
        as_root = ["--auth-root-authentication-method=normal", "--skip-test-db"]
        command = [_program("mariadb-install-db"), "--no-defaults", f"--datadir={self.folder}/data", *_user(), *as_root]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=self._environment())
        if done.returncode != 0:
            raise RuntimeError(f"mariadb-install-db ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")

    def _environment(self) -> dict[str, str]:
        """A folder of its own for temporary tables: a server that starts removes those of others where it shares one with them."""
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        temporary.chmod(0o777)  # the server may run as another user; who comes this far is decided by the folder around it
        return {**os.environ, "TMPDIR": str(temporary)}

    def start(self, *options: str) -> None:
        """Starts, with these options besides its own, and waits until it answers."""
        command: list[str | Path] = [
            _program("mariadbd"),
            "--no-defaults",
            f"--datadir={self.folder}/data",
            f"--socket={self.folder}/s.sock",
            f"--pid-file={self.folder}/pid",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            *_SMALL,
            *options,
        ]
        if os.geteuid() == 0:  # it refuses to run as root; the package has made a user for it
            command = children.as_user("mysql", command)
        with (self.folder / "log").open("ab") as log:
            self._process = children.start(command, stdout=log, stderr=log, env=self._environment())
        self._wait()

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)
            self._process = None

    def kill(self) -> None:
        """SIGKILL, as a crash would be."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def url(self, database: str) -> str:
        return f"mysql+pymysql://{USER}@127.0.0.1:{self.port}/{database}"

    def client(self, sql: str, *arguments: str) -> str:
        """Pipes ``sql`` through the ``mariadb`` client as root; returns what it printed. Raises AssertionError with its message."""
        command = [_program("mariadb"), "--no-defaults", "-h127.0.0.1", f"-P{self.port}", "-uroot", "--batch", *arguments]
        done = subprocess.run(command, input=sql, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode != 0:
            raise AssertionError(f"mariadb ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def grant(self) -> None:
        self.client(f"CREATE USER '{USER}'@'%' IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON *.* TO '{USER}'@'%';")

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                pymysql.connect(host="127.0.0.1", port=self.port, user="root", connect_timeout=2).close()
                return
            except pymysql.err.OperationalError:
                ended = self._process is None or self._process.poll() is not None
                if ended or time.monotonic() > deadline:
                    raise RuntimeError(f"MariaDB did not start: {(self.folder / 'log').read_text()[-2000:]}") from None
                time.sleep(0.02)


@contextmanager
def running_mariadb() -> Iterator[MariaDb]:
    """A started server, gone with its folder at the end. Skips the test where there is no MariaDB; fails where CI is true."""
    if not _is_installed():
        missing("MariaDB is not installed: make deps")
    folder = Path(tempfile.mkdtemp(prefix="3t-mariadb-"))  # a short path: that of a socket may have 107 characters
    if os.geteuid() == 0:
        shutil.chown(folder, "mysql")
    server = MariaDb(folder)
    try:
        server.install()
        server.start()
        server.grant()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _is_installed() -> bool:
    return all(_find(name) for name in ("mariadbd", "mariadb", "mariadb-install-db"))


def _find(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def _program(name: str) -> str:
    found = _find(name)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed: make deps")
    return found


def _user() -> list[str]:
    """As whom the files are made."""
    if os.geteuid() != 0:
        return []
    pwd.getpwnam("mysql")
    return ["--user=mysql"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
