"""The doorways: each calls one use case. What all tasks share is in task.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from celery import Task

from threet.domain.values import Unknown
from threet_workers.app import app
from threet_workers.process import current
from threet_workers.schedule import ACCOUNT, MARKET, QUEUES, RECONCILE


def doorway(name: str, **options: Any) -> Callable[[Callable[..., object]], Task]:
    """``app.task`` with a type."""
    return cast(Callable[[Callable[..., object]], Task], app.task(name=name, **options))


@doorway("update_prices")
def update_prices() -> object:
    return current().worker.update_prices()


@doorway("update_candles")
def update_candles() -> object:
    return current().worker.update_candles()


@doorway("update_balance")
def update_balance() -> object:
    return current().worker.update_balance()


@doorway("housekeeping")
def housekeeping() -> object:
    return current().worker.housekeeping()


@doorway("reconcile_positions")
def reconcile_positions() -> object:
    process = current()
    result = process.reconcile.reconcile()
    if result.seen is not None:
        process.telemetry.reports_rejected([(report.source, report.kind.value) for report in result.seen.rejected])
        process.telemetry.other_origin(result.seen.foreign_orders, result.seen.foreign_positions)
    return result


@doorway("canary_market", bind=True)
def canary_market(self: Task) -> None:
    _canary(MARKET, self.request.hostname)


@doorway("canary_account", bind=True)
def canary_account(self: Task) -> None:
    _canary(ACCOUNT, self.request.hostname)


@doorway("canary_reconcile", bind=True)
def canary_reconcile(self: Task) -> None:
    _canary(RECONCILE, self.request.hostname)


def _canary(queue: str, node: str) -> None:
    """Says that this queue's worker works, and with which configuration."""
    process = current()
    process.canaries.ran(queue)
    lengths = process.canaries.queue_lengths(QUEUES)
    if not isinstance(lengths, Unknown):
        process.telemetry.queue_lengths(lengths)
    process.report(queue, node)
