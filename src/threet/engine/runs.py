"""One run as a record: what it was born with, and what it looks like at one moment."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from threet.engine.entries import EntryLog

ACTIVE = "active"
ENDED = "ended"
QUARANTINED = "quarantined"
is_canonical = re.compile("[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}").fullmatch


class RunSpec(NamedTuple):
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


class RunImage(NamedTuple):
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


def by_fields(images: Sequence[RunImage]) -> dict[str, Sequence[Any]]:
    """Of each field of images, and of their specs, the values in the order of the images."""
    if not images:
        return dict.fromkeys((*RunImage._fields, *RunSpec._fields), ())
    told = dict(zip(RunImage._fields, zip(*images, strict=True), strict=True))
    return told | by_fields_of_specs(told["spec"])


def by_fields_of_specs(specs: Sequence[RunSpec]) -> dict[str, Sequence[Any]]:
    return dict(zip(RunSpec._fields, zip(*specs, strict=True) if specs else [()] * len(RunSpec._fields), strict=True))


def id_number(run_id: str) -> int:
    """A run's id as the number of its UUID. Raises ValueError."""
    return int(run_id.replace("-", ""), 16) if is_canonical(run_id) else uuid.UUID(run_id).int


def id_bytes(run_ids: Sequence[str]) -> bytes:
    """The numbers of their UUIDs, 16 bytes each, the highest first."""
    if all(map(is_canonical, run_ids)):
        return bytes.fromhex("".join(run_ids).replace("-", ""))
    return b"".join(id_number(run_id).to_bytes(16, "big") for run_id in run_ids)
