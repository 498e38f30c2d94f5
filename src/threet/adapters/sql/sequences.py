"""The highest sequence of each observer's key: an old report that is sent again is below it."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, select, update

from threet.adapters.sql.statements import insert_if_absent
from threet.adapters.sql.tables import observer_sequences
from threet.adapters.sql.transactions import read, write


class SqlObserverSequences:
    """Implements ObserverSequences."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def highest(self, public_key: str) -> int:
        statement = select(observer_sequences.c.sequence).where(observer_sequences.c.public_key == public_key)
        found = read(self._engine, lambda connection: connection.execute(statement).scalar_one_or_none())
        return 0 if found is None else found

    def raise_to(self, public_key: str, sequence: int) -> bool:
        def work(connection: Connection) -> bool:
            mine = observer_sequences.c.public_key == public_key
            insert_if_absent(connection, observer_sequences, {"public_key": public_key, "sequence": 0})
            raised = update(observer_sequences).where(mine, observer_sequences.c.sequence < sequence).values(sequence=sequence)
            return connection.execute(raised).rowcount == 1

        return write(self._engine, work)
