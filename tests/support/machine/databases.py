"""An empty database for a World: of its own on SQLite, the shared one of the tests' MariaDB through an engine of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine
from tests.support.databases import open_engine
from tests.support.mariadb import MariaDb

MakeEngine = Callable[[Path], Engine]


def on_sqlite(folder: Path) -> Engine:
    place = _place(folder)
    return open_engine(place, f"sqlite:///{place}/3t.db")


def on_mariadb(mariadb: MariaDb) -> MakeEngine:
    """A world keeps its own time on each connection, so that nobody else may use its engine."""
    mariadb.client("CREATE DATABASE IF NOT EXISTS machine CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
    return lambda folder: open_engine(_place(folder), mariadb.url("machine"))


def _place(folder: Path) -> Path:
    place = folder / "database"
    place.mkdir()
    return place
