"""A test that asks for ``make_engine`` runs over SQLite, and in `make test-faults` over MariaDB."""

from __future__ import annotations

import pytest
from tests.support.machine.databases import MakeEngine, on_mariadb, on_sqlite


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.faults)])
def make_engine(request: pytest.FixtureRequest) -> MakeEngine:
    return on_sqlite if request.param == "sqlite" else on_mariadb(request.getfixturevalue("mariadb"))
