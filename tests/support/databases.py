"""Fresh databases for tests: opened by the project's own code, and a shared MariaDB made empty again."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, text
from tests.support.settings import example_secrets, settings_with

from threet.adapters.sql import make_engine
from threet.adapters.sql.schema import _seed
from threet.adapters.sql.tables import metadata


def open_engine(folder: Path, url: str) -> Engine:
    settings = settings_with(folder, {"database.url": url})
    return make_engine(settings, example_secrets(settings))


def empty(engine: Engine) -> None:
    """A MariaDB as if it were new: making its tables for each test would take longer than the tests."""
    with engine.begin() as connection:
        connection.execute(text("SET SESSION foreign_key_checks = 0"))
        for table in metadata.sorted_tables:
            connection.execute(table.delete())
        connection.execute(text("SET SESSION foreign_key_checks = 1"))
        _seed(connection)
