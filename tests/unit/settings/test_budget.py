"""What settings accept is enough: a quiet cycle is never kept waiting by our own limiter."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from tests.support.settings import settings_with
from tests.unit.settings.test_load_settings import LIVE, only

from threet.adapters.venue.limiter import Limiter
from threet.settings import load_settings
from threet.settings.budget import CYCLE_WEIGHT, RULES_WEIGHT, request_shares


class Hand:
    """A clock moved by hand."""

    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


def waits(settings: object, hours: float) -> int:
    """How many of the requests of quiet cycles the signer's own limiter keeps waiting."""
    exchange, schedule = settings.exchange, settings.schedule  # type: ignore[attr-defined]
    clock = Hand()
    limiter = Limiter(
        clock,  # type: ignore[arg-type]
        exchange.share_per_minute("celery_worker_reconcile"),
        float(exchange.signer_reserve_percent),
        exchange.requests_burst_seconds,
    )
    listed_at, waited = float("-inf"), 0
    for cycle in range(round(hours * 3600 / schedule.reconcile_positions_seconds)):
        clock.seconds = cycle * schedule.reconcile_positions_seconds
        asked = [2, 20, 20, 20]
        if clock.seconds - listed_at >= exchange.rules_refresh_seconds:
            asked.append(RULES_WEIGHT)
            listed_at = clock.seconds
        waited += sum(limiter.take(weight) > 0 for weight in asked)
    return waited


def test_the_projects_own_intervals_fit_a_real_venue(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, LIVE)
    assert settings.exchange.share_per_minute("celery_worker_reconcile") == 1200 * 0.27
    assert waits(settings, 24) == 0


def test_a_share_that_a_cycle_exceeds_is_told_with_its_cure(tmp_path: Path) -> None:
    assert only(tmp_path, {**LIVE, "schedule.reconcile_positions_seconds": 10}) == (
        "expected a share for the 376 a minute that its intervals ask for, was 324: raise it, or ask less often "
        "(config.yml: exchange.request_shares_percent.celery_worker_reconcile)"
    )
    assert only(tmp_path, {**LIVE, "exchange.requests_burst_seconds": 10}) == (
        "expected at least 16.9, so that the share of celery_worker_reconcile, less signer_reserve_percent, holds the 82 that a cycle "
        "asks at once, was 10: raise it, or the share (config.yml: exchange.requests_burst_seconds)"
    )


_OURS = load_settings(Path(__file__).parents[3] / "config.yml")


@given(
    share=st.floats(1, 60),
    burst=st.floats(1, 60),
    reserve=st.floats(1, 50),
    cycle=st.floats(4, 60),
    rules=st.floats(30, 900),
)
def test_where_settings_find_nothing_no_request_of_a_cycle_waits(
    share: float, burst: float, reserve: float, cycle: float, rules: float
) -> None:
    exchange = _OURS.exchange
    shares = exchange.request_shares_percent.model_copy(update={"celery_worker_reconcile": Decimal(str(share))})
    settings = _OURS.model_copy(
        update={
            "exchange": exchange.model_copy(
                update={
                    "request_shares_percent": shares,
                    "requests_burst_seconds": burst,
                    "signer_reserve_percent": Decimal(str(reserve)),
                    "rules_refresh_seconds": rules,
                }
            ),
            "schedule": _OURS.schedule.model_copy(update={"reconcile_positions_seconds": cycle}),
        }
    )
    found = [text for key, text in request_shares(settings) if "at most 100" not in text]
    if not found:
        assert waits(settings, 1) == 0
    elif share / 100 * exchange.requests_per_minute < 0.9 * CYCLE_WEIGHT * 60 / cycle:
        assert waits(settings, 1) > 0, found
