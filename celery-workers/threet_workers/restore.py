"""Gives back, now and then, what a killed worker had fetched and not acknowledged: running eventlet workers do not by themselves.

Nothing depends on it (tasks acknowledge early, and expire); it keeps the list of un-acknowledged messages bounded.
"""

from __future__ import annotations

import logging
from typing import Any

from celery import bootsteps

from threet_workers.configuration import configuration

log = logging.getLogger(__name__)


class RestoreVisible(bootsteps.StartStopStep):  # type: ignore[misc]  # celery ships no types
    """Runs on the worker's timer every ``workers.redis_restore_seconds``, over a connection of its own."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **kwargs: Any) -> None:
        self._timer: Any = None
        super().__init__(consumer, **kwargs)

    def start(self, consumer: Any) -> None:
        told = configuration()[0].workers
        arguments = (consumer.app, told.redis_restore_messages)
        self._timer = consumer.timer.call_repeatedly(told.redis_restore_seconds, restore_visible, arguments)

    def stop(self, consumer: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def restore_visible(app: Any, most: int) -> None:
    """Puts back what is older than the visibility timeout, at most so many messages."""
    with app.connection_for_write() as connection:
        try:
            with connection.channel() as channel:
                channel.qos.restore_visible(num=most, interval=1)
        except (*connection.connection_errors, *connection.channel_errors) as error:
            log.warning("un-acknowledged messages not looked at: %s: %s", type(error).__name__, error)
