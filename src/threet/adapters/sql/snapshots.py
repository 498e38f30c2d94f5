"""The local view of the account: the balance and one complete position snapshot, written and read as one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select

from threet.adapters.sql.tables import balance_history, position_snapshots, positions
from threet.adapters.sql.transactions import read, write
from threet.application.facts import AccountSnapshot
from threet.domain.values import Known, Position, Symbol, Unknown

SOURCE = "local"


def read_snapshot(connection: Connection, account: str) -> Known[AccountSnapshot] | Unknown:
    """The newest complete snapshot; ``as_of`` is when we looked. A symbol without a row in it is flat."""
    newest = (
        select(
            position_snapshots.c.id,
            position_snapshots.c.exchange_time,
            position_snapshots.c.observed_at,
            balance_history.c.account_value,
            balance_history.c.withdrawable,
            balance_history.c.margin_used,
        )
        .join(balance_history, balance_history.c.id == position_snapshots.c.balance_id)
        .where(position_snapshots.c.account == account, position_snapshots.c.complete.is_(True))
        .order_by(position_snapshots.c.id.desc())
        .limit(1)
    )
    row = connection.execute(newest).one_or_none()
    if row is None:
        return Unknown(f"the database has no complete snapshot of account {account} yet")
    held = connection.execute(select(positions).where(positions.c.snapshot_id == row.id).order_by(positions.c.symbol)).all()
    return Known(_snapshot(account, row, tuple(map(_position, held))), row.observed_at, SOURCE)


def _position(row: Row[Any]) -> Position:
    return Position(Symbol(row.symbol), row.contracts, row.entry_price)


def _snapshot(account: str, row: Row[Any], held: tuple[Position, ...]) -> AccountSnapshot:
    return AccountSnapshot(
        account=account,
        account_value=row.account_value,
        withdrawable=row.withdrawable,
        margin_used=row.margin_used,
        positions=held,
        exchange_time=row.exchange_time,
        observed_at=row.observed_at,
    )


def _save(connection: Connection, snapshot: AccountSnapshot) -> int:
    common = {"account": snapshot.account, "exchange_time": snapshot.exchange_time, "observed_at": snapshot.observed_at}
    balance = {
        "account_value": snapshot.account_value,
        "withdrawable": snapshot.withdrawable,
        "margin_used": snapshot.margin_used,
    }
    balance_id = _new_id(connection.execute(insert(balance_history), {**common, **balance}))
    snapshot_id = _new_id(connection.execute(insert(position_snapshots), {**common, "balance_id": balance_id, "complete": True}))
    rows = [
        {"snapshot_id": snapshot_id, "symbol": p.symbol, "contracts": p.contracts, "entry_price": p.entry_price} for p in snapshot.positions
    ]
    if rows:
        connection.execute(insert(positions), rows)
    return snapshot_id


def _new_id(result: Any) -> int:
    return int(result.inserted_primary_key[0])


class SqlSnapshotStore:
    """Implements SnapshotStore."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def save(self, snapshot: AccountSnapshot) -> int:
        return write(self._engine, lambda connection: _save(connection, snapshot))

    def latest(self, account: str) -> Known[AccountSnapshot] | Unknown:
        return read(self._engine, lambda connection: read_snapshot(connection, account))
