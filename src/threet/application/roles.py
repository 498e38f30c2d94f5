"""The roles that must be heard of, and the names under which services report.

A name is ``role/host`` where more than one host may play the role, else the role. A container gets another host name each time it is
made anew: that a host has gone is no news, that nobody plays its role is.
"""

from __future__ import annotations

CELERY_WORKER = "celery_worker"
CELERY_WORKER_RECONCILE = "celery_worker_reconcile"


def expected_roles(shards: int) -> tuple[str, ...]:
    """What the platform cannot trade without, of those that report to the database."""
    return (CELERY_WORKER, CELERY_WORKER_RECONCILE, *(f"providence-{shard}" for shard in range(shards)))


def service_name(role: str, host: str) -> str:
    return f"{role}/{host}"


def role_of(name: str) -> str:
    return name.partition("/")[0]
