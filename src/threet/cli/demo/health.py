"""Is a part well? Each check answers None, or one line that says what is wrong. None of them waits longer than about a second."""

from __future__ import annotations

import base64
import os
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from threet.cli.demo.process import LogFile

Check = Callable[[LogFile], str | None]
"""Gets the part's log, since for some parts the first sign of health is a line that they write."""

_TIMEOUT_SECONDS = 1.0


class CannotTell(str):
    """What is wrong with the asking, and says nothing of the part itself."""

    __slots__ = ()


def http_ok(url: str, login: str | None = None) -> Check:
    """Healthy while ``GET url`` answers 200; with ``login`` (user:password) it is the server that knows this password, not another one."""
    asked = urllib.request.Request(url)
    if login is not None:
        asked.add_header("Authorization", "Basic " + base64.b64encode(login.encode()).decode())

    def check(_: LogFile) -> str | None:
        try:
            with urllib.request.urlopen(asked, timeout=_TIMEOUT_SECONDS) as answer:  # our own 127.0.0.1 address
                return None if answer.status == 200 else f"GET {url}: status {answer.status}"
        except (OSError, ValueError) as error:
            return f"GET {url}: {error}"

    return check


def redis_answers(port: int, password: str) -> Check:
    """Healthy while AUTH and PING are answered; also no while Redis still loads its file."""
    request = f"*2\r\n$4\r\nAUTH\r\n${len(password)}\r\n{password}\r\n*1\r\n$4\r\nPING\r\n".encode()

    def check(_: LogFile) -> str | None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_SECONDS) as connection:
                connection.sendall(request)
                answer = b""
                while answer.count(b"\r\n") < 2 and (chunk := connection.recv(256)):
                    answer += chunk
        except OSError as error:
            return f"PING on port {port}: {error}"
        return None if answer == b"+OK\r\n+PONG\r\n" else f"PING on port {port} answered {answer.decode(errors='replace').strip()!r}"

    return check


def log_says(words: str) -> Check:
    """Healthy once this start wrote a line with ``words``; for parts that nobody can ask."""

    def check(log: LogFile) -> str | None:
        return None if words in log.text() else f"has not said {words!r} yet"

    return check


def all_of(*checks: Check) -> Check:
    """Healthy once all are; tells the first that is not."""

    def check(log: LogFile) -> str | None:
        return next((wrong for one in checks if (wrong := one(log)) is not None), None)

    return check


def is_held(lock_file: Path) -> Check:
    """Healthy while the file names a process that lives: a lock is taken before the work begins."""

    def check(_: LogFile) -> str | None:
        try:
            os.kill(int(lock_file.read_text().split()[0]), 0)
        except (OSError, ValueError, IndexError) as error:
            return f"{lock_file} names no living process: {error}"
        return None

    return check


def lives(_: LogFile) -> str | None:
    """Healthy as soon as it runs."""
    return None
