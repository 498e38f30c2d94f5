"""The heartbeat that goes with the rows of a shard, as Providence sums them up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from threet.application.facts import RunRow, ShardHeartbeat, SymbolRuns


def heartbeat_of(rows: Sequence[RunRow], now: datetime, *, shard: int = 0, shards: int = 1, warm: bool = True) -> ShardHeartbeat:
    """``rows`` are all that the shard has, whether they are published with it or were before."""
    told = {name: _told([row for row in rows if row.symbol == name], warm, now) for name in sorted({row.symbol for row in rows})}
    return ShardHeartbeat(shard, shards, now, now, 1, told)


def _told(rows: Sequence[RunRow], warm: bool, now: datetime) -> SymbolRuns:
    active = [row for row in rows if row.status == "active"]
    directions = [row.position_direction for row in active if row.votes]
    return SymbolRuns(
        warm=warm,
        direction_sum=sum(directions),
        voters=len(directions),
        active_runs=len(active),
        quarantined_runs=sum(row.status == "quarantined" for row in rows),
        candle_time=now,
    )


def sums_told(beat: ShardHeartbeat) -> dict[str, tuple[int, int, int]]:
    """Direction, voters and active runs of each symbol that has a run."""
    told = {name: (part.direction_sum, part.voters, part.active_runs) for name, part in beat.by_symbol.items()}
    return {name: sums for name, sums in told.items() if sums != (0, 0, 0)}
