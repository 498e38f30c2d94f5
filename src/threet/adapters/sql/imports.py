"""Orders that were sent while the database was away."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Engine, insert, select

from threet.adapters.sql.orders import row_of_order
from threet.adapters.sql.tables import orders
from threet.adapters.sql.transactions import write
from threet.application.store import OrderRecord


class ImportRows:
    """The part of CycleStore about orders that no cycle has sent."""

    _engine: Engine

    def import_orders(self, given: Sequence[OrderRecord]) -> int:
        names = [order.client_order_id for order in given]

        def work(connection: Connection) -> int:
            there = set(connection.execute(select(orders.c.client_order_id).where(orders.c.client_order_id.in_(names))).scalars())
            new = [order for order in given if order.client_order_id not in there]
            if new:
                connection.execute(insert(orders), [row_of_order(order) for order in new])
            return len(new)

        return write(self._engine, work)
