"""Makes the schema where no init.sql runs (SQLite, tests), and checks at each start that it is the one this code was written for."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, func, insert, inspect, select

from threet.adapters.sql import tables
from threet.adapters.sql.errors import DatabaseError
from threet.adapters.sql.state import EPOCH
from threet.adapters.sql.transactions import read, write

MIGRATIONS = ("0001_first_release", "0002_runs_of_a_person", "0003_votes_by_index", "0004_positions_by_fills")
"""A database that is made here has had all of them."""

SEED_INSTRUMENTS = (("BTC", 40), ("ETH", 25), ("SOL", 20), ("DOGE", 10))
"""Instrument and maximum leverage; the product is INSTRUMENT/USDC:USDC."""

_EMBEDDED = "stop everything, move the file away and start again: an embedded database is made at the first start"
_SERVER = (
    "a fresh server: mariadb -u root -p < init.sql; "
    "an older one: apply the files of migrations/ that are newer, in order (in containers: make migrate FILE=...)"
)


class SchemaError(Exception):
    """The database is not the one that this code expects; the message names the cure."""


def create_schema(engine: Engine) -> None:
    """Makes what is missing of the tables, and the seed rows of a database that has none. May be repeated."""
    write(engine, _create)


def _create(connection: Connection) -> None:
    tables.metadata.create_all(connection)
    if connection.execute(select(func.count()).select_from(tables.schema_migrations)).scalar_one() == 0:
        _seed(connection)


def _seed(connection: Connection) -> None:
    connection.execute(insert(tables.exchanges), {"id": 1, "name": "hyperliquid"})
    for number, (name, max_leverage) in enumerate(SEED_INSTRUMENTS, start=1):
        connection.execute(insert(tables.instruments), {"id": number, "name": name})
        product = {"instrument_id": number, "exchange_id": 1, "symbol": f"{name}/USDC:USDC"}
        connection.execute(insert(tables.products), {**product, "product_type": "PERP", "max_leverage": max_leverage})
    connection.execute(insert(tables.platform_state), {"name": EPOCH, "value": str(uuid.uuid4())})
    now = datetime.now(UTC)
    had = [{"version": number, "name": name, "applied_at": now} for number, name in enumerate(MIGRATIONS, start=1)]
    connection.execute(insert(tables.schema_migrations), had)


def check_schema(engine: Engine) -> None:
    """Raises SchemaError where the database cannot be reached, a table is missing, or the version is another."""
    url = engine.url.render_as_string(hide_password=True)
    cure = _EMBEDDED if engine.dialect.name == "sqlite" else _SERVER
    try:
        problems = read(engine, _problems)
    except DatabaseError as error:
        told = getattr(error, "orig", None) or error
        raise SchemaError(f"database {url} does not answer: {told}; start it, or mend database.url in config.yml") from error
    if problems:
        raise SchemaError(f"database {url}: {'; '.join(problems)}. Cure: {cure}")


def _problems(connection: Connection) -> list[str]:
    there = set(inspect(connection).get_table_names())
    missing = sorted(set(tables.metadata.tables) - there)
    if missing:
        return [f"expected the tables of the platform, missing: {', '.join(missing)}"]
    version = connection.execute(select(func.max(tables.schema_migrations.c.version))).scalar_one_or_none()
    if version != tables.SCHEMA_VERSION:
        return [f"expected schema version {tables.SCHEMA_VERSION}, was {version or 'none'}"]
    return []
