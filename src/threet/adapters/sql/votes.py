"""The votes of all symbols, from the heartbeats of the shards and one grouped reading of the runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Integer, Row, and_, bindparam, func, select, type_coerce

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


_VOTING = type_coerce(runs.c.votes, Integer)
_COUNT = (
    select(runs.c.symbol, func.sum(_VOTING * runs.c.position_direction), func.sum(_VOTING), func.count())
    .where(and_(runs.c.status == ACTIVE, runs.c.shard < bindparam("shards")))
    .group_by(runs.c.symbol)
)
"""One statement for all symbols, answered from the index ``runs_votes`` alone: the rows with their parameters are not turned over."""


def _count(connection: Connection, shards: int) -> dict[str, _Counted]:
    rows = connection.execute(_COUNT, {"shards": shards}).all()
    return {symbol: _Counted(int(direction_sum), int(voters), active) for symbol, direction_sum, voters, active in rows}


def _per_symbol(beats: Sequence[Row[Any]], counted: Mapping[str, _Counted]) -> Votes | Unknown:
    told: dict[str, list[Mapping[str, Any]]] = {symbol: [] for symbol in counted}
    for beat in beats:
        for symbol, part in beat.by_symbol.items():
            told.setdefault(symbol, []).append(part)
    result: dict[Symbol, Vote] = {}
    for symbol, parts in sorted(told.items()):
        count = counted.get(symbol, _NONE)
        active = sum(part["active_runs"] for part in parts)
        if active != count.active:
            # Rows that no shard speaks of (a lost folder of saved runs) would go on voting for ever.
            return Unknown(f"{symbol}: {count.active} active runs in the database, {active} in the heartbeats")
        result[Symbol(symbol)] = Vote(
            symbol=Symbol(symbol),
            direction_sum=count.direction_sum,
            voters=count.voters,
            active_runs=active,
            quarantined_runs=sum(part["quarantined_runs"] for part in parts),
            warm=bool(parts) and all(part["warm"] for part in parts),
            paused="; ".join(sorted({part["paused"] for part in parts if part.get("paused")})),
        )
    times = [beat.beat_at for beat in beats]
    return Votes(result, min(times), max(times))
