"""Leases, the epoch and what people asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, delete
from tests.integration.sql.facts import ACCOUNT

from threet.adapters.sql import SqlCycleStore
from threet.adapters.sql.tables import leases, platform_state


def test_the_first_lease_has_token_one_and_ends_by_the_databases_clock(store: SqlCycleStore) -> None:
    before = store.now()
    lease = store.acquire_lease("reconcile", "a", 30)
    assert lease is not None
    assert lease.token == 1
    assert lease.expires_at - lease.acquired_at == timedelta(seconds=30)
    assert before <= lease.acquired_at <= store.now()


def test_the_databases_clock_is_utc(store: SqlCycleStore) -> None:
    assert abs(store.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_another_holder_gets_nothing_while_the_lease_lasts(store: SqlCycleStore) -> None:
    assert store.acquire_lease("reconcile", "a", 30) is not None
    assert store.acquire_lease("reconcile", "b", 30) is None


def test_a_past_lease_goes_to_another_with_a_higher_token(store: SqlCycleStore, engine: Engine) -> None:
    first = store.acquire_lease("reconcile", "a", 30)
    with engine.begin() as connection:
        connection.execute(leases.update().values(expires_at=datetime(2020, 1, 1, tzinfo=UTC)))
    second = store.acquire_lease("reconcile", "b", 30)
    assert first is not None
    assert second is not None
    assert second.token == first.token + 1


def test_the_same_holder_gets_a_new_token(store: SqlCycleStore) -> None:
    tokens = [lease.token for _ in range(3) if (lease := store.acquire_lease("reconcile", "a", 30))]
    assert tokens == [1, 2, 3]


def test_a_released_lease_is_free_and_its_token_is_not_used_again(store: SqlCycleStore) -> None:
    lease = store.acquire_lease("reconcile", "a", 30)
    assert lease is not None
    store.release_lease(lease)
    taken = store.acquire_lease("reconcile", "b", 30)
    assert taken is not None
    assert taken.token == 2


def test_releasing_an_old_lease_leaves_the_new_one_alone(store: SqlCycleStore) -> None:
    old = store.acquire_lease("reconcile", "a", 30)
    assert old is not None
    store.release_lease(old)
    assert store.acquire_lease("reconcile", "b", 30) is not None
    store.release_lease(old)
    assert store.acquire_lease("reconcile", "c", 30) is None


def test_leases_of_other_names_do_not_meet(store: SqlCycleStore) -> None:
    assert store.acquire_lease("reconcile", "a", 30) is not None
    assert store.acquire_lease("beat", "b", 30) is not None


def test_a_lease_of_no_time_is_refused(store: SqlCycleStore) -> None:
    with pytest.raises(ValueError, match="above 0"):
        store.acquire_lease("reconcile", "a", 0)


def test_the_epoch_is_a_uuid_that_stays(store: SqlCycleStore) -> None:
    assert len(store.epoch()) == 36
    assert store.epoch() == store.epoch()


def test_a_database_without_an_epoch_says_so(store: SqlCycleStore, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(delete(platform_state))
    with pytest.raises(LookupError, match=r"init\.sql"):
        store.epoch()


def test_halt_flatten_and_adopt_are_kept_apart(store: SqlCycleStore) -> None:
    assert not store.control().halted
    store.set_halt(True, "a person: too loud")
    store.set_flatten("going on holiday")
    store.adopt(ACCOUNT)
    control = store.control()
    assert (control.halted, control.halt_reason) == (True, "a person: too loud")
    assert (control.flatten_reason, control.adopted_account) == ("going on holiday", ACCOUNT)
    store.set_halt(False, "")
    store.set_flatten(None)
    control = store.control()
    assert (control.halted, control.halt_reason, control.flatten_reason) == (False, "", None)
    assert control.adopted_account == ACCOUNT


def test_a_halt_without_a_reason_is_a_halt(store: SqlCycleStore) -> None:
    store.set_halt(True, "")
    assert store.control().halted
