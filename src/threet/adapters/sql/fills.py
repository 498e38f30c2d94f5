"""Fills, each once, and the time up to which they were pulled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, Row, exists, func, insert, or_, select, update

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
    return RecordedFill(_fill(values), ours)


def _fill(values: Mapping[str, Any]) -> Fill:
    return Fill(**{**values, "side": Side(values["side"]), "symbol": Symbol(values["symbol"])})


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

    def fills_of(self, client_order_ids: Sequence[str]) -> list[Fill]:
        if not client_order_ids:
            return []
        statement = select(*_COLUMNS).where(fills.c.client_order_id.in_(client_order_ids)).order_by(fills.c.exchange_time, fills.c.fill_id)
        return read(self._engine, lambda connection: [_fill(dict(row._mapping)) for row in connection.execute(statement)])


def _save(connection: Connection, given: Sequence[Fill], observed_at: datetime) -> list[Fill]:
    by_id = {fill.fill_id: fill for fill in given}
    there = set(connection.execute(select(fills.c.fill_id).where(fills.c.fill_id.in_(list(by_id))).with_for_update()).scalars())
    new = [fill for fill_id, fill in by_id.items() if fill_id not in there]
    if new:
        connection.execute(insert(fills), [_row(fill, observed_at) for fill in new])
        _count_late(connection, {fill.client_order_id for fill in new if fill.client_order_id is not None})
    newest = max(fill.exchange_time for fill in given)
    known = get_state(connection, WATERMARK)
    if known is None or newest > datetime.fromisoformat(known):
        put_state(connection, WATERMARK, newest.isoformat())
    return new


def _count_late(connection: Connection, client_order_ids: set[str]) -> None:
    """Orders that had ended with less than their fills now say: the state stays, the row says what was executed."""
    ended = orders.c.state.in_([OrderState.FILLED.value, OrderState.CANCELLED.value])
    found = select(orders.c.client_order_id, orders.c.filled_contracts, orders.c.text).where(
        ended, orders.c.client_order_id.in_(client_order_ids)
    )
    for order in connection.execute(found.with_for_update()).all():
        mine = select(fills.c.contracts, fills.c.price).where(fills.c.client_order_id == order.client_order_id)
        rows = connection.execute(mine).all()
        filled = sum((row.contracts for row in rows), Decimal(0))
        if filled <= order.filled_contracts:
            continue
        average = sum((row.contracts * row.price for row in rows), Decimal(0)) / filled
        text = f"{order.text}; {filled - order.filled_contracts} more by fills that came after its end"
        changed = {"filled_contracts": filled, "average_price": average, "text": text}
        connection.execute(update(orders).where(orders.c.client_order_id == order.client_order_id).values(**changed))
