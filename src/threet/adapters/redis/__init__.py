"""Redis: the bounded streams of prices, candles and balance, the last values, and the ages of the canaries.

Nothing that money depends on lives here alone: what Redis loses is published again from the venue.
"""

from threet.adapters.redis.canaries import Canaries
from threet.adapters.redis.client import make_redis
from threet.adapters.redis.last_values import RedisLastValues
from threet.adapters.redis.publisher import RedisPublisher

__all__ = ["Canaries", "RedisLastValues", "RedisPublisher", "make_redis"]
