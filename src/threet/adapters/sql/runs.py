"""Providence's projection: the changed runs and the shard's heartbeat in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import closing
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, delete, select, update

from threet.adapters.sql import run_statement
from threet.adapters.sql.run_statement import REASON_LETTERS, Literals
from threet.adapters.sql.statements import upsert
from threet.adapters.sql.tables import providence_shards, runs
from threet.adapters.sql.transactions import write
from threet.adapters.sql.votes import ACTIVE
from threet.application.facts import RunNumbers, RunRow, ShardHeartbeat

_IDS_IN_A_STATEMENT = 500  # with room to spare below the 999 variables that an older SQLite takes
_LOST = "lost: its shard was started again and does not know it"

_MOST_UPSERTS = 10_000
"""Rows of one statement on MariaDB: some 5 MB, of the 16 MB that a server takes by default."""
_MOST_UPDATES = 50_000
"""The same."""


def _run(row: RunRow, updated_at: datetime) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in RunRow.__dataclass_fields__}
    exit_reason = None if row.exit_reason is None else row.exit_reason[:REASON_LETTERS]
    return {**values, "parameters": dict(row.parameters), "exit_reason": exit_reason, "updated_at": updated_at}


def _beat(heartbeat: ShardHeartbeat) -> dict[str, Any]:
    by_symbol = {
        symbol: {
            "warm": told.warm,
            "direction_sum": told.direction_sum,
            "voters": told.voters,
            "active_runs": told.active_runs,
            "quarantined_runs": told.quarantined_runs,
            "candle_time": told.candle_time.isoformat() if told.candle_time else None,
            **({"paused": told.paused} if told.paused else {}),
        }
        for symbol, told in heartbeat.by_symbol.items()
    }
    return {
        "shard": heartbeat.shard,
        "shards": heartbeat.shards,
        "beat_at": heartbeat.beat_at,
        "market_time": heartbeat.market_time,
        "seed": heartbeat.seed,
        "by_symbol": by_symbol,
    }


def _end(connection: Connection, ids: Iterable[str], still: ColumnElement[bool], reason: str | None, updated_at: datetime) -> int:
    """Those of ``ids`` for which ``still`` holds are shown as ended, without a vote; returns how many."""
    ordered, found = sorted(ids), 0
    ended = {"status": "ended", "exit_reason": reason, "votes": False, "position_direction": 0, "updated_at": updated_at}
    for start in range(0, len(ordered), _IDS_IN_A_STATEMENT):
        some = runs.c.id.in_(ordered[start : start + _IDS_IN_A_STATEMENT]) & still
        found += connection.execute(update(runs).where(some).values(**ended)).rowcount
    return found


class SqlRunsPublisher:
    """Implements RunsPublisher."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def publish(
        self, changed: Sequence[RunRow], heartbeat: ShardHeartbeat, marked: RunNumbers | None = None, gone: Collection[str] = ()
    ) -> None:
        def work(connection: Connection) -> None:
            _end(connection, gone, runs.c.status == ACTIVE, None, heartbeat.beat_at)
            if connection.dialect.name == "sqlite":
                rows = [*changed, *(marked.rows() if marked else ())]
                upsert(connection, runs, [_run(row, heartbeat.beat_at) for row in rows])
            else:
                self._show(connection, changed, marked, heartbeat.beat_at)
            upsert(connection, providence_shards, [_beat(heartbeat)])

        write(self._engine, work)

    def _show(self, connection: Connection, changed: Sequence[RunRow], marked: RunNumbers | None, updated_at: datetime) -> None:
        with closing(connection.connection.cursor()) as cursor:

            def literals(values: Sequence[Any]) -> str:
                text: str = cursor.mogrify(",".join(["%s"] * len(values)), tuple(values))
                return text

            def execute(statement: str) -> int:
                return connection.exec_driver_sql(statement, execution_options={"no_parameters": True}).rowcount

            new = list(changed)
            if marked is not None and not self._updated(marked, updated_at, literals, execute):
                new += marked.rows()  # the table lost some of them, or calls them ended
            # In the order in which the table lies: fewer pages are turned, and two shards never wait for each other in a circle.
            new.sort(key=attrgetter("id"))
            for start in range(0, len(new), _MOST_UPSERTS):
                execute(run_statement.upsert(new[start : start + _MOST_UPSERTS], updated_at, literals))

    def _updated(self, marked: RunNumbers, updated_at: datetime, literals: Literals, execute: Callable[[str], int]) -> bool:
        """Whether every row was found; nothing is done where an id is not one of ours."""
        found = run_statement.are_plain(marked.ids)
        for start in range(0, len(marked.ids) if found else 0, _MOST_UPDATES):
            some = marked.part(slice(start, start + _MOST_UPDATES))
            found = execute(run_statement.update(some, updated_at, literals)) == len(some.ids) and found
        return found

    def retire_absent(self, shard: int, shards: int, known_run_ids: Collection[str], now: datetime) -> int:
        """Ends the active rows of a shard that it does not know any more (its saved runs were lost); returns how many.

        Rows and heartbeats of shards that are none of ``shards`` any more are looked after too, each by one of those that are. Another
        shard that took over such a run shows it as active at its first publication, whichever of the two comes first.
        """

        def work(connection: Connection) -> int:
            old_beats = (providence_shards.c.shard >= shards) & (providence_shards.c.shard % shards == shard)
            connection.execute(delete(providence_shards).where(old_beats))
            mine = (runs.c.shard % shards == shard) & (runs.c.status == ACTIVE)
            lost = set(connection.execute(select(runs.c.id).where(mine)).scalars()) - set(known_run_ids)
            # Still mine: since the look another shard may have taken over and shown one.
            return _end(connection, lost, mine, _LOST, now)

        return write(self._engine, work)
