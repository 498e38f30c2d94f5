"""The schedule and the queues: which task runs how often, and through which queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from threet.settings import Settings

MARKET, ACCOUNT, RECONCILE = QUEUES = ("market", "account", "reconcile")


@dataclass(frozen=True, slots=True)
class _Periodic:
    """A task, its queue, and the key of ``schedule`` in config.yml that says how often it runs."""

    task: str
    queue: str
    key: str


_PERIODIC = (
    _Periodic("update_prices", MARKET, "update_prices_seconds"),
    _Periodic("update_candles", MARKET, "update_candles_seconds"),
    _Periodic("update_balance", ACCOUNT, "update_balance_seconds"),
    _Periodic("housekeeping", ACCOUNT, "housekeeping_seconds"),
    _Periodic("reconcile_positions", RECONCILE, "reconcile_positions_seconds"),
    _Periodic("canary_market", MARKET, "canary_seconds"),
    _Periodic("canary_account", ACCOUNT, "canary_seconds"),
    _Periodic("canary_reconcile", RECONCILE, "canary_seconds"),
)


def beat_schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """Entries named after the action. Each message expires when the next is due, so that a worker that was away does not catch up."""
    return {entry.task.replace("_", "-"): _entry(entry, getattr(settings.schedule, entry.key)) for entry in _PERIODIC}


def intervals_seconds(settings: Settings) -> list[float]:
    return [getattr(settings.schedule, entry.key) for entry in _PERIODIC]


def task_routes() -> dict[str, dict[str, str]]:
    """A task goes through its queue whoever sends it."""
    return {entry.task: {"queue": entry.queue} for entry in _PERIODIC}


def queue_of(task: str) -> str | None:
    """The queue that a periodic task goes through; None for any other."""
    return next((entry.queue for entry in _PERIODIC if entry.task == task), None)


def _entry(entry: _Periodic, seconds: float) -> dict[str, Any]:
    return {"task": entry.task, "schedule": seconds, "options": {"queue": entry.queue, "expires": seconds}}
