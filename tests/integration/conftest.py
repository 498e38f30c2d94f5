"""A test that asks for ``engine`` runs twice: over SQLite and over a real MariaDB, which all tests of one process share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.support.databases import empty, open_engine
from tests.support.mariadb import MariaDb, running_mariadb

from threet.adapters.sql import create_schema


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDb]:
    with running_mariadb() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_engine(mariadb: MariaDb, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    mariadb.client("CREATE DATABASE repositories CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
    engine = open_engine(tmp_path_factory.mktemp("mariadb"), mariadb.url("repositories"))
    create_schema(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def sqlite_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder: Path = tmp_path_factory.mktemp("sqlite")
    engine = open_engine(folder, f"sqlite:///{folder}/3t.db")
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
