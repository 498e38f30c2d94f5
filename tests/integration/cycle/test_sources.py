"""What a cycle says of its sources, and that the account value is agreed like a position (D1), on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.integration.cycle.test_cycle import until
from tests.integration.cycle.test_time import Changed
from tests.support.cycle import BTC, Desk, DirectObserver

from threet.domain.sources import Rejection
from threet.domain.values import Known


def told_otherwise(observer: DirectObserver, **changes: Any) -> Any:
    """The observer, whose report says something else in one of its fields."""

    def observe() -> Any:
        seen = observer.observe()
        assert isinstance(seen, Known)
        return replace(seen, value=replace(seen.value, **changes))

    return Changed(observer, name=observer.name, observe=observe)


def with_c(desk: Desk, **changes: Any) -> list[Any]:
    return [*desk.observers[:2], told_otherwise(desk.observers[2], **changes)]


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"complete": False}, Rejection.INCOMPLETE, "c: incomplete"),
        ({"account": "0xb"}, Rejection.OTHER_ACCOUNT, "c: of another account"),
        ({"exchange_time": timedelta(minutes=-5)}, Rejection.STALE, "c: exchange time 300"),
        ({"observed_at": timedelta(minutes=5)}, Rejection.FUTURE, "in the future"),
    ],
)
def test_a_report_that_does_not_count_is_told_and_recorded_and_the_others_still_agree(desk, changes, kind, words):
    desk.vote({BTC: 8})
    now = desk.clock.now()
    given = {name: now + value if isinstance(value, timedelta) else value for name, value in changes.items()}
    result = desk.cycle(observers=with_c(desk, **given))
    assert result.status == "traded"
    [rejected] = result.seen.rejected
    assert (rejected.source, rejected.kind, rejected.symbols) == ("c", kind, None)
    recorded = desk.store.decisions(1)[0].targets[BTC]["sources"]["c"]
    assert recorded["contracts"] is None
    assert words in recorded["reason"]
    assert recorded["reason"] == rejected.reason


def test_a_report_of_before_our_fill_is_late_for_that_symbol_alone(desk):
    desk.vote({BTC: 8})
    before = desk.observers[2].observe()
    desk.cycle()
    until(lambda: desk.held(BTC) > 0, desk.cycle)
    late = Changed(desk.observers[2], name="c", observe=lambda: before)
    result = desk.cycle(observers=[*desk.observers[:2], late])
    [rejected] = [report for report in result.seen.rejected if report.source == "c"]
    assert (rejected.kind, rejected.symbols) == (Rejection.LATE, (BTC,))
    assert desk.store.decisions(1)[0].targets[BTC]["agreed"] is True


@pytest.mark.parametrize(("factor", "trades"), [("1.001", True), ("0.5", False), ("2", False)])
def test_the_account_value_is_agreed_like_a_position(desk, factor, trades):
    desk.vote({BTC: 8})
    value = desk.account.snapshot().account_value * Decimal(factor)
    result = desk.cycle(observers=with_c(desk, account_value=value))
    assert (desk.held(BTC) > 0) is trades
    if not trades:
        assert result.sent == []
        assert "account value: dissent" in desk.target(BTC)["reason"]


def test_too_few_who_know_the_account_value_trade_nothing(desk):
    desk.vote({BTC: 8})
    for observer in desk.observers[1:]:
        observer.deaf = True
    result = desk.cycle()
    assert result.sent == []
    assert {report.source for report in result.seen.rejected} == {"b", "c"}
    assert {report.kind for report in result.seen.rejected} == {Rejection.UNREADABLE}
