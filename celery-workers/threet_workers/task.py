"""The hallway of all tasks: span, duration, outcome, log line and the classes of errors live here, once."""

from __future__ import annotations

import logging
from threading import Lock
from typing import Any

from celery import Task

from threet.application.publishing import PublishFailed
from threet.application.update_balance import MissingSecrets
from threet.domain.errors import VenueBusy, VenueError, VenueRefused, VenueSilent
from threet_workers.process import current
from threet_workers.schedule import queue_of

log = logging.getLogger("threet.tasks")
_MOST_CHARACTERS = 500  # of an answer or error in one log line: a format

_OUTCOMES: tuple[tuple[type[Exception], str], ...] = (
    (VenueRefused, "refused"),
    (VenueBusy, "busy"),
    (VenueSilent, "silent"),
    (VenueError, "venue"),
    (PublishFailed, "unpublished"),
    (MissingSecrets, "secrets"),
)


class TaskFailed(Exception):
    """A failure that is foreseen and reported in one line; the next tick is its retry."""


def outcome_of(error: Exception) -> str:
    """One of a small fixed set, for metrics. ``error`` is what nobody foresaw."""
    for kind, outcome in _OUTCOMES:
        if isinstance(error, kind):
            return outcome
    from threet.adapters.sql.errors import DatabaseError  # here, since beat and Flower do without a database

    return "database" if isinstance(error, DatabaseError) else "error"


def _one_line(value: object) -> str:
    return " ".join(str(value).split())[:_MOST_CHARACTERS]


class ThreetTask(Task):  # type: ignore[misc]  # celery ships no types
    """No task is tried again: the periodic ones come again by themselves, and nothing that money depends on may run twice.

    ``single_flight``: a second one in the same process, while the first runs, ends at once as ``skipped``.
    """

    abstract = True
    ignore_result = True
    acks_late = False
    max_retries = 0
    throws = (TaskFailed,)
    single_flight = True

    def __init__(self) -> None:
        self._in_flight = Lock()

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        if not self.single_flight:
            self._measured(*args, **kwargs)
        elif self._in_flight.acquire(blocking=False):
            try:
                self._measured(*args, **kwargs)
            finally:
                self._in_flight.release()
        else:
            self._report("skipped", 0.0, "the one before is still running")

    def _measured(self, *args: Any, **kwargs: Any) -> None:
        process = current()
        started = process.clock.monotonic()
        try:
            with process.telemetry.span(self.name, {"task.id": str(self.request.id)}):
                result = self.run(*args, **kwargs)
        except Exception as error:
            outcome, text = outcome_of(error), _one_line(f"{type(error).__name__}: {error}")
            self._report(outcome, process.clock.monotonic() - started, text)
            if outcome == "error":
                raise  # Celery logs it with its traceback
            raise TaskFailed(text) from None
        self._report("ok", process.clock.monotonic() - started, "" if result is None else _one_line(result))

    def _report(self, outcome: str, seconds: float, text: str) -> None:
        process = current()
        process.telemetry.task_ended(self.name, outcome, seconds)
        if (queue := queue_of(self.name)) and outcome != "skipped":
            process.works(queue, self.request.hostname)
        level = {"ok": logging.INFO, "error": logging.ERROR}.get(outcome, logging.WARNING)
        log.log(level, "%s %s in %.3f s [%s] %s", self.name, outcome, seconds, self.request.id, text)
