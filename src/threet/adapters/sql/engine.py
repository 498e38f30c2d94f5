"""Makes the one engine of a process, for SQLite by its own rules and for MariaDB with finite timeouts."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from threet.adapters.sql.transactions import RETRIES, WRITES
from threet.settings import Secrets, Settings


def make_engine(settings: Settings, secrets: Secrets) -> Engine:
    """The engine for ``database.url``; connects at its first use. Raises SettingsError where MariaDB's password is missing."""
    url = make_url(settings.database.url)
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, settings)
    return _mariadb(url, secrets.require("database.password"), settings)


def _sqlite(url: URL, settings: Settings) -> Engine:
    busy_ms = int(settings.database.busy_timeout_seconds * 1000)
    engine = create_engine(url, pool_size=settings.database.pool_size, pool_timeout=settings.database.statement_timeout_seconds)

    @event.listens_for(engine, "connect")
    def prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver's own BEGIN comes too late and loses updates
        cursor = connection.cursor()
        for pragma in (f"busy_timeout = {busy_ms}", "journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(WRITES) else "BEGIN")

    return engine


def _mariadb(url: URL, password: str, settings: Settings) -> Engine:
    database = settings.database
    statement = database.statement_timeout_seconds
    # The server gives up first, so that a time-out is an answer and not a lost connection; the answer may take as long as a connection.
    silence = statement + database.connect_timeout_seconds
    session = (
        f"SET SESSION time_zone = '+00:00', max_statement_time = {statement:g}, "
        f"innodb_lock_wait_timeout = {max(1, int(statement))}, sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE'"
    )
    return create_engine(
        url,
        isolation_level="REPEATABLE READ",
        pool_size=database.pool_size,
        max_overflow=0,
        pool_timeout=statement,
        pool_recycle=int(database.pool_recycle_seconds),
        pool_pre_ping=True,
        execution_options={RETRIES: database.write_retries},
        connect_args={
            "password": password.encode(),  # as bytes: the driver would take its letters for Latin-1
            "charset": "utf8mb4",
            "collation": "utf8mb4_bin",
            "connect_timeout": max(1, int(database.connect_timeout_seconds)),
            "read_timeout": silence,
            "write_timeout": silence,
            "init_command": session,
        },
    )
