"""Services, symbol states and decisions: what the cycle remembers of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Engine, Row, delete, select

from threet.adapters.sql.statements import upsert
from threet.adapters.sql.tables import decisions, services, symbol_states
from threet.adapters.sql.transactions import read, write
from threet.application.store import DecisionRecord, ServiceReport
from threet.domain.symbol_state import SymbolState
from threet.domain.values import Symbol


class ServiceRows:
    """The part of CycleStore about services."""

    _engine: Engine

    def report_service(self, report: ServiceReport) -> None:
        write(self._engine, lambda connection: upsert(connection, services, [asdict(report)]))

    def services(self) -> list[ServiceReport]:
        rows = read(self._engine, lambda connection: connection.execute(select(services).order_by(services.c.name)).all())
        return [ServiceReport(**dict(row._mapping)) for row in rows]

    def forget_service(self, name: str) -> None:
        write(self._engine, lambda connection: connection.execute(delete(services).where(services.c.name == name)))


class SymbolStateRows:
    """The part of CycleStore about what is remembered of each symbol."""

    _engine: Engine

    def symbol_states(self) -> dict[Symbol, SymbolState]:
        rows = read(self._engine, lambda connection: connection.execute(select(symbol_states)).all())
        return {Symbol(row.symbol): SymbolState(**dict(row._mapping)) for row in rows}

    def save_symbol_states(self, states: Sequence[SymbolState]) -> None:
        if states:
            write(self._engine, lambda connection: upsert(connection, symbol_states, [asdict(state) for state in states]))


class DecisionRows:
    """The part of CycleStore about decisions: one for each cycle, saved again where the cycle went on."""

    _engine: Engine

    def save_decision(self, decision: DecisionRecord) -> None:
        row = {name: getattr(decision, name) for name in DecisionRecord.__dataclass_fields__}
        plain = {**row, "inputs": dict(decision.inputs), "targets": dict(decision.targets), "plan": [dict(step) for step in decision.plan]}
        write(self._engine, lambda connection: upsert(connection, decisions, [plain]))

    def decisions(self, limit: int) -> list[DecisionRecord]:
        statement = select(decisions).order_by(decisions.c.cycle_id.desc()).limit(limit)
        return read(self._engine, lambda connection: [_decision(row) for row in connection.execute(statement)])


def _decision(row: Row[Any]) -> DecisionRecord:
    return DecisionRecord(**dict(row._mapping))
