"""The store over the database of the test, which is SQLite and MariaDB in turn."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from threet.adapters.sql import SqlCycleStore


@pytest.fixture
def store(engine: Engine) -> SqlCycleStore:
    return SqlCycleStore(engine)
