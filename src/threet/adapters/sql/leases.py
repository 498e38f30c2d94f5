"""Leases with a fencing token, by the database's clock: who may run the cycle, and whether it still may."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, select, update

from threet.adapters.sql.statements import insert_if_absent
from threet.adapters.sql.tables import leases
from threet.adapters.sql.transactions import database_now, read, write
from threet.application.store import IntentRefused, Lease

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def _locked_row(connection: Connection, name: str) -> Row[Any] | None:
    return connection.execute(select(leases).where(leases.c.name == name).with_for_update()).one_or_none()


def ensure_current(connection: Connection, lease: Lease) -> None:
    """Locks the lease's row until the end of the transaction. Raises IntentRefused unless it is still this lease and not past."""
    row = _locked_row(connection, lease.name)
    if row is None or row.token != lease.token or row.holder != lease.holder:
        raise IntentRefused(
            f"the lease {lease.name} with token {lease.token} belongs to another now (token {row.token if row else 'none'})"
        )
    now = database_now(connection)
    if now >= row.expires_at:
        raise IntentRefused(f"the lease {lease.name} with token {lease.token} ended at {row.expires_at.isoformat()}")


class LeaseRows:
    """The part of CycleStore about leases."""

    _engine: Engine

    def now(self) -> datetime:
        return read(self._engine, database_now)

    def acquire_lease(self, name: str, holder: str, seconds: float) -> Lease | None:
        """The lease with the next token, or None while another holder's has not passed."""
        if seconds <= 0:
            raise ValueError(f"expected seconds above 0, was {seconds}")
        if read(self._engine, lambda c: c.execute(select(leases.c.token).where(leases.c.name == name)).one_or_none()) is None:
            first = {"name": name, "holder": "", "token": 0, "acquired_at": _NEVER, "expires_at": _NEVER}
            write(self._engine, lambda connection: insert_if_absent(connection, leases, first))
        return write(self._engine, lambda connection: _acquire(connection, name, holder, seconds))

    def release_lease(self, lease: Lease) -> None:
        def work(connection: Connection) -> None:
            mine = (leases.c.name == lease.name) & (leases.c.holder == lease.holder) & (leases.c.token == lease.token)
            connection.execute(update(leases).where(mine).values(expires_at=database_now(connection)))

        write(self._engine, work)


def _acquire(connection: Connection, name: str, holder: str, seconds: float) -> Lease | None:
    row = _locked_row(connection, name)
    if row is None:
        raise LookupError(f"the row of lease {name} went away while it was acquired")
    now = database_now(connection)
    if row.expires_at > now and row.holder != holder:
        return None
    lease = Lease(name, holder, row.token + 1, now, now + timedelta(seconds=seconds))
    connection.execute(
        update(leases)
        .where(leases.c.name == name)
        .values(holder=holder, token=lease.token, acquired_at=lease.acquired_at, expires_at=lease.expires_at)
    )
    return lease
