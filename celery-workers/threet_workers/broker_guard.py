"""A guard around one crash of kombu 5.7 with Redis.

Symptom: Redis is lost while messages are prefetched; the worker ends with "'NoneType' object has no attribute 'hostname'".
Cause: the connection is closed twice, and the second time the un-acknowledged messages are put back through a client that is
gone. With the guard they stay where they are, in Redis, until ``restore_visible`` gives them back or they have expired.
"""

from __future__ import annotations

import logging
from typing import Any

from kombu.transport.redis import QoS

log = logging.getLogger(__name__)
_original: Any = QoS.restore_unacked


def install() -> None:
    """May be called again."""
    QoS.restore_unacked = _restore_unacked  # type: ignore[method-assign]


def _restore_unacked(self: Any, client: Any = None) -> None:
    connection = self.channel.connection
    if connection is None or connection.client is None:
        log.warning("the broker's connection is gone: %d messages stay un-acknowledged in Redis", len(self._delivered))
        self._delivered.clear()
        return
    _original(self, client)
