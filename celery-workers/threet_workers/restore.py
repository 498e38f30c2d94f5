"""Gives back, now and then, what a killed worker had fetched and not acknowledged: running eventlet workers do not by themselves.

Nothing depends on it (tasks acknowledge early, and expire); it keeps the list of un-acknowledged messages bounded.
"""

from __future__ import annotations

import logging
from typing import Any

from celery import bootsteps

from threet_workers.configuration import configuration

log = logging.getLogger(__name__)
_MOST_AT_ONCE = 100


class RestoreVisible(bootsteps.StartStopStep):  # type: ignore[misc]  # celery ships no types
    """Runs on the worker's timer every ``workers.redis_restore_seconds``, over a connection of its own."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **kwargs: Any) -> None:
        self._timer: Any = None
        super().__init__(consumer, **kwargs)

    def start(self, consumer: Any) -> None:
        settings, _ = configuration()
        self._timer = consumer.timer.call_repeatedly(settings.workers.redis_restore_seconds, restore_visible, (consumer.app,))

    def stop(self, consumer: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def restore_visible(app: Any) -> None:
    """Puts back what is older than the visibility timeout, at most a hundred messages."""
    with app.connection_for_write() as connection:
        try:
            with connection.channel() as channel:
                channel.qos.restore_visible(num=_MOST_AT_ONCE, interval=1)
        except (*connection.connection_errors, *connection.channel_errors) as error:
            log.warning("un-acknowledged messages not looked at: %s: %s", type(error).__name__, error)
