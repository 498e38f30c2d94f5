"""Ports on 127.0.0.1: the preferred one where it is free, else a near one, and that is said.

A part listens seconds after its port was chosen. Until then a lock file for each port keeps it from a second supervisor.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

_HIGHEST = 32_000
"""Below the range from which the kernel takes ports for outgoing connections, so that a free one stays free until the part listens."""


class NoFreePort(Exception):
    """No port could be had; the message says for which part."""


class PortClaims:
    """The ports of one supervisor, claimed until it leaves the context or ends in any other way."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path(tempfile.gettempdir())
        self._locks: list[int] = []

    def __enter__(self) -> PortClaims:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for descriptor in self._locks:
            os.close(descriptor)
        self._locks.clear()

    def choose(self, preferred: Mapping[str, int], say: Callable[[str], None]) -> dict[str, int]:
        """A port for each name, none twice. ``say`` hears of every preferred one that is taken. Raises NoFreePort."""
        chosen: dict[str, int] = {}
        for name, wanted in preferred.items():
            port = next((port for port in range(wanted, max(wanted + 200, _HIGHEST)) if self._claim(port)), None)
            if port is None:
                raise NoFreePort(f"{name}: no free port from {wanted} on")
            if port != wanted:
                say(f"{name}: port {wanted} is in use, {port} is taken instead")
            chosen[name] = port
        return chosen

    def _claim(self, port: int) -> bool:
        if not is_free(port):
            return False
        try:
            descriptor = _open(self._folder / f"3t-port-{port}.lock")
        except OSError:  # a folder that cannot be written, or something else of that name
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._locks.append(descriptor)
        return True


def _open(path: Path) -> int:
    """The file stays when its maker ends, who may have been another user: to lock it, reading is enough."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    except PermissionError:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    if os.fstat(descriptor).st_uid == os.geteuid():
        os.fchmod(descriptor, 0o644)  # whatever the umask: there is nothing in it
    return descriptor


def is_free(port: int) -> bool:
    """Whether a server could listen there now; a port that only waits for late packets is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except (OSError, OverflowError):
            return False
    return True
