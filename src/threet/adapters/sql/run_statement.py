"""The statement that shows changed runs on MariaDB: thousands of rows in one text, put together as fast as the server reads it.

What a run is born with never changes, so that its part of the text is made once and kept while the run is active.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from threet.adapters.sql.tables import runs
from threet.adapters.sql.types import canonical_json
from threet.adapters.sql.votes import ACTIVE
from threet.application.facts import RunRow

_BORN_WITH = ("id", "shard", "strategy", "symbol", "parameters", "start_balance", "started_at")
_CHANGING = ("position_direction", "live_pnl", "closed_trades", "votes", "status", "exit_reason", "ended_at", "updated_at")
_COLUMNS = (*_BORN_WITH, *_CHANGING)
_MOST_BYTES = 4_000_000
"""Of one statement; the server's own default takes four times as much."""
REASON_LETTERS = 255


Literals = Callable[[Sequence[Any]], str]
"""Writes values as the server of this connection reads them: quoted, escaped, with commas between."""


class RunStatements:
    """Remembers the texts of active runs from one publication to the next."""

    def __init__(self) -> None:
        self._born_with: dict[str, tuple[tuple[object, ...], str]] = {}

    def upserts(self, changed: Sequence[RunRow], updated_at: datetime, literals: Literals) -> Iterator[str]:
        """One statement, more only where it would be longer than a server takes. Raises ValueError for a result that is no number."""
        replaced = ", ".join(f"{name} = VALUES({name})" for name in _COLUMNS if name != "id")
        head, tail = f"INSERT INTO {runs.name} ({', '.join(_COLUMNS)}) VALUES ", f" ON DUPLICATE KEY UPDATE {replaced}"
        stamp = literals([_utc(updated_at)])
        values: list[str] = []
        size = 0
        for row in sorted(changed, key=attrgetter("id")):  # in the order in which the table lies: fewer pages are turned
            values.append(self._values(row, stamp, literals))
            size += len(values[-1])
            if size > _MOST_BYTES:
                yield f"{head}{','.join(values)}{tail}"
                values, size = [], 0
        if values:
            yield f"{head}{','.join(values)}{tail}"

    def _values(self, row: RunRow, stamp: str, literals: Literals) -> str:
        if not math.isfinite(row.live_pnl):
            raise ValueError(f"run {row.id}: expected a finite live_pnl, was {row.live_pnl!r}")
        numbers = f"{row.position_direction:d},{row.live_pnl!r},{row.closed_trades:d},{row.votes:d}"
        if row.status == ACTIVE and row.exit_reason is None and row.ended_at is None:
            return f"({self._prefix(row, literals)},{numbers},'{ACTIVE}',NULL,NULL,{stamp})"
        self._born_with.pop(row.id, None)
        reason = None if row.exit_reason is None else row.exit_reason[:REASON_LETTERS]
        end = literals((row.status, reason, row.ended_at and _utc(row.ended_at)))
        return f"({_prefix(row, literals)},{numbers},{end},{stamp})"

    def _prefix(self, row: RunRow, literals: Literals) -> str:
        born = (row.shard, row.strategy, row.symbol, row.parameters, row.start_balance, row.started_at)
        known = self._born_with.get(row.id)
        if known is None or known[0] != born:
            known = self._born_with[row.id] = born, _prefix(row, literals)
        return known[1]


def _prefix(row: RunRow, literals: Literals) -> str:
    parameters, started_at = canonical_json(dict(row.parameters)), _utc(row.started_at)
    return literals((row.id, row.shard, row.strategy, row.symbol, parameters, row.start_balance, started_at))


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
