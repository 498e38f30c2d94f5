"""What lives as long as a worker process: its services, built once, its telemetry and its canaries."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from threet.adapters.clock import SystemClock
from threet.adapters.redis import Canaries, make_redis
from threet.adapters.signs_of_life import SignsOfLife
from threet.adapters.telemetry import Telemetry, make_telemetry
from threet.application.ports import Clock
from threet.settings import Secrets, Settings
from threet_workers.schedule import RECONCILE

if TYPE_CHECKING:
    from threet.bootstrap import ReconcileServices, WorkerServices

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Services:
    """Of the queues that this process consumes and of no others, so that only one process can hold the signing key."""

    worker: WorkerServices | None
    reconcile: ReconcileServices | None


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    settings: Settings
    clock: Clock
    telemetry: Telemetry
    canaries: Canaries
    services: Services
    signs: SignsOfLife = field(default_factory=lambda: SignsOfLife(None))
    _reported: dict[str, float] = field(default_factory=dict)

    @property
    def worker(self) -> WorkerServices:
        """Raises RuntimeError in a process that does not consume `market` or `account`."""
        if self.services.worker is None:
            raise RuntimeError("expected a worker on the queues market and account, but this one consumes neither")
        return self.services.worker

    @property
    def reconcile(self) -> ReconcileServices:
        """Raises RuntimeError in a process that does not consume `reconcile`."""
        if self.services.reconcile is None:
            raise RuntimeError("expected a worker on the queue reconcile, but this one does not consume it")
        return self.services.reconcile

    def report(self, queue: str, node: str) -> None:
        """Tells the database which configuration this process runs."""
        self._reported[queue] = self.clock.monotonic()
        (self.reconcile if queue == RECONCILE else self.worker).report(node)

    def works(self, queue: str, node: str) -> None:
        """A task came through this queue: to be called for each, since other hosts on it may take all of its canaries.

        Reports about as often as a canary would. Without a database that is left to the canaries, which say so.
        """
        from threet.adapters.sql.errors import DatabaseError

        self.signs.show(f"canary-{queue}", self.settings.freshness.max_service_age_seconds)
        last = self._reported.get(queue)
        if last is None or self.clock.monotonic() - last >= self.settings.schedule.canary_seconds:
            try:
                self.report(queue, node)
            except DatabaseError as error:
                log.debug("%s: no report of %s: %s", node, queue, error)

    def leave(self, node: str) -> None:
        """Takes its reports back, so that the config of a process that has stopped holds nobody up. Without a database they grow old."""
        from threet.adapters.sql.errors import DatabaseError

        for services in (self.services.worker, self.services.reconcile):
            try:
                if services is not None:
                    services.leave(node)
            except DatabaseError as error:
                log.warning("%s: the database was not told of the stop: %s", node, error)


_started: list[WorkerProcess] = []


def build_services(settings: Settings, secrets: Secrets, queues: Collection[str]) -> Services:
    """Raises what bootstrap raises, such as SettingsError or a schema of another version."""
    from threet import bootstrap  # here, since it loads ccxt, which beat and Flower do without

    return Services(
        worker=bootstrap.build_worker_services(settings, secrets) if set(queues) - {RECONCILE} else None,
        reconcile=bootstrap.build_reconcile_services(settings, secrets) if RECONCILE in queues else None,
    )


def start(settings: Settings, secrets: Secrets, queues: Collection[str], node: str) -> WorkerProcess:
    """Builds everything. Called once, in ``worker_init``, after eventlet's patching."""
    clock = SystemClock()
    process = WorkerProcess(
        settings=settings,
        clock=clock,
        telemetry=make_telemetry(settings, node),
        canaries=Canaries(make_redis(settings, secrets), clock),
        services=build_services(settings, secrets, queues),
        signs=SignsOfLife.from_environment(),
    )
    _started[:] = [process]
    log.info("%s: services built for %s, config %s", node, ", ".join(queues), settings.config_hash[:12])
    return process


def current() -> WorkerProcess:
    """The process's own. Raises RuntimeError where no worker has started, as in beat."""
    if not _started:
        raise RuntimeError("expected a started worker, but worker_init has not run in this process")
    return _started[0]
