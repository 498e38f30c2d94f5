"""The votes of all symbols, from the heartbeats of the shards and one grouped reading of the runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, and_, case, func, select

from threet.adapters.sql.tables import providence_shards, runs
from threet.adapters.sql.transactions import read
from threet.application.facts import Votes
from threet.domain.values import Symbol, Unknown
from threet.domain.votes import Vote

ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class _Counted:
    direction_sum: int
    voters: int
    active: int


_NONE = _Counted(0, 0, 0)


class VoteRows:
    """The part of CycleStore about votes."""

    _engine: Engine

    def votes(self, shards: int, newer_than: datetime) -> Votes | Unknown:
        """Unknown unless exactly ``shards`` shards beat after ``newer_than``, and the runs are the ones that they speak of."""
        return read(self._engine, lambda connection: _votes(connection, shards, newer_than))


def _votes(connection: Connection, shards: int, newer_than: datetime) -> Votes | Unknown:
    beats = connection.execute(select(providence_shards).where(providence_shards.c.beat_at > newer_than)).all()
    missing = sorted(set(range(shards)) - {beat.shard for beat in beats})
    if missing:
        return Unknown(f"no fresh heartbeat of shard {', '.join(map(str, missing))} of {shards}")
    strange = [f"{beat.shard}/{beat.shards}" for beat in beats if beat.shards != shards or beat.shard not in range(shards)]
    if strange:
        return Unknown(f"a shard beats that is none of the {shards} configured ones: {', '.join(strange)}")
    return _per_symbol(beats, _count(connection, shards))


def _count(connection: Connection, shards: int) -> dict[str, _Counted]:
    """One statement for all symbols."""
    voting = case((runs.c.votes.is_(True), 1), else_=0)
    statement = (
        select(
            runs.c.symbol,
            func.sum(voting * runs.c.position_direction).label("direction_sum"),
            func.sum(voting).label("voters"),
            func.count().label("active"),
        )
        .where(and_(runs.c.status == ACTIVE, runs.c.shard < shards))
        .group_by(runs.c.symbol)
    )
    rows = connection.execute(statement)
    return {row.symbol: _Counted(int(row.direction_sum), int(row.voters), int(row.active)) for row in rows}


def _per_symbol(beats: Iterable[Row[Any]], counted: Mapping[str, _Counted]) -> Votes | Unknown:
    beats = list(beats)
    result: dict[Symbol, Vote] = {}
    for symbol in sorted(set(counted).union(*(beat.by_symbol for beat in beats))):
        told = [beat.by_symbol[symbol] for beat in beats if symbol in beat.by_symbol]
        count = counted.get(symbol, _NONE)
        active = sum(part["active_runs"] for part in told)
        if active != count.active:
            # Rows that no shard speaks of (a lost folder of saved runs) would go on voting for ever.
            return Unknown(f"{symbol}: {count.active} active runs in the database, {active} in the heartbeats")
        result[Symbol(symbol)] = Vote(
            symbol=Symbol(symbol),
            direction_sum=count.direction_sum,
            voters=count.voters,
            active_runs=active,
            quarantined_runs=sum(part["quarantined_runs"] for part in told),
            warm=bool(told) and all(part["warm"] for part in told),
            paused="; ".join(sorted({part["paused"] for part in told if part.get("paused")})),
        )
    times = [beat.beat_at for beat in beats]
    return Votes(result, min(times), max(times))
