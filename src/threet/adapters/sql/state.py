"""The few single values of the platform: the epoch, and what people asked for."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, delete, select

from threet.adapters.sql.leases import ensure_current
from threet.adapters.sql.statements import upsert
from threet.adapters.sql.tables import platform_state
from threet.adapters.sql.transactions import read, write
from threet.application.store import Control, Lease

EPOCH = "epoch"
HALT = "halt"
FLATTEN = "flatten"
ADOPTED = "adopted_account"
WATERMARK = "fills_watermark"


def get_state(connection: Connection, name: str) -> str | None:
    return connection.execute(select(platform_state.c.value).where(platform_state.c.name == name)).scalar_one_or_none()


def put_state(connection: Connection, name: str, value: str | None) -> None:
    """None takes the row away."""
    if value is None:
        connection.execute(delete(platform_state).where(platform_state.c.name == name))
    else:
        upsert(connection, platform_state, [{"name": name, "value": value}])


def read_control(connection: Connection) -> Control:
    rows = connection.execute(select(platform_state.c.name, platform_state.c.value)).all()
    values = {row.name: row.value for row in rows}
    return Control(
        halted=HALT in values,
        halt_reason=values.get(HALT, ""),
        flatten_reason=values.get(FLATTEN),
        adopted_account=values.get(ADOPTED),
    )


class StateRows:
    """The part of CycleStore about epoch, halt, flatten and the adopted account."""

    _engine: Engine

    def epoch(self) -> str:
        """The UUID made with the database. Raises LookupError where it is missing."""
        found = read(self._engine, lambda connection: get_state(connection, EPOCH))
        if found is None:
            raise LookupError("platform_state has no row 'epoch': the database was not made by init.sql; make it with init.sql")
        return found

    def control(self) -> Control:
        return read(self._engine, read_control)

    def set_halt(self, halted: bool, reason: str) -> None:
        self._put(HALT, reason if halted else None)

    def set_flatten(self, reason: str | None) -> None:
        self._put(FLATTEN, reason)

    def adopt(self, account: str, lease: Lease | None = None) -> None:
        def work(connection: Connection) -> None:
            if lease is not None:
                ensure_current(connection, lease)
            put_state(connection, ADOPTED, account)

        write(self._engine, work)

    def _put(self, name: str, value: str | None) -> None:
        write(self._engine, lambda connection: put_state(connection, name, value))
