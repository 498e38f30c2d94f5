"""A private MariaDB with the schema, and real managers over it and a real Redis, for the benchmarks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, delete, insert, text
from tests.support.databases import open_engine
from tests.support.mariadb import MariaDb, running_mariadb
from tests.support.providence import LIVELY, ManagerProcess
from tests.support.redis import RedisServer
from tests.support.settings import raw_config

from benchmarks.files import folder
from threet.adapters.sql import create_schema
from threet.adapters.sql.tables import instruments, products

DATABASE = "threet"


@contextmanager
def database() -> Iterator[tuple[MariaDb, Engine]]:
    with running_mariadb() as server, folder() as root:
        server.client(f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
        engine = open_engine(root, server.url(DATABASE))
        create_schema(engine)
        try:
            yield server, engine
        finally:
            engine.dispose()


@dataclass(frozen=True, slots=True)
class Platform:
    """What a manager works with. ``manager`` is not started."""

    root: Path
    redis: RedisServer
    manager: ManagerProcess


@contextmanager
def platform(symbols: Sequence[str], changes: Mapping[str, Any]) -> Iterator[Platform]:
    """config.yml's own values but for ``changes``; the database knows ``symbols`` alone."""
    with database() as (server, engine), folder() as root, RedisServer(root / "redis") as redis:
        list_products(engine, symbols)
        told = {"database.url": server.url(DATABASE), **_as_in_config(), **changes}
        manager = ManagerProcess(root / "manager", redis, **told)
        try:
            yield Platform(root, redis, manager)
        finally:
            manager.kill()
            manager.engine.dispose()


def _as_in_config() -> dict[str, Any]:
    """A test's manager is livelier than config.yml has it."""
    told = raw_config()["providence"]
    return {key: told[key.partition(".")[2]] for key in LIVELY if key != "providence.saved_runs"}


def list_products(engine: Engine, symbols: Sequence[str]) -> None:
    """The database knows these products and no others."""
    with engine.begin() as connection:
        connection.execute(text("SET SESSION foreign_key_checks = 0"))
        connection.execute(delete(products))
        connection.execute(delete(instruments))
        for number, symbol in enumerate(symbols, start=1):
            connection.execute(insert(instruments), {"id": number, "name": symbol.split("/")[0]})
            product = {"instrument_id": number, "exchange_id": 1, "symbol": symbol, "product_type": "PERP", "max_leverage": 10}
            connection.execute(insert(products), product)
