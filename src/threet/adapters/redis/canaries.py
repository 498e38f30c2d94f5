"""Canaries: a small task through each queue, whose age tells from outside whether the queue's worker still works."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from threet.adapters.redis.keys import CANARY, from_ms, to_ms
from threet.application.ports import Clock
from threet.application.publishing import PublishFailed
from threet.domain.values import Known, Unknown


class Canaries:
    """Writes and reads the times (wall time) of the last canaries, and the lengths of the queues."""

    def __init__(self, redis: Redis, clock: Clock) -> None:
        self._redis: Any = redis
        self._clock = clock

    def ran(self, queue: str) -> None:
        """Called by the canary itself, in the worker. Raises PublishFailed."""
        try:
            self._redis.hset(CANARY, queue, str(to_ms(self._clock.now())))
        except RedisError as error:
            raise PublishFailed(f"canary of {queue}: {type(error).__name__}: {error}") from error

    def last_runs(self) -> Mapping[str, Known[datetime]] | Unknown:
        """When the last canary of each queue ran; a queue whose canary never ran is missing."""
        try:
            rows: dict[str, str] = self._redis.hgetall(CANARY)
        except RedisError as error:
            return Unknown(f"redis {CANARY}: {type(error).__name__}: {error}")
        try:
            times = {queue: from_ms(int(text)) for queue, text in rows.items()}
        except (ValueError, OverflowError):
            return Unknown(f"redis {CANARY}: expected milliseconds, was {rows!r}"[:200])
        return {queue: Known(at, at, f"redis {CANARY}") for queue, at in times.items()}

    def queue_lengths(self, queues: Sequence[str]) -> Mapping[str, int] | Unknown:
        """Messages that wait in each queue and that no worker has fetched."""
        try:
            return {queue: int(self._redis.llen(queue)) for queue in queues}
        except RedisError as error:
            return Unknown(f"redis: {type(error).__name__}: {error}")
