"""One schema, three spellings: init.sql, the first release with its migrations, and the SQLAlchemy tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, text
from tests.support.databases import open_engine
from tests.support.mariadb import MariaDb
from tests.support.settings import ROOT

from threet.adapters.sql import SchemaError, SqlCycleStore, SqlProducts, check_schema, create_schema
from threet.adapters.sql.tables import SCHEMA_VERSION, metadata, schema_migrations

MIGRATIONS = sorted((ROOT / "migrations").glob("*.sql"))
FACTS = (
    "SELECT table_name, engine, table_collation, '', '', '' FROM information_schema.tables WHERE table_schema = '{0}'",
    "SELECT table_name, column_name, column_type, is_nullable, IFNULL(collation_name, ''), CONCAT(IFNULL(column_default, '-'), extra)"
    " FROM information_schema.columns WHERE table_schema = '{0}'",
    "SELECT table_name, index_name, non_unique, seq_in_index, column_name, ''"
    " FROM information_schema.statistics WHERE table_schema = '{0}'",
    "SELECT k.table_name, k.constraint_name, k.column_name, k.referenced_table_name, k.referenced_column_name, r.delete_rule"
    " FROM information_schema.key_column_usage k JOIN information_schema.referential_constraints r"
    " ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name AND r.table_name = k.table_name"
    " WHERE k.table_schema = '{0}'",
)


def schema_of(mariadb: MariaDb, database: str) -> set[str]:
    """Every table, column, index and foreign key as one line each."""
    lines: set[str] = set()
    for number, query in enumerate(FACTS):
        lines |= {f"{number} {line}" for line in mariadb.client(query.format(database), "--skip-column-names").splitlines()}
    return lines


def fresh(mariadb: MariaDb, database: str) -> None:
    mariadb.client(f"DROP DATABASE IF EXISTS `{database}`; CREATE DATABASE `{database}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")


@pytest.fixture(scope="module")
def initialised(mariadb: MariaDb) -> str:
    mariadb.client((ROOT / "init.sql").read_text())
    return "3t"


@pytest.fixture
def engine_3t(mariadb: MariaDb, initialised: str, tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(tmp_path, mariadb.url(initialised))
    yield engine
    engine.dispose()


def test_init_sql_the_migrations_and_the_tables_are_one_schema(mariadb: MariaDb, initialised: str, mariadb_engine: Engine) -> None:
    fresh(mariadb, "migrated")
    for migration in MIGRATIONS:
        mariadb.client(migration.read_text(), "migrated")
    by_init = schema_of(mariadb, initialised)
    assert len(by_init) > 150
    assert schema_of(mariadb, "migrated") == by_init
    assert schema_of(mariadb, "repositories") == by_init


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE orders MODIFY contracts DECIMAL(38, 8) NOT NULL",
        "ALTER TABLE orders DROP INDEX orders_client_order_id",
        "ALTER TABLE fills MODIFY exchange_time DATETIME(3) NOT NULL",
        "ALTER TABLE products MODIFY symbol VARCHAR(64) COLLATE utf8mb4_general_ci NOT NULL",
        "ALTER TABLE positions DROP FOREIGN KEY positions_snapshot",
        "ALTER TABLE services ADD note TEXT NULL",
        "DROP TABLE leases",
    ],
)
def test_the_comparison_sees_a_planted_difference(mariadb: MariaDb, initialised: str, change: str) -> None:
    fresh(mariadb, "planted")
    for migration in MIGRATIONS:
        mariadb.client(migration.read_text(), "planted")
    mariadb.client(change, "planted")
    assert schema_of(mariadb, "planted") != schema_of(mariadb, initialised)


def test_the_migrations_are_numbered_without_a_gap_up_to_the_schemas_version() -> None:
    numbers = [int(re.fullmatch(r"(\d{4})_\w+\.sql", path.name).group(1)) for path in MIGRATIONS]  # type: ignore[union-attr]
    assert numbers == list(range(1, SCHEMA_VERSION + 1))


def test_every_migration_leaves_its_row_as_init_sql_does(mariadb: MariaDb, initialised: str) -> None:
    expected = [f"{number}\t{path.stem}" for number, path in enumerate(MIGRATIONS, start=1)]
    query = "SELECT version, name FROM schema_migrations ORDER BY version"
    assert mariadb.client(query, initialised, "--skip-column-names").splitlines() == expected


def test_the_seeds_of_init_sql_are_those_of_the_embedded_database(engine_3t: Engine, sqlite_engine: Engine) -> None:
    by_init = SqlProducts(engine_3t).all()
    assert by_init == SqlProducts(sqlite_engine).all()
    assert len(by_init) >= 4


def test_each_database_has_an_epoch_of_its_own(engine_3t: Engine, sqlite_engine: Engine) -> None:
    assert SqlCycleStore(engine_3t).epoch() != SqlCycleStore(sqlite_engine).epoch()


def test_init_sql_a_second_time_stops_and_changes_nothing(mariadb: MariaDb, engine_3t: Engine) -> None:
    epoch = SqlCycleStore(engine_3t).epoch()
    with pytest.raises(AssertionError, match="already exists"):
        mariadb.client((ROOT / "init.sql").read_text())
    assert SqlCycleStore(engine_3t).epoch() == epoch
    check_schema(engine_3t)


def test_a_new_product_by_the_two_statements_of_the_contract(mariadb: MariaDb, engine_3t: Engine) -> None:
    mariadb.client("INSERT INTO instruments (name) VALUES ('NEW_INSTRUMENT');", "3t")
    mariadb.client(
        "INSERT INTO products (instrument_id, exchange_id, symbol, product_type, max_leverage)\n"
        "  VALUES ((SELECT id from instruments where name = 'NEW_INSTRUMENT'), 1, 'NEW/USDC:USDC', 'PERP', 10);",
        "3t",
    )
    newest = SqlProducts(engine_3t).all()[-1]
    mariadb.client("DELETE FROM products WHERE symbol = 'NEW/USDC:USDC'; DELETE FROM instruments WHERE name = 'NEW_INSTRUMENT'", "3t")
    assert (newest.symbol, newest.instrument, newest.max_leverage) == ("NEW/USDC:USDC", "NEW_INSTRUMENT", 10)


def test_a_good_schema_passes(engine: Engine) -> None:
    check_schema(engine)


def test_making_the_schema_again_changes_nothing(engine: Engine) -> None:
    epoch = SqlCycleStore(engine).epoch()
    create_schema(engine)
    assert SqlCycleStore(engine).epoch() == epoch
    assert len(SqlProducts(engine).all()) == 4


def test_a_missing_table_is_named_with_its_cure(mariadb: MariaDb, tmp_path: Path) -> None:
    fresh(mariadb, "lacking")
    for migration in MIGRATIONS:
        mariadb.client(migration.read_text(), "lacking")
    mariadb.client("DROP TABLE fills; DROP TABLE leases", "lacking")
    with pytest.raises(SchemaError, match=r"missing: fills, leases.*init\.sql"):
        check_schema(open_engine(tmp_path, mariadb.url("lacking")))


def test_another_version_is_named_with_both_numbers(engine: Engine) -> None:
    with engine.begin() as connection:
        newest = schema_migrations.c.version == SCHEMA_VERSION
        connection.execute(schema_migrations.update().where(newest).values(version=SCHEMA_VERSION + 1))
    with pytest.raises(SchemaError, match=f"expected schema version {SCHEMA_VERSION}, was {SCHEMA_VERSION + 1}"):
        check_schema(engine)
    with engine.begin() as connection:
        connection.execute(delete(schema_migrations))
    with pytest.raises(SchemaError, match="was none"):
        check_schema(engine)


def test_a_server_that_is_away_is_named_without_its_password(tmp_path: Path, mariadb: MariaDb) -> None:
    engine = open_engine(tmp_path, "mysql+pymysql://threet@127.0.0.1:1/3t")
    with pytest.raises(SchemaError, match=r"127\.0\.0\.1:1/3t does not answer") as raised:
        check_schema(engine)
    assert "example-database-password" not in str(raised.value)


def test_a_wrong_password_is_told_and_not_shown(mariadb: MariaDb, tmp_path: Path) -> None:
    mariadb.client("CREATE OR REPLACE USER 'stranger'@'%' IDENTIFIED BY 'another'")
    engine = open_engine(tmp_path, f"mysql+pymysql://stranger@127.0.0.1:{mariadb.port}/3t")
    with pytest.raises(SchemaError, match="Access denied") as raised:
        check_schema(engine)
    assert "example-database-password" not in str(raised.value)


def test_a_session_on_mariadb_is_strict_and_in_utc(mariadb_engine: Engine) -> None:
    with mariadb_engine.connect() as connection:
        zone, mode = connection.execute(text("SELECT @@time_zone, @@sql_mode")).one()
    assert zone == "+00:00"
    assert "STRICT_ALL_TABLES" in mode


def test_a_session_on_sqlite_is_durable_and_waits(sqlite_engine: Engine) -> None:
    with sqlite_engine.connect() as connection:
        values = [connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in ("journal_mode", "synchronous", "foreign_keys")]
        busy = connection.execute(text("PRAGMA busy_timeout")).scalar_one()
    assert values == ["wal", 2, 1]
    assert busy == 2000


def test_every_table_is_created_on_both(sqlite_engine: Engine, mariadb_engine: Engine) -> None:
    for engine in (sqlite_engine, mariadb_engine):
        with engine.connect() as connection:
            for name in metadata.tables:
                connection.execute(text(f"SELECT COUNT(*) FROM {name}")).scalar_one()
