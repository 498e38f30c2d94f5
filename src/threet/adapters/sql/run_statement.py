"""The statements that show changed runs on MariaDB: thousands of rows in one text, put together as fast as the server reads it.

What a run is born with never changes: it is sent when the run is shown first, and its text kept while the run is active.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from threet.adapters.sql.tables import runs
from threet.adapters.sql.types import canonical_json
from threet.adapters.sql.votes import ACTIVE
from threet.application.facts import RunRow

REASON_LETTERS = 255
_BORN_WITH = ("id", "shard", "strategy", "symbol", "parameters", "start_balance", "started_at")
_NUMBERS = ("position_direction", "live_pnl", "closed_trades", "votes")
_COLUMNS = (*_BORN_WITH, *_NUMBERS, "status", "exit_reason", "ended_at", "updated_at")

Literals = Callable[[Sequence[Any]], str]
"""Writes values as the server of this connection reads them: quoted, escaped, with commas between."""


class RunStatements:
    """Remembers which active runs it was asked to show, and the text of what each was born with."""

    def __init__(self) -> None:
        self._shown: dict[str, tuple[tuple[object, ...], str]] = {}

    def shown_before(self, row: RunRow) -> bool:
        """Active, and the same run as last time: a few numbers of its row may be all that differs, if its row is there."""
        known = self._shown.get(row.id)
        return known is not None and known[0] == _born_with(row) and row.status == ACTIVE

    def update(self, rows: Iterable[RunRow], updated_at: datetime, literals: Literals) -> str:
        """For rows ``shown_before``. It finds fewer rows than it was given where the table lost some. Raises ValueError, as ``upsert``."""
        values = ",".join([f"('{row.id}',{_numbers(row)})" for row in rows])
        told = f"WITH told (id, {', '.join(_NUMBERS)}) AS (VALUES {values}) SELECT * FROM told"
        changes = ", ".join(f"shown.{name} = told.{name}" for name in _NUMBERS)
        return f"UPDATE {runs.name} shown JOIN ({told}) told USING (id) SET {changes}, shown.updated_at = {literals([_utc(updated_at)])}"

    def upsert(self, rows: Iterable[RunRow], updated_at: datetime, literals: Literals) -> str:
        """Raises ValueError for a result that is no number."""
        stamp = literals([_utc(updated_at)])
        values = ",".join([f"({self._prefix(row, literals)},{_numbers(row)},{_end(row, literals)},{stamp})" for row in rows])
        replaced = ", ".join(f"{name} = VALUES({name})" for name in _COLUMNS if name != "id")
        return f"INSERT INTO {runs.name} ({', '.join(_COLUMNS)}) VALUES {values} ON DUPLICATE KEY UPDATE {replaced}"

    def _prefix(self, row: RunRow, literals: Literals) -> str:
        born, known = _born_with(row), self._shown.get(row.id)
        if known is not None and known[0] == born:
            text = known[1]
        else:
            changeless = (row.id, row.shard, row.strategy, row.symbol, canonical_json(dict(row.parameters)), row.start_balance)
            text = literals((*changeless, _utc(row.started_at)))
        if row.status != ACTIVE:
            self._shown.pop(row.id, None)
        elif row.id.replace("-", "").isalnum() and row.id.isascii():  # as every id of ours: ``update`` needs no quoting
            self._shown[row.id] = born, text
        return text


def _born_with(row: RunRow) -> tuple[object, ...]:
    return row.shard, row.strategy, row.symbol, row.parameters, row.start_balance, row.started_at, row.exit_reason, row.ended_at


def _numbers(row: RunRow) -> str:
    result = row.live_pnl
    if not math.isfinite(result):
        raise ValueError(f"run {row.id}: expected a finite live_pnl, was {result!r}")
    digits = repr(result)
    # With an exponent it is read as a double; without one as a decimal, which a table of values may round.
    return f"{row.position_direction:d},{digits if 'e' in digits else digits + 'e0'},{row.closed_trades:d},{row.votes:d}"


def _end(row: RunRow, literals: Literals) -> str:
    if row.status == ACTIVE and row.exit_reason is None and row.ended_at is None:
        return f"'{ACTIVE}',NULL,NULL"
    reason = None if row.exit_reason is None else row.exit_reason[:REASON_LETTERS]
    return literals((row.status, reason, row.ended_at and _utc(row.ended_at)))


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
