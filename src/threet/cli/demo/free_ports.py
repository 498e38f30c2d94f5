"""Ports on 127.0.0.1: the preferred one where it is free, else a near one, and that is said."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping

_HIGHEST = 32_000
"""Below the range from which the kernel takes ports for outgoing connections, so that a free one stays free until the part listens."""


class NoFreePort(Exception):
    """No port could be had; the message says for which part."""


def choose_ports(preferred: Mapping[str, int], say: Callable[[str], None]) -> dict[str, int]:
    """A free port for each name, none twice. ``say`` hears of every preferred one that is taken."""
    chosen: dict[str, int] = {}
    for name, wanted in preferred.items():
        port = next((port for port in range(wanted, max(wanted + 200, _HIGHEST)) if port not in chosen.values() and is_free(port)), None)
        if port is None:
            raise NoFreePort(f"{name}: no free port from {wanted} on")
        if port != wanted:
            say(f"{name}: port {wanted} is in use, {port} is taken instead")
        chosen[name] = port
    return chosen


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
