"""Fills, each once, and the time up to which they were pulled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, exists, func, insert, or_, select

from threet.adapters.sql.state import WATERMARK, get_state, put_state
from threet.adapters.sql.tables import fills, orders
from threet.adapters.sql.transactions import read, write
from threet.application.facts import Fill
from threet.application.store import RecordedFill
from threet.domain.values import OrderState, Side, Symbol

_COLUMNS = [column for column in fills.c if column.name != "observed_at"]


def _recorded(row: Row[Any]) -> RecordedFill:
    values = dict(row._mapping)
    ours = bool(values.pop("ours"))
    return RecordedFill(Fill(**{**values, "side": Side(row.side), "symbol": Symbol(row.symbol)}), ours)


def _row(fill: Fill, observed_at: datetime) -> dict[str, Any]:
    values = {column.name: getattr(fill, column.name) for column in _COLUMNS}
    return {**values, "side": fill.side.value, "observed_at": observed_at}


class FillRows:
    """The part of CycleStore about fills."""

    _engine: Engine

    def save_fills(self, fills: Sequence[Fill], observed_at: datetime) -> list[Fill]:
        return write(self._engine, lambda connection: _save(connection, fills, observed_at)) if fills else []

    def fills_watermark(self) -> datetime | None:
        found = read(self._engine, lambda connection: get_state(connection, WATERMARK))
        return datetime.fromisoformat(found) if found else None

    def last_fill_times(self) -> Mapping[Symbol, datetime]:
        statement = select(fills.c.symbol, func.max(fills.c.exchange_time).label("newest")).group_by(fills.c.symbol)
        rows = read(self._engine, lambda connection: connection.execute(statement).all())
        return {Symbol(row.symbol): row.newest for row in rows}

    def fills_after(self, after: datetime) -> list[RecordedFill]:
        # An order that was called refused or never executed explains no fill: the change of the position is to be looked at.
        can_fill = orders.c.state.not_in([OrderState.REJECTED.value, OrderState.NOT_EXECUTED.value])
        ours = or_(
            exists().where(can_fill, orders.c.client_order_id == fills.c.client_order_id),
            exists().where(can_fill, orders.c.exchange_order_id == fills.c.exchange_order_id),
        )
        time = fills.c.exchange_time
        statement = select(*_COLUMNS, ours.label("ours")).where(time > after).order_by(time, fills.c.fill_id)
        return read(self._engine, lambda connection: [_recorded(row) for row in connection.execute(statement)])


def _save(connection: Connection, given: Sequence[Fill], observed_at: datetime) -> list[Fill]:
    by_id = {fill.fill_id: fill for fill in given}
    there = set(connection.execute(select(fills.c.fill_id).where(fills.c.fill_id.in_(list(by_id))).with_for_update()).scalars())
    new = [fill for fill_id, fill in by_id.items() if fill_id not in there]
    if new:
        connection.execute(insert(fills), [_row(fill, observed_at) for fill in new])
    newest = max(fill.exchange_time for fill in given)
    known = get_state(connection, WATERMARK)
    if known is None or newest > datetime.fromisoformat(known):
        put_state(connection, WATERMARK, newest.isoformat())
    return new
