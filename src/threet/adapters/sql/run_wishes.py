"""What a person wants of single runs. A wish stays for its retention, so that a restart sees it again; done twice it is done once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, Engine, select

from threet.adapters.sql.statements import insert_if_absent
from threet.adapters.sql.tables import run_wishes, runs
from threet.adapters.sql.transactions import read, write
from threet.adapters.sql.votes import ACTIVE

_REASON_CHARACTERS = 255


class SqlRunWishes:
    """The table ``run_wishes``: written by the command, read by Providence."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def end(self, run_id: str, reason: str, now: datetime) -> None:
        """Asks for the end of a run. May be repeated: the first one counts."""
        row = {"run_id": run_id, "reason": reason[:_REASON_CHARACTERS], "asked_at": now}
        write(self._engine, lambda connection: insert_if_absent(connection, run_wishes, row))

    def open_ends(self) -> Mapping[str, str]:
        """Id to reason of each run whose end is wanted and that the database still shows as active."""

        def work(connection: Connection) -> dict[str, str]:
            both = run_wishes.join(runs, runs.c.id == run_wishes.c.run_id)
            statement = select(run_wishes.c.run_id, run_wishes.c.reason).select_from(both).where(runs.c.status == ACTIVE)
            return {row.run_id: row.reason for row in connection.execute(statement)}

        return read(self._engine, work)
