"""What its retention has passed is deleted, and nothing that is still referred to."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, Table, func, select
from tests.integration.sql.facts import BTC, NOON, beat, decision, fill, order, run, snapshot
from tests.support.settings import settings_with

from threet.adapters.sql import SqlCycleStore, SqlRunsPublisher, SqlRunWishes, SqlSnapshotStore, prune
from threet.adapters.sql.tables import balance_history, decisions, fills, orders, position_snapshots, positions, runs
from threet.application.store import IntentFacts, ServiceReport
from threet.domain.values import OrderState
from threet.settings.sections import RetentionSettings


@pytest.fixture
def retention(tmp_path: Path) -> RetentionSettings:
    folder = tmp_path / "retention"
    folder.mkdir()
    keys = ("decisions_days", "balance_history_days", "position_snapshots_days", "ended_runs_days", "orders_days", "fills_days")
    return settings_with(folder, {f"retention.{key}": 10 for key in keys}).retention


def count(engine: Engine, table: Table) -> int:
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def agree(_: IntentFacts) -> None:
    """A check that has no objection."""


EXACTLY_TEN = NOON + timedelta(days=10)
JUST_PAST = EXACTLY_TEN + timedelta(microseconds=1)


def test_a_snapshot_goes_with_its_positions_one_moment_after_its_time(engine: Engine, retention: RetentionSettings) -> None:
    SqlSnapshotStore(engine).save(snapshot(observed_at=NOON))
    prune(engine, retention, EXACTLY_TEN)
    assert [count(engine, table) for table in (balance_history, position_snapshots, positions)] == [1, 1, 2]
    deleted = prune(engine, retention, JUST_PAST)
    assert (deleted["position_snapshots"], deleted["balance_history"]) == (1, 1)
    assert [count(engine, table) for table in (balance_history, position_snapshots, positions)] == [0, 0, 0]


def test_a_balance_stays_while_a_snapshot_refers_to_it(engine: Engine, retention: RetentionSettings) -> None:
    SqlSnapshotStore(engine).save(snapshot(observed_at=NOON))
    prune(engine, retention.model_copy(update={"position_snapshots_days": 20}), JUST_PAST)
    assert count(engine, balance_history) == 1


def test_a_decision_stays_while_an_order_refers_to_it(engine: Engine, retention: RetentionSettings) -> None:
    store = SqlCycleStore(engine)
    lease = store.acquire_lease("reconcile", "me", 60)
    assert lease is not None
    store.save_decision(decision(1))
    store.save_decision(decision(2))
    store.commit_intent(order(1), lease, agree)
    prune(engine, retention, EXACTLY_TEN)
    assert count(engine, decisions) == 2
    prune(engine, retention, JUST_PAST)
    assert [one.cycle_id for one in store.decisions(9)] == [1]


def test_only_settled_orders_go(engine: Engine, retention: RetentionSettings) -> None:
    store = SqlCycleStore(engine)
    lease = store.acquire_lease("reconcile", "me", 60)
    assert lease is not None
    for number, state in enumerate(OrderState, start=1):
        store.commit_intent(order(number), lease, agree)
        if state is not OrderState.INTENT:
            settled_at = NOON if state.is_final else None
            store.record_outcome(
                order(number).client_order_id,
                state,
                exchange_order_id=None,
                filled_contracts=order().contracts,
                average_price=None,
                text="",
                settled_at=settled_at,
            )
    prune(engine, retention, EXACTLY_TEN)
    assert count(engine, orders) == len(OrderState)
    prune(engine, retention, JUST_PAST)
    assert {one.state for one in store.orders(99)} == {OrderState.INTENT, OrderState.ACCEPTED, OrderState.UNKNOWN}


def test_a_decision_goes_in_the_same_round_as_its_last_order(engine: Engine, retention: RetentionSettings) -> None:
    store = SqlCycleStore(engine)
    lease = store.acquire_lease("reconcile", "me", 60)
    assert lease is not None
    store.save_decision(decision(1))
    store.commit_intent(order(1), lease, agree)
    store.record_outcome(
        order(1).client_order_id,
        OrderState.REJECTED,
        exchange_order_id=None,
        filled_contracts=order().contracts,
        average_price=None,
        text="",
        settled_at=None,
    )
    prune(engine, retention, JUST_PAST)
    assert (count(engine, orders), count(engine, decisions)) == (0, 0)


def test_runs_go_when_they_have_ended_and_fills_by_their_time(engine: Engine, retention: RetentionSettings) -> None:
    SqlCycleStore(engine).save_fills([fill(1, exchange_time=NOON)], NOON)
    rows = [run("active"), run("ended", status="ended"), run("broken", status="quarantined")]
    SqlRunsPublisher(engine).publish(rows, beat({BTC: 1}))
    prune(engine, retention, EXACTLY_TEN)
    assert (count(engine, runs), count(engine, fills)) == (3, 1)
    deleted = prune(engine, retention, JUST_PAST)
    assert (deleted["runs"], deleted["fills"]) == (2, 1)
    assert count(engine, runs) == 1


def test_a_wish_for_a_run_goes_with_the_retention_of_runs(engine: Engine, retention: RetentionSettings) -> None:
    SqlRunWishes(engine).end("a", "enough", NOON)
    assert prune(engine, retention, EXACTLY_TEN)["run_wishes"] == 0
    assert prune(engine, retention, JUST_PAST)["run_wishes"] == 1


def test_what_a_service_said_goes_once_it_was_not_heard_of_for_so_long(engine: Engine, retention: RetentionSettings) -> None:
    store = SqlCycleStore(engine)
    for name, seconds in (("celery_worker/market@gone", 0), ("celery_worker/market@there", 1)):
        store.report_service(ServiceReport(name, "ab" * 32, 1, "dev", NOON + timedelta(seconds=seconds)))
    kept_until = NOON + timedelta(hours=retention.services_hours)
    assert prune(engine, retention, kept_until)["services"] == 0
    assert prune(engine, retention, kept_until + timedelta(microseconds=1))["services"] == 1
    assert [service.name for service in store.services()] == ["celery_worker/market@there"]


def test_many_rows_go_in_bounded_batches(engine: Engine, retention: RetentionSettings) -> None:
    SqlCycleStore(engine).save_fills([fill(number, exchange_time=NOON) for number in range(1, 1202)], NOON)
    assert prune(engine, retention, JUST_PAST)["fills"] == 1201
    assert count(engine, fills) == 0


def test_a_round_deletes_no_more_than_it_may_and_the_next_goes_on(engine: Engine, retention: RetentionSettings) -> None:
    SqlCycleStore(engine).save_fills([fill(number, exchange_time=NOON) for number in range(1, 31)], NOON)
    small = retention.model_copy(update={"batch_rows": 10, "round_rows": 25})
    assert prune(engine, small, JUST_PAST)["fills"] == 25
    assert prune(engine, small, JUST_PAST)["fills"] == 5
