"""The runs as a person looks at them: filtered and sorted by the database. Never a source of votes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, func, or_, select

from threet.adapters.sql.tables import providence_shards, runs
from threet.adapters.sql.transactions import read

_GAIN = runs.c.live_pnl / func.nullif(runs.c.start_balance, 0)
_VOTES = runs.c.votes.is_(True)
SORTS: Mapping[str, ColumnElement[Any]] = {
    "return": _GAIN.desc(),
    "pnl": runs.c.live_pnl.desc(),
    "trades": runs.c.closed_trades.desc(),
    "age": runs.c.started_at,
    "newest": runs.c.started_at.desc(),
    "symbol": runs.c.symbol,
    "strategy": runs.c.strategy,
}
"""By the name on the command line; equal ones by their id."""


@dataclass(frozen=True, slots=True)
class RunFilter:
    """None asks for all. ``symbol`` is a whole one, or what stands before its slash."""

    status: str | None = None
    symbol: str | None = None
    strategy: str | None = None
    voting: bool = False
    id_begins: str = ""


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A row of ``runs``: times are market time, money is virtual (USD)."""

    id: str
    symbol: str
    strategy: str
    parameters: Mapping[str, float]
    direction: int
    live_pnl: float
    start_balance: float
    closed_trades: int
    votes: bool
    status: str
    exit_reason: str | None
    started_at: datetime
    ended_at: datetime | None
    updated_at: datetime

    @property
    def gain(self) -> float | None:
        """As a fraction of the start balance; None for a quarantined run, of which nothing is known."""
        return self.live_pnl / self.start_balance if self.start_balance else None


@dataclass(frozen=True, slots=True)
class RunList:
    """``found`` counts all that the filter lets through; ``market_time`` is the newest that a shard has seen."""

    rows: tuple[ListedRun, ...]
    found: int
    market_time: datetime | None


def list_runs(engine: Engine, wanted: RunFilter, sort: str, most: int | None) -> RunList:
    """In one view of the database; at most ``most`` rows."""
    where = _where(wanted)

    def work(connection: Connection) -> RunList:
        found = connection.execute(select(func.count()).select_from(runs).where(*where)).scalar_one()
        rows = connection.execute(select(runs).where(*where).order_by(SORTS[sort], runs.c.id).limit(most))
        market_time = connection.execute(select(func.max(providence_shards.c.market_time))).scalar_one()
        return RunList(tuple(map(_listed, rows)), int(found), market_time)

    return read(engine, work)


def _where(wanted: RunFilter) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if wanted.status is not None:
        where.append(runs.c.status == wanted.status)
    if wanted.symbol is not None:
        where.append(or_(runs.c.symbol == wanted.symbol, runs.c.symbol.startswith(f"{wanted.symbol}/", autoescape=True)))
    if wanted.strategy is not None:
        where.append(runs.c.strategy == wanted.strategy)
    if wanted.voting:
        where.append(_VOTES)
    if wanted.id_begins:
        where.append(runs.c.id.startswith(wanted.id_begins, autoescape=True))
    return where


def _listed(row: Row[Any]) -> ListedRun:
    return ListedRun(
        id=row.id,
        symbol=row.symbol,
        strategy=row.strategy,
        parameters=row.parameters,
        direction=row.position_direction,
        live_pnl=row.live_pnl,
        start_balance=row.start_balance,
        closed_trades=row.closed_trades,
        votes=row.votes,
        status=row.status,
        exit_reason=row.exit_reason,
        started_at=row.started_at,
        ended_at=row.ended_at,
        updated_at=row.updated_at,
    )
