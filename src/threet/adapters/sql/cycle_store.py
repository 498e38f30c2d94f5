"""Everything that the reconciliation cycle keeps, as one port over one engine."""

from __future__ import annotations

from sqlalchemy import Engine

from threet.adapters.sql.fills import FillRows
from threet.adapters.sql.imports import ImportRows
from threet.adapters.sql.leases import LeaseRows
from threet.adapters.sql.orders import OrderRows
from threet.adapters.sql.products import read_products
from threet.adapters.sql.records import DecisionRows, ServiceRows, SymbolStateRows
from threet.adapters.sql.risk import RiskRows
from threet.adapters.sql.snapshots import read_snapshot
from threet.adapters.sql.state import StateRows
from threet.adapters.sql.transactions import read
from threet.adapters.sql.votes import VoteRows
from threet.application.facts import AccountSnapshot, Product
from threet.domain.values import Known, Unknown


class SqlCycleStore(LeaseRows, StateRows, OrderRows, ImportRows, FillRows, VoteRows, ServiceRows, SymbolStateRows, DecisionRows, RiskRows):
    """Implements CycleStore; each part is documented where it stands."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def products(self) -> list[Product]:
        return read(self._engine, read_products)

    def snapshot(self, account: str) -> Known[AccountSnapshot] | Unknown:
        return read(self._engine, lambda connection: read_snapshot(connection, account))
