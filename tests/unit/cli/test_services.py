"""Which services have left and which are missed: a role counts, not the host that played it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.unit.cli.pictures import NOW, SETTINGS

from threet.application.store import ServiceReport
from threet.cli.status.services import view_services

LIMIT = SETTINGS.freshness.max_service_age_seconds
FRESH, OLD = LIMIT, LIMIT + 0.001


def report(name: str, age_seconds: float) -> ServiceReport:
    return ServiceReport(name, SETTINGS.config_hash, 1, "dev", NOW - timedelta(seconds=age_seconds))


@pytest.mark.parametrize(
    ("ages", "fresh", "left"),
    [
        ({"celery_worker/market@a": FRESH}, {"celery_worker/market@a"}, set()),
        ({"celery_worker/market@a": OLD}, set(), set()),
        # A container that was made anew has another host name.
        ({"celery_worker/market@a": OLD, "celery_worker/market@b": FRESH}, {"celery_worker/market@b"}, {"celery_worker/market@a"}),
        ({"celery_worker/market@a": 900.0, "celery_worker/market@b": OLD}, set(), {"celery_worker/market@a"}),
        # Another role with the same beginning plays for itself.
        ({"celery_worker/market@a": OLD, "celery_worker_reconcile/reconcile@b": FRESH}, {"celery_worker_reconcile/reconcile@b"}, set()),
        ({"providence-0": OLD}, set(), set()),
        ({"providence-0": FRESH, "providence-1": OLD}, {"providence-0"}, {"providence-1"}),  # of a time with two shards
        ({"market@a": OLD}, set(), {"market@a"}),
    ],
)
def test_who_has_left_and_who_is_missed(ages: dict[str, float], fresh: set[str], left: set[str]) -> None:
    views = view_services([report(name, age) for name, age in ages.items()], NOW, SETTINGS)
    assert {view.name for view in views if view.fresh} == fresh
    assert {view.name for view in views if view.left} == left
    assert [view.name for view in views] == sorted(ages)
