"""Deletes what its retention has passed, in small transactions, so that nobody waits for a lock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Engine, delete, exists, or_, select

from threet.adapters.sql.tables import balance_history, decisions, fills, orders, position_snapshots, positions, run_wishes, runs, services
from threet.adapters.sql.transactions import write
from threet.domain.values import OrderState
from threet.settings.sections import RetentionSettings

_OVER = ["ended", "quarantined"]
_FINAL = [state.value for state in OrderState if state.is_final]

_Old = tuple[Column[Any], ColumnElement[bool]]
"""The key of a table, and what of it has passed."""


def prune(engine: Engine, retention: RetentionSettings, now: datetime) -> dict[str, int]:
    """Deletes at most ``round_rows`` of each table and returns how many; what is left goes the next time."""
    return {key.table.name: _delete(engine, retention, key, old) for key, old in _what(retention, now)}


def _what(retention: RetentionSettings, now: datetime) -> Iterator[_Old]:
    """What is old, those that refer before those referred to."""
    ended_before = now - timedelta(days=retention.ended_runs_days)
    yield runs.c.id, runs.c.status.in_(_OVER) & (runs.c.updated_at < ended_before)
    yield run_wishes.c.run_id, run_wishes.c.asked_at < ended_before
    yield position_snapshots.c.id, _before(position_snapshots.c.observed_at, now, retention.position_snapshots_days)
    referred = exists().where(position_snapshots.c.balance_id == balance_history.c.id)
    yield balance_history.c.id, _before(balance_history.c.observed_at, now, retention.balance_history_days) & ~referred
    settled_before = now - timedelta(days=retention.orders_days)
    never_reached = orders.c.settled_at.is_(None) & (orders.c.created_at < settled_before)
    yield orders.c.id, orders.c.state.in_(_FINAL) & or_(orders.c.settled_at < settled_before, never_reached)
    yield fills.c.fill_id, _before(fills.c.exchange_time, now, retention.fills_days)
    yield services.c.name, services.c.seen_at < now - timedelta(hours=retention.services_hours)
    ordered = exists().where(orders.c.cycle_id == decisions.c.cycle_id)
    yield decisions.c.cycle_id, _before(decisions.c.at, now, retention.decisions_days) & ~ordered


def _before(column: Column[Any], now: datetime, days: int) -> ColumnElement[bool]:
    return column < now - timedelta(days=days)


def _delete(engine: Engine, retention: RetentionSettings, key: Column[Any], old: ColumnElement[bool]) -> int:
    total = 0
    while total < retention.round_rows:
        rows = min(retention.batch_rows, retention.round_rows - total)
        deleted = write(engine, partial(_delete_batch, key=key, old=old, rows=rows))
        total += deleted
        if deleted < rows:
            break
    return total


def _delete_batch(connection: Connection, key: Column[Any], old: ColumnElement[bool], rows: int) -> int:
    keys = list(connection.execute(select(key).where(old).limit(rows)).scalars())
    if not keys:
        return 0
    if key.table is position_snapshots:
        connection.execute(delete(positions).where(positions.c.snapshot_id.in_(keys)))
    return connection.execute(delete(key.table).where(key.in_(keys) & old)).rowcount
