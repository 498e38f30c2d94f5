"""The price listener: reads the streams in their one order and hands batches to the strategy loop. Where Redis is away it waits."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from queue import Full, Queue, SimpleQueue
from threading import Event

from threet.adapters.market_feed import FeedAway, FeedBatch, MarketFeed
from threet_providence.messages import Message
from threet_providence.outages import Outage

log = logging.getLogger("providence.listener")


class PriceListener:
    """``wanted`` are symbols whose history of candles (of ``interval``) is to come once more.

    ``ids`` are the last entries consumed, None for a shard that never read. Reads nothing before ``may_begin``.

    ``poll_seconds``: how soon it notices ``stop``, and tries a Redis again that is away.
    """

    def __init__(
        self,
        feed: MarketFeed,
        inbox: Queue[Message],
        ids: Mapping[str, str] | None,
        may_begin: Event,
        stop: Event,
        poll_seconds: float,
        interval: str,
        wanted: SimpleQueue[str],
    ) -> None:
        self._feed, self._inbox, self._ids, self._may_begin, self._stop = feed, inbox, ids, may_begin, stop
        self._poll = poll_seconds
        self._interval, self._wanted = interval, wanted
        self._outage = Outage(log, "redis")

    def run(self) -> None:
        while not self._stop.is_set() and not self._may_begin.wait(self._poll):
            pass
        seeking = True
        while not self._stop.is_set():
            try:
                if seeking:
                    self._feed.seek(self._feed.start_ids() if self._ids is None else self._ids)
                    seeking = False
                self._ask_histories()
                batch = self._feed.read()
            except FeedAway as error:
                self._outage.began(str(error))
                self._stop.wait(self._poll)
                continue
            self._outage.ended()
            if batch.entries or batch.caught_up:
                self._hand_over(batch)

    def _ask_histories(self) -> None:
        while not self._wanted.empty():
            symbol = self._wanted.get()
            try:
                self._feed.ask_history(symbol, self._interval)
            except FeedAway:
                self._wanted.put(symbol)
                raise

    def _hand_over(self, batch: FeedBatch) -> None:
        """Waits for a place in the inbox: what is not handed over was not consumed, and is read again after a restart."""
        while not self._stop.is_set():
            try:
                self._inbox.put(batch, timeout=self._poll)
            except Full:
                continue
            return
