"""The services' reports as the picture shows them: fresh, silent, or left."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from threet.application.roles import expected_roles, role_of
from threet.application.store import ServiceReport
from threet.cli.status.picture import ServiceView
from threet.settings import CONTRACT_VERSION, Settings


def view_services(reports: Sequence[ServiceReport], now: datetime, settings: Settings) -> list[ServiceView]:
    """By name. ``now`` is the database's, as is the time of each report."""
    oldest = now - timedelta(seconds=settings.freshness.max_service_age_seconds)
    missed = {report.name for report in _last_of_silent_roles(reports, oldest, expected_roles(settings.providence.shards))}
    return [
        ServiceView(
            name=report.name,
            role=role_of(report.name),
            age_seconds=(now - report.seen_at).total_seconds(),
            fresh=report.seen_at >= oldest,
            left=report.seen_at < oldest and report.name not in missed,
            same_config=report.config_hash == settings.config_hash and report.contract_version == CONTRACT_VERSION,
            config_hash=report.config_hash,
            contract_version=report.contract_version,
            build_id=report.build_id,
        )
        for report in sorted(reports, key=lambda report: report.name)
    ]


def _last_of_silent_roles(reports: Sequence[ServiceReport], oldest: datetime, roles: Sequence[str]) -> list[ServiceReport]:
    """Of each role that nobody plays now: who played it last. The others of such a role had left before."""
    by_role = [[report for report in reports if role_of(report.name) == role] for role in roles]
    last = [max(of_role, key=lambda report: report.seen_at) for of_role in by_role if of_role]
    return [report for report in last if report.seen_at < oldest]
