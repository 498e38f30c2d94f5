"""Statements that the two databases spell differently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import mysql, sqlite


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Inserts the rows, or replaces every other column where the primary key is there. May be repeated."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    others = [name for name in rows[0] if name not in keys]
    if connection.dialect.name == "sqlite":
        on_sqlite = sqlite.insert(table)
        statement: Any = on_sqlite.on_conflict_do_update(index_elements=keys, set_={name: on_sqlite.excluded[name] for name in others})
    else:
        on_mariadb = mysql.insert(table)
        statement = on_mariadb.on_duplicate_key_update({name: on_mariadb.inserted[name] for name in others})
    connection.execute(statement, [dict(row) for row in rows])


def insert_if_absent(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Inserts the row unless its primary key is there; the one that is there stays as it is."""
    if connection.dialect.name == "sqlite":
        connection.execute(sqlite.insert(table).on_conflict_do_nothing(), dict(row))
    else:
        connection.execute(mysql.insert(table).prefix_with("IGNORE"), dict(row))
