"""What all active runs come to, for a person to look at: never a source of votes."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, Integer, cast, func, select

from threet.adapters.sql.tables import runs
from threet.adapters.sql.transactions import read
from threet.adapters.sql.votes import ACTIVE


@dataclass(frozen=True, slots=True)
class RunTotals:
    """``live_pnl`` is virtual money (USD), as of the last publication of each run."""

    active: int
    voters: int
    live_pnl: float


def read_run_totals(engine: Engine) -> RunTotals:
    def work(connection: Connection) -> RunTotals:
        total = func.coalesce(func.sum(runs.c.live_pnl), 0.0)
        voters = func.coalesce(func.sum(cast(runs.c.votes, Integer)), 0)
        count, voting, pnl = connection.execute(select(func.count(), voters, total).where(runs.c.status == ACTIVE)).one()
        return RunTotals(int(count), int(voting), float(pnl))

    return read(engine, work)
