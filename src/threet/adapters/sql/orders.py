"""Orders: the intent before it is sent, the outcome after, and never out of a final state again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from threet.adapters.sql.leases import ensure_current
from threet.adapters.sql.risk import read_risk
from threet.adapters.sql.state import read_control
from threet.adapters.sql.tables import orders
from threet.adapters.sql.transactions import read, write
from threet.application.store import AlreadySettled, IntentFacts, IntentRefused, Lease, OrderRecord
from threet.domain.order_life import ForbiddenStep, ensure_step
from threet.domain.values import OrderState, Side, Symbol

_OPEN_STATES = [state.value for state in OrderState if not state.is_final]
_TOUCHED_THE_ACCOUNT = [OrderState.FILLED.value, OrderState.CANCELLED.value, OrderState.NOT_EXECUTED.value]
_HOUR = timedelta(hours=1)
_SHOWN_OF_A_NAME = 10  # enough to see that more than one is meant
_COLUMNS = [column for column in orders.c if column.name != "id"]


def order_from_row(row: Row[Any]) -> OrderRecord:
    values = dict(row._mapping)
    return OrderRecord(**{**values, "side": Side(row.side), "state": OrderState(row.state), "symbol": Symbol(row.symbol)})


def row_of_order(order: OrderRecord) -> dict[str, Any]:
    values = {column.name: getattr(order, column.name) for column in _COLUMNS}
    return {**values, "side": order.side.value, "state": order.state.value}


def read_unsettled(connection: Connection) -> list[OrderRecord]:
    statement = select(*_COLUMNS).where(orders.c.state.in_(_OPEN_STATES)).order_by(orders.c.id)
    return [order_from_row(row) for row in connection.execute(statement)]


def _orders_since(connection: Connection, after: datetime) -> int:
    return connection.execute(select(func.count()).select_from(orders).where(orders.c.created_at > after)).scalar_one()


class OrderRows:
    """The part of CycleStore about orders."""

    _engine: Engine

    def unsettled_orders(self) -> list[OrderRecord]:
        return read(self._engine, read_unsettled)

    def orders(self, limit: int) -> list[OrderRecord]:
        statement = select(*_COLUMNS).order_by(orders.c.id.desc()).limit(limit)
        return read(self._engine, lambda connection: [order_from_row(row) for row in connection.execute(statement)])

    def orders_named(self, beginning: str) -> list[OrderRecord]:
        named = orders.c.client_order_id.startswith(beginning, autoescape=True)
        statement = select(*_COLUMNS).where(named).order_by(orders.c.id.desc()).limit(_SHOWN_OF_A_NAME)
        return read(self._engine, lambda connection: [order_from_row(row) for row in connection.execute(statement)])

    def commit_intent(self, order: OrderRecord, lease: Lease, check: Callable[[IntentFacts], None]) -> None:
        if order.state is not OrderState.INTENT:
            raise ValueError(f"expected a new order in state INTENT, was {order.state}")

        def work(connection: Connection) -> None:
            ensure_current(connection, lease)  # first: its row lock puts intents in sequence
            _ensure_not_halted(connection, order)
            check(IntentFacts(read_unsettled(connection), _orders_since(connection, order.created_at - _HOUR), read_risk(connection)))
            connection.execute(insert(orders), row_of_order(order))

        try:
            write(self._engine, work)
        except IntegrityError as error:
            if not self._is_there(order.client_order_id):
                raise
            raise IntentRefused(f"an order with the client order id {order.client_order_id} is there already") from error

    def _is_there(self, client_order_id: str) -> bool:
        found = select(orders.c.id).where(orders.c.client_order_id == client_order_id)
        return read(self._engine, lambda connection: connection.execute(found).one_or_none()) is not None

    def record_outcome(
        self,
        client_order_id: str,
        state: OrderState,
        *,
        exchange_order_id: str | None,
        filled_contracts: Decimal,
        average_price: Decimal | None,
        text: str,
        settled_at: datetime | None,
        by_person: bool = False,
    ) -> None:
        """Raises LookupError for an order that is not there, AlreadySettled for one that ended otherwise, else ForbiddenStep."""
        outcome = {
            "state": state.value,
            "exchange_order_id": exchange_order_id,
            "filled_contracts": filled_contracts,
            "average_price": average_price,
            "text": text,
            "settled_at": settled_at,
        }

        def work(connection: Connection) -> None:
            mine = orders.c.client_order_id == client_order_id
            row = connection.execute(select(orders.c.state).where(mine).with_for_update()).one_or_none()
            if row is None:
                raise LookupError(f"no order has the client order id {client_order_id}")
            _ensure_step(client_order_id, OrderState(row.state), state, by_person)
            connection.execute(update(orders).where(mine).values(**outcome))

        write(self._engine, work)

    def last_settlement_times(self) -> Mapping[Symbol, datetime]:
        statement = select(orders.c.symbol, func.max(orders.c.settled_at).label("newest")).where(
            orders.c.state.in_(_TOUCHED_THE_ACCOUNT), orders.c.settled_at.is_not(None)
        )
        rows = read(self._engine, lambda connection: connection.execute(statement.group_by(orders.c.symbol)).all())
        return {Symbol(row.symbol): row.newest for row in rows}


def _ensure_not_halted(connection: Connection, order: OrderRecord) -> None:
    control = read_control(connection)
    if control.halted and not (order.reduce_only and control.flatten_reason is not None):
        raise IntentRefused(f"halted: {control.halt_reason}")


def _ensure_step(client_order_id: str, old: OrderState, new: OrderState, by_person: bool) -> None:
    try:
        ensure_step(old, new, by_person=by_person)
    except ForbiddenStep as forbidden:
        refused = AlreadySettled if old.is_final else ForbiddenStep
        raise refused(f"order {client_order_id} {forbidden}") from None
