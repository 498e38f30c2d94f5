"""What is remembered of the account over time: one value for each account, that a cycle writes and a person takes back."""

from __future__ import annotations

from pydantic import TypeAdapter
from sqlalchemy import Connection, Engine

from threet.adapters.sql.leases import ensure_current
from threet.adapters.sql.state import FLATTEN, HALT, get_state, put_state
from threet.adapters.sql.transactions import read as read_all
from threet.adapters.sql.transactions import write
from threet.application.store import Lease
from threet.domain.drawdown import RiskState

_RISK = "risk"
_JSON: TypeAdapter[RiskState] = TypeAdapter(RiskState)


def read_risk(connection: Connection) -> RiskState | None:
    found = get_state(connection, _RISK)
    return None if found is None else _JSON.validate_json(found)


class RiskRows:
    """The part of CycleStore about drawdown."""

    _engine: Engine

    def risk(self, account: str) -> RiskState:
        found = read_all(self._engine, read_risk)
        return found if found is not None and found.account == account else RiskState(account)

    def save_risk(self, state: RiskState, *, read: RiskState, lease: Lease) -> bool:
        def work(connection: Connection) -> bool:
            ensure_current(connection, lease)
            now = read_risk(connection)
            if (now if now is not None and now.account == state.account else RiskState(state.account)) != read:
                return False
            put_state(connection, _RISK, _JSON.dump_json(state).decode())
            if state.terminal is not None and get_state(connection, FLATTEN) is None:
                put_state(connection, HALT, state.terminal)
                put_state(connection, FLATTEN, state.terminal)
            return True

        return write(self._engine, work)

    def take_back_risk(self, *, always: bool = False) -> bool:
        def work(connection: Connection) -> bool:
            now = read_risk(connection)
            if now is None or not (always or now.needs_person):
                return False
            put_state(connection, _RISK, None)
            return True

        return write(self._engine, work)
