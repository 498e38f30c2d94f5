"""An autoscaler that sees the backlog.

Celery's own counts the requests that the worker has taken. An eventlet pool takes no more than it has slots for, and one that
waits, so that Celery's grows by one slot a second; and it never shrinks while tasks arrive more often than every 30 s.
"""

from __future__ import annotations

from time import monotonic
from typing import Any

from celery.worker.autoscale import Autoscaler

from threet.domain.values import Unknown
from threet_workers.process import current


class BacklogAutoscaler(Autoscaler):  # type: ignore[misc]  # celery ships no types
    """Grows at once to what runs and waits; shrinks when the slots were not needed for ``workers.autoscale_keepalive_seconds``."""

    _needed_at = 0.0

    def _maybe_scale(self, req: Any = None) -> bool:
        wanted = min(max(self._wanted(), self.min_concurrency), self.max_concurrency)
        if wanted >= self.processes:
            self._needed_at = monotonic()
        if wanted > self.processes:
            self._grow(wanted - self.processes)
            return True
        if wanted < self.processes and monotonic() - self._needed_at > current().settings.workers.autoscale_keepalive_seconds:
            self._shrink(self.processes - wanted)
            return True
        return False

    def _wanted(self) -> int:
        taken: int = self.qty
        if taken < self.processes:  # a free slot: nothing waits, and Redis need not be asked
            return taken
        waiting = current().canaries.queue_lengths(list(self.worker.app.amqp.queues.consume_from))
        return taken if isinstance(waiting, Unknown) else taken + sum(waiting.values())
