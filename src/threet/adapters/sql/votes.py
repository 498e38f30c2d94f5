"""The votes of all symbols, as the shards' heartbeats tell them; and those of some symbols held against the rows of their runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Integer, Row, bindparam, func, select, type_coerce

from threet.adapters.sql.tables import providence_shards, runs
from threet.adapters.sql.transactions import read
from threet.application.facts import Votes
from threet.domain.values import Symbol, Unknown
from threet.domain.votes import Vote

ACTIVE = "active"


class VoteRows:
    """The part of CycleStore about votes."""

    _engine: Engine

    def votes(self, shards: int, newer_than: datetime) -> Votes | Unknown:
        """Unknown unless exactly ``shards`` shards beat after ``newer_than``, and each says what its runs vote."""
        return read(self._engine, lambda connection: _votes(connection, shards, newer_than))

    def checked_votes(self, shards: int, newer_than: datetime, names: Sequence[Symbol]) -> Mapping[Symbol, Vote | Unknown]:
        """The votes of ``names`` by heartbeats and rows of one moment; Unknown where the two differ."""
        return read(self._engine, lambda connection: _checked(connection, shards, newer_than, names))


def _votes(connection: Connection, shards: int, newer_than: datetime) -> Votes | Unknown:
    beats = connection.execute(_BEATS, {"newer_than": newer_than}).all()
    missing = sorted(set(range(shards)) - {beat.shard for beat in beats})
    if missing:
        return Unknown(f"no fresh heartbeat of shard {', '.join(map(str, missing))} of {shards}")
    strange = [f"{beat.shard}/{beat.shards}" for beat in beats if beat.shards != shards or beat.shard not in range(shards)]
    if strange:
        return Unknown(f"a shard beats that is none of the {shards} configured ones: {', '.join(strange)}")
    return _summed(beats)


_BEATS = select(providence_shards).where(providence_shards.c.beat_at > bindparam("newer_than"))


def _summed(beats: Sequence[Row[Any]]) -> Votes | Unknown:
    told: dict[str, list[Vote]] = {}
    for beat in beats:
        if not isinstance(beat.by_symbol, dict):
            return Unknown(f"the heartbeat of shard {beat.shard}: expected what it says of each symbol, was {beat.by_symbol!r:.200}")
        for name, part in beat.by_symbol.items():
            vote = _told(name, part)
            if isinstance(vote, Unknown):
                return Unknown(f"the heartbeat of shard {beat.shard}: {vote.reason}")
            told.setdefault(name, []).append(vote)
    times = [beat.beat_at for beat in beats]
    return Votes({Symbol(name): _together(parts) for name, parts in sorted(told.items())}, min(times), max(times))


def _told(name: str, part: Any) -> Vote | Unknown:
    """What one shard says of one symbol: what it leaves out is not taken for nothing."""
    if not isinstance(part, dict) or "direction_sum" not in part or "voters" not in part:
        return Unknown(f"{name}: it does not sum up the votes, as an older Providence does not: start one of this release")
    told: list[Any] = [part.get(key) for key in ("direction_sum", "voters", "active_runs", "quarantined_runs", "warm")]
    direction_sum, voters, active, quarantined, warm = told
    are_whole = type(direction_sum) is type(voters) is type(active) is type(quarantined) is int and type(warm) is bool
    if not are_whole or not abs(direction_sum) <= voters <= active or quarantined < 0:
        return Unknown(f"{name}: expected whole numbers with |direction_sum| <= voters <= active_runs, was {part!r:.200}")
    return Vote(Symbol(name), direction_sum, voters, active, quarantined, warm, str(part.get("paused") or ""))


def _together(parts: Sequence[Vote]) -> Vote:
    """One symbol's votes of several shards."""
    first = parts[0]
    if len(parts) == 1:
        return first
    return Vote(
        symbol=first.symbol,
        direction_sum=sum(part.direction_sum for part in parts),
        voters=sum(part.voters for part in parts),
        active_runs=sum(part.active_runs for part in parts),
        quarantined_runs=sum(part.quarantined_runs for part in parts),
        warm=all(part.warm for part in parts),
        paused="; ".join(sorted({part.paused for part in parts if part.paused})),
    )


_VOTING = type_coerce(runs.c.votes, Integer)
_SUMS = (
    select(runs.c.symbol, func.sum(_VOTING * runs.c.position_direction), func.sum(_VOTING), func.count())
    .where(runs.c.status == ACTIVE, runs.c.symbol.in_(bindparam("names", expanding=True)), runs.c.shard < bindparam("shards"))
    .group_by(runs.c.symbol)
)
"""Answered from the index ``runs_votes`` alone: the rows with their parameters are not turned over."""

_NONE = (0, 0, 0)


def _checked(connection: Connection, shards: int, newer_than: datetime, names: Sequence[Symbol]) -> Mapping[Symbol, Vote | Unknown]:
    told = _votes(connection, shards, newer_than)
    if isinstance(told, Unknown):
        return dict.fromkeys(names, told)
    rows = connection.execute(_SUMS, {"names": list(names), "shards": shards}).all()
    sums = {symbol: (int(direction_sum), int(voters), active) for symbol, direction_sum, voters, active in rows}
    return {name: _compared(told.by_symbol.get(name), sums.get(name, _NONE)) for name in names}


def _compared(told: Vote | None, rows: tuple[int, int, int]) -> Vote | Unknown:
    if told is None:
        return Unknown("no shard tells of it any more")
    said = (told.direction_sum, told.voters, told.active_runs)
    if rows != said:
        # A run whose file was lost, a row that somebody changed, a sum that is wrong: which of the two is right nobody knows.
        return Unknown(f"the runs' rows do not sum to what Providence told: {_words(rows)} by the rows, {_words(said)} told")
    return told


def _words(sums: tuple[int, int, int]) -> str:
    direction_sum, voters, active = sums
    return f"{direction_sum:+d} of {voters} voters, {active} active runs"
