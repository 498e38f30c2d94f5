"""Task events for Flower, as passengers.

Symptom with Celery's own: while Redis is away, the worker's heartbeat tries to send itself for ever and keeps the lock that each
task takes to say that it has ended, so that the pool stands still until Redis is back. Here an event is sent once, or kept for a
reconnection among a bounded number, or lost.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from celery.app.events import Events
from celery.events.dispatcher import EventDispatcher

from threet_workers.configuration import configuration


class PassengerDispatcher(EventDispatcher):  # type: ignore[misc]  # celery ships no types
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._outbound_buffer: deque[Any] = deque(maxlen=configuration()[0].workers.flower_entries)

    def _publish(self, event: Any, producer: Any, routing_key: str, retry: bool = False, **kwargs: Any) -> None:
        super()._publish(event, producer, routing_key, retry=False)


class PassengerEvents(Events):  # type: ignore[misc]  # celery ships no types
    dispatcher_cls = PassengerDispatcher
