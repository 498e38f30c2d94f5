"""One run as a record: what it was born with, and what it looks like at one moment."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from threet.engine.entries import EntryLog

ACTIVE = "active"
ENDED = "ended"
QUARANTINED = "quarantined"
_is_canonical = re.compile("[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}").fullmatch


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What a run was born with and keeps. Times are market time in ms; amounts in quote units; ``fee_rate`` a fraction of the notional."""

    id: str
    number: int  # the how-manieth run of this symbol in this shard
    seed: int
    strategy: str
    symbol: str
    parameters: Mapping[str, float]
    start_balance: float
    leverage: float
    fee_rate: float
    started_ms: int
    ends_ms: int
    max_loss_usd: float  # > 0: ends where live_pnl <= -max_loss_usd
    target_usd: float  # > 0: ends where live_pnl >= target_usd
    parent: str | None = None  # the finished run that its parameters come from


@dataclass(frozen=True, slots=True)
class RunImage:
    """A run at one tick of the journal. The first ``entry_count`` entries of ``entries`` belong to it."""

    spec: RunSpec
    tick: int
    direction: int
    live_pnl: float
    last_price: float
    risen: bool
    votes: bool
    state: Mapping[str, float]
    entries: EntryLog
    entry_count: int
    status: str = ACTIVE
    exit_reason: str | None = None
    ended_ms: int | None = None
    closed_trades: int = 0  # of its VOMS; no file keeps it, a replay counts again


def id_number(run_id: str) -> int:
    """A run's id as the number of its UUID. Raises ValueError."""
    return int(run_id.replace("-", ""), 16) if _is_canonical(run_id) else uuid.UUID(run_id).int
