"""A database whose own clock is a test's: what asks SQLite's ``strftime`` or MariaDB's ``UTC_TIMESTAMP`` for the time gets that one."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import Connection, Engine, event, update
from tests.support.clocks import ManualClock
from tests.support.databases import empty

from threet.adapters.sql import create_schema
from threet.adapters.sql.state import EPOCH
from threet.adapters.sql.tables import platform_state


def keep_time(engine: Engine, clock: ManualClock) -> None:
    """From the next connection on (SQLite), from the next transaction on (MariaDB)."""
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def connected(connection: Any, _: object) -> None:
            connection.execute("PRAGMA synchronous = OFF")  # a power failure is none of the world's steps
            connection.create_function("strftime", 2, lambda shape, when: f"{clock.now():%Y-%m-%d %H:%M:%S.%f}"[:-3])

        engine.dispose()
        return

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(f"SET timestamp = {clock.now().timestamp():.6f}")


def make_empty(engine: Engine, epoch: int) -> None:
    """The schema with its seed rows and nothing else; the epoch is a function of a number, since order ids are a function of the epoch."""
    create_schema(engine)
    if engine.dialect.name != "sqlite":
        empty(engine)
    with engine.begin() as connection:
        chosen = update(platform_state).where(platform_state.c.name == EPOCH).values(value=str(uuid.UUID(int=epoch)))
        connection.execute(chosen)
