"""The one way to a Redis client: finite timeouts, and a new attempt where a kept connection was dropped."""

from __future__ import annotations

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from threet.settings import Secrets, Settings


def make_redis(settings: Settings, secrets: Secrets) -> Redis:
    """A client that answers in text. It connects at its first command, not here.

    Each command ends within about twice ``redis.socket_timeout_seconds``. A dropped connection is opened again, without
    waiting, ``redis.reconnect_attempts`` times; a timeout is never tried again, for nobody knows whether the command was done.
    """
    seconds = settings.redis.socket_timeout_seconds
    return Redis.from_url(
        settings.redis.url,
        password=secrets.find("redis.password"),
        decode_responses=True,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), settings.redis.reconnect_attempts, supported_errors=(RedisConnectionError,)),
    )
