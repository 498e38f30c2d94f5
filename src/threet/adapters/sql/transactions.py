"""The two ways to talk to the database: one consistent reading, or one short write. Nothing else is done inside either."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

T = TypeVar("T")

WRITES = "threet_writes"
"""Execution option of a connection whose transaction will write: SQLite takes the write lock at BEGIN, so that no update is lost."""

RETRIES = "threet_write_retries"
"""Execution option of an engine: ``database.write_retries``."""

_DEADLOCK = 1213  # MariaDB's number of the error
_sqlite_writer = threading.Lock()


def read(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Runs ``work`` in one transaction that sees one state of the database."""
    with engine.connect() as connection, connection.begin():
        return work(connection)


def write(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Runs ``work`` in one transaction and commits it.

    ``work`` does no other I/O and never yields; it runs again where MariaDB undid the whole transaction because of a deadlock.
    An error at the commit itself is raised: whether it was done is then not known.
    """
    if engine.dialect.name == "sqlite":
        with _sqlite_writer:  # two greenlets of one process would lock each other out until the time-out
            return _once(engine, work)
    for _ in range(engine.get_execution_options()[RETRIES]):
        try:
            return _once(engine, work)
        except OperationalError as error:
            if not _is_deadlock(error):
                raise
    return _once(engine, work)


def _once(engine: Engine, work: Callable[[Connection], T]) -> T:
    with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        return work(connection)


def _is_deadlock(error: OperationalError) -> bool:
    arguments: tuple[object, ...] = getattr(error.orig, "args", ())
    return arguments[:1] == (_DEADLOCK,)


def database_now(connection: Connection) -> datetime:
    """The database's clock, UTC. SQLite's is the machine's, in milliseconds."""
    if connection.dialect.name == "sqlite":
        shown = connection.execute(text("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')")).scalar_one()
        return datetime.fromisoformat(shown).replace(tzinfo=UTC)
    now: datetime = connection.execute(text("SELECT UTC_TIMESTAMP(6)")).scalar_one()
    return now.replace(tzinfo=UTC)
