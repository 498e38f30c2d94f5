"""Services, symbol states and decisions: what the cycle remembers of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, select

from threet.adapters.sql.leases import ensure_current
from threet.adapters.sql.statements import upsert
from threet.adapters.sql.tables import decisions, services, symbol_states
from threet.adapters.sql.transactions import read as read_all
from threet.adapters.sql.transactions import write
from threet.application.store import DecisionRecord, Lease, ServiceReport
from threet.domain.symbol_state import SymbolState
from threet.domain.values import Symbol


class ServiceRows:
    """The part of CycleStore about services."""

    _engine: Engine

    def report_service(self, report: ServiceReport) -> None:
        write(self._engine, lambda connection: upsert(connection, services, [asdict(report)]))

    def services(self) -> list[ServiceReport]:
        rows = read_all(self._engine, lambda connection: connection.execute(select(services).order_by(services.c.name)).all())
        return [ServiceReport(**dict(row._mapping)) for row in rows]

    def forget_service(self, name: str) -> None:
        write(self._engine, lambda connection: connection.execute(delete(services).where(services.c.name == name)))


class SymbolStateRows:
    """The part of CycleStore about what is remembered of each symbol."""

    _engine: Engine

    def symbol_states(self) -> dict[Symbol, SymbolState]:
        rows = read_all(self._engine, lambda connection: connection.execute(select(symbol_states)).all())
        return {Symbol(row.symbol): _state(row) for row in rows}

    def save_symbol_states(
        self, states: Sequence[SymbolState], *, read: Mapping[Symbol, SymbolState], lease: Lease | None = None
    ) -> list[Symbol]:
        """Compares and writes in one transaction, so that neither a person nor a cycle undoes what the other has just written."""

        def work(connection: Connection) -> list[Symbol]:
            if lease is not None:
                ensure_current(connection, lease)
            now = {row.symbol: _state(row) for row in connection.execute(select(symbol_states).with_for_update())}
            same = [state for state in states if now.get(state.symbol) == read.get(state.symbol)]
            upsert(connection, symbol_states, [asdict(state) for state in same])
            return sorted({state.symbol for state in states} - {state.symbol for state in same})

        return write(self._engine, work)


def _state(row: Row[Any]) -> SymbolState:
    return SymbolState(**dict(row._mapping))


class DecisionRows:
    """The part of CycleStore about decisions: one for each cycle, saved again where the cycle went on."""

    _engine: Engine

    def save_decision(self, decision: DecisionRecord) -> None:
        row = {name: getattr(decision, name) for name in DecisionRecord.__dataclass_fields__}
        plain = {**row, "inputs": dict(decision.inputs), "targets": dict(decision.targets), "plan": [dict(step) for step in decision.plan]}
        write(self._engine, lambda connection: upsert(connection, decisions, [plain]))

    def decisions(self, limit: int) -> list[DecisionRecord]:
        statement = select(decisions).order_by(decisions.c.cycle_id.desc()).limit(limit)
        return read_all(self._engine, lambda connection: [_decision(row) for row in connection.execute(statement)])

    def decision(self, cycle_id: int) -> DecisionRecord | None:
        statement = select(decisions).where(decisions.c.cycle_id == cycle_id)
        rows = read_all(self._engine, lambda connection: [_decision(row) for row in connection.execute(statement)])
        return rows[0] if rows else None


def _decision(row: Row[Any]) -> DecisionRecord:
    return DecisionRecord(**dict(row._mapping))
