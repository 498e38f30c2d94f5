"""A database that dies: nothing is half written, the caller is told, and the same engine works when it is back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.integration.sql.facts import order, snapshot
from tests.support.databases import open_engine
from tests.support.mariadb import MariaDb, running_mariadb
from tests.support.settings import example_secrets, settings_with

from threet.adapters.sql import DatabaseError, SqlCycleStore, SqlSnapshotStore, create_schema, make_engine
from threet.application.store import IntentFacts
from threet.domain.values import Known


@pytest.fixture(scope="module")
def own_mariadb() -> Iterator[MariaDb]:
    with running_mariadb() as server:
        server.client("CREATE DATABASE mortal CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
        yield server


@pytest.fixture
def mortal(own_mariadb: MariaDb, tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(tmp_path, own_mariadb.url("mortal"))
    create_schema(engine)
    yield engine
    engine.dispose()


def test_a_server_killed_inside_an_intent_leaves_no_order_and_comes_back(own_mariadb: MariaDb, mortal: Engine) -> None:
    store = SqlCycleStore(mortal)
    lease = store.acquire_lease("reconcile", "me", 300)
    assert lease is not None

    def kill(_: IntentFacts) -> None:
        own_mariadb.kill()

    with pytest.raises(DatabaseError):
        store.commit_intent(order(1), lease, kill)
    with pytest.raises(DatabaseError):
        store.control()
    own_mariadb.start()
    assert store.orders(10) == []
    store.commit_intent(order(1), lease, lambda _: None)
    assert [one.cycle_id for one in store.orders(10)] == [1]


def test_what_was_committed_survives_the_servers_death(own_mariadb: MariaDb, mortal: Engine) -> None:
    SqlSnapshotStore(mortal).save(snapshot())
    own_mariadb.kill()
    own_mariadb.start()
    latest = SqlSnapshotStore(mortal).latest(snapshot().account)
    assert isinstance(latest, Known)
    assert latest.value == snapshot()


def test_a_statement_that_takes_too_long_is_an_error_and_not_a_hang(own_mariadb: MariaDb, tmp_path: Path) -> None:

    settings = settings_with(tmp_path, {"database.url": own_mariadb.url("mortal"), "database.statement_timeout_seconds": 0.3})
    engine = make_engine(settings, example_secrets(settings))
    with engine.connect() as connection, pytest.raises(DatabaseError, match=r"(?i)max_statement_time|interrupted"):
        connection.exec_driver_sql("SELECT SLEEP(30) FROM information_schema.tables").all()
    engine.dispose()
