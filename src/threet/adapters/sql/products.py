"""The products: the only place that says which symbols exist."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, select

from threet.adapters.sql.tables import instruments, products
from threet.adapters.sql.transactions import read
from threet.application.facts import Product
from threet.domain.values import Symbol


def read_products(connection: Connection) -> list[Product]:
    """In the order in which they were added. A symbol of odd form is given as it stands: the venue's rules will not list it."""
    statement = (
        select(products.c.id, products.c.symbol, instruments.c.name, products.c.max_leverage)
        .join(instruments, instruments.c.id == products.c.instrument_id)
        .order_by(products.c.id)
    )
    return [Product(row.id, Symbol(row.symbol), row.name, row.max_leverage) for row in connection.execute(statement)]


class SqlProducts:
    """Implements Products."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def all(self) -> list[Product]:
        return read(self._engine, read_products)
