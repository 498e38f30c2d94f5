"""Every test here that asks for ``engine`` runs twice: over SQLite and over a real MariaDB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from tests.support.mariadb import MariaDb, running_mariadb
from tests.support.settings import example_secrets, settings_with

from threet.adapters.sql import SqlCycleStore, create_schema, make_engine
from threet.adapters.sql.schema import _seed
from threet.adapters.sql.tables import metadata


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDb]:
    with running_mariadb() as server:
        yield server


def open_engine(folder: Path, url: str) -> Engine:
    settings = settings_with(folder, {"database.url": url})
    return make_engine(settings, example_secrets(settings))


@pytest.fixture(scope="session")
def mariadb_engine(mariadb: MariaDb, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    mariadb.client("CREATE DATABASE repositories CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
    engine = open_engine(tmp_path_factory.mktemp("mariadb"), mariadb.url("repositories"))
    create_schema(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def sqlite_engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(tmp_path, f"sqlite:///{tmp_path}/3t.db")
    create_schema(engine)
    yield engine
    engine.dispose()


@pytest.fixture(params=["sqlite", "mariadb"])
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param == "sqlite":
        fresh: Engine = request.getfixturevalue("sqlite_engine")
        return fresh
    shared: Engine = request.getfixturevalue("mariadb_engine")
    empty(shared)
    return shared


def empty(engine: Engine) -> None:
    """A MariaDB as if it were new: making its tables for each test would take longer than the tests."""
    with engine.begin() as connection:
        connection.execute(text("SET SESSION foreign_key_checks = 0"))
        for table in metadata.sorted_tables:
            connection.execute(table.delete())
        connection.execute(text("SET SESSION foreign_key_checks = 1"))
        _seed(connection)


@pytest.fixture
def store(engine: Engine) -> SqlCycleStore:
    return SqlCycleStore(engine)
