"""What money depends on is proven on SQLite and on MariaDB."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from threet.adapters.sql import create_schema, make_engine
from threet.settings import Secrets, Settings


@pytest.fixture
def make_database(tmp_path) -> Callable[[Settings], Engine]:
    """Makes an empty database of the right schema, whatever the settings say of a URL."""

    def make(settings: Settings) -> Engine:
        database = settings.database.model_copy(update={"url": f"sqlite:///{tmp_path}/3t.db"})
        engine = make_engine(settings.model_copy(update={"database": database}), Secrets())
        create_schema(engine)
        return engine

    return make
