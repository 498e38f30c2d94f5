"""The statements that show changed runs on MariaDB: thousands of rows in one text, put together as fast as the server reads it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from threet.adapters.sql.tables import runs
from threet.adapters.sql.types import canonical_json
from threet.adapters.sql.votes import ACTIVE
from threet.application.facts import RunNumbers, RunRow

REASON_LETTERS = 255
_BORN_WITH = ("id", "shard", "strategy", "symbol", "parameters", "start_balance", "started_at")
_NUMBERS = ("position_direction", "live_pnl", "closed_trades", "votes")
_COLUMNS = (*_BORN_WITH, *_NUMBERS, "status", "exit_reason", "ended_at", "updated_at")
# With an exponent a result is read as a double, to the bit; without one as a decimal, which a table of values may round.
_ONE_UPDATE = "('%s',%d,%.16e,%d,%d)"
_ROWS_AT_ONCE = 500  # half a millisecond, in which no other thread of the process can go on

Literals = Callable[[Sequence[Any]], str]
"""Writes values as the server of this connection reads them: quoted, escaped, with commas between."""


def update(numbers: RunNumbers, updated_at: datetime, literals: Literals) -> str:
    """For ids that ``are_plain``. It finds fewer rows than it was given where the table lost some, or calls them ended.

    Raises ValueError as ``upsert``.
    """
    _check_finite(numbers.ids, numbers.live_pnl)
    columns = zip(numbers.ids, numbers.position_direction, numbers.live_pnl, numbers.closed_trades, numbers.votes, strict=True)
    texts = map(_ONE_UPDATE.__mod__, columns)
    values = ",".join(iter(lambda: ",".join(islice(texts, _ROWS_AT_ONCE)), ""))
    told = f"WITH told (id, {', '.join(_NUMBERS)}) AS (VALUES {values}) SELECT * FROM told"
    changes = ", ".join(f"shown.{name} = told.{name}" for name in _NUMBERS)
    shown = f"UPDATE {runs.name} shown JOIN ({told}) told USING (id)"
    return f"{shown} SET {changes}, shown.updated_at = {literals([_utc(updated_at)])} WHERE shown.status = '{ACTIVE}'"


def are_plain(ids: Iterable[str]) -> bool:
    """Letters, digits and hyphens, as every id of ours: they need no quoting."""
    letters = "".join(ids).replace("-", "")
    return letters.isalnum() and letters.isascii()


def upsert(rows: Sequence[RunRow], updated_at: datetime, literals: Literals) -> str:
    """Raises ValueError for a result that is no number."""
    _check_finite([row.id for row in rows], [row.live_pnl for row in rows])
    stamp = literals([_utc(updated_at)])
    values = ",".join([f"({_born_with(row, literals)},{_numbers(row)},{_end(row, literals)},{stamp})" for row in rows])
    replaced = ", ".join(f"{name} = VALUES({name})" for name in _COLUMNS if name != "id")
    return f"INSERT INTO {runs.name} ({', '.join(_COLUMNS)}) VALUES {values} ON DUPLICATE KEY UPDATE {replaced}"


def _check_finite(ids: Iterable[str], results: Sequence[float]) -> None:
    if not all(map(math.isfinite, results)):
        wrong = next((run_id, result) for run_id, result in zip(ids, results, strict=True) if not math.isfinite(result))
        raise ValueError(f"run {wrong[0]}: expected a finite live_pnl, was {wrong[1]!r}")


def _born_with(row: RunRow, literals: Literals) -> str:
    parameters = canonical_json(dict(row.parameters))
    return literals((row.id, row.shard, row.strategy, row.symbol, parameters, row.start_balance, _utc(row.started_at)))


def _numbers(row: RunRow) -> str:
    return f"{row.position_direction:d},{row.live_pnl:.16e},{row.closed_trades:d},{row.votes:d}"


def _end(row: RunRow, literals: Literals) -> str:
    if row.status == ACTIVE and row.exit_reason is None and row.ended_at is None:
        return f"'{ACTIVE}',NULL,NULL"
    reason = None if row.exit_reason is None else row.exit_reason[:REASON_LETTERS]
    return literals((row.status, reason, row.ended_at and _utc(row.ended_at)))


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
