"""From runs to the rows and the heartbeat that the database shows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import repeat
from typing import NamedTuple

import numpy as np

from threet.application.facts import RunNumbers, RunRow, ShardHeartbeat, SymbolRuns
from threet.domain.values import Symbol
from threet.engine.runs import ACTIVE, QUARANTINED, RunImage, RunSpec
from threet.engine.types import Slots
from threet_providence.messages import View
from threet_providence.quarantine import Quarantined

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)


class _Known(NamedTuple):
    """What of a row comes from how its run does now."""

    direction: int
    live_pnl: float
    closed_trades: int
    votes: bool
    status: str
    reason: str | None
    ended_ms: int | None


def active_rows(view: View, at: Slots, shard: int) -> list[RunRow]:
    """The rows of the runs at these places of the view."""
    directions, results = view.direction[at].tolist(), view.live_pnl[at].tolist()
    trades, votes = view.closed_trades[at].tolist(), view.votes[at].tolist()
    known = map(_Known, directions, results, trades, votes, repeat(ACTIVE), repeat(None), repeat(None))
    return [_row(spec, shard, one) for spec, one in zip(view.specs[at].tolist(), known, strict=True)]


def active_numbers(view: View, at: Slots, shard: int) -> RunNumbers:
    """What changes of the rows of the runs at these places of the view, in the order of their ids."""
    ids = view.ids[at]
    ordered = at[np.lexsort((ids[:, 1], ids[:, 0]))]
    return RunNumbers(
        ids=[spec.id for spec in view.specs[ordered].tolist()],
        position_direction=view.direction[ordered].tolist(),
        live_pnl=view.live_pnl[ordered].tolist(),
        closed_trades=view.closed_trades[ordered].tolist(),
        votes=view.votes[ordered].tolist(),
        rows=lambda: active_rows(view, ordered, shard),
    )


def ended_row(image: RunImage, shard: int) -> RunRow:
    known = _Known(image.direction, image.live_pnl, image.closed_trades, False, image.status, image.exit_reason, image.ended_ms)
    return _row(image.spec, shard, known)


def quarantined_row(found: Quarantined, shard: int, now: datetime) -> RunRow:
    """Nothing of such a run is known but its name: the row says so by its status, its numbers mean nothing."""
    return RunRow(
        id=found.run_id,
        shard=shard,
        strategy=found.strategy,
        symbol=Symbol(found.symbol),
        parameters={},
        position_direction=0,
        live_pnl=0.0,
        closed_trades=0,
        votes=False,
        start_balance=0.0,
        status=QUARANTINED,
        exit_reason=found.reason,
        started_at=now,
        ended_at=None,
    )


def heartbeat(view: View, shard: int, shards: int, seed: int, quarantined: Mapping[str, int], now: datetime) -> ShardHeartbeat:
    by_symbol = {
        Symbol(symbol): SymbolRuns(
            warm=told.warm,
            direction_sum=told.direction_sum,
            voters=told.voters,
            active_runs=told.active_runs,
            quarantined_runs=quarantined.get(symbol, 0),
            candle_time=None if told.candle_close_ms is None else moment(told.candle_close_ms),
            paused=told.paused,
        )
        for symbol, told in view.by_symbol.items()
    }
    return ShardHeartbeat(
        shard=shard,
        shards=shards,
        beat_at=now,
        market_time=moment(view.market_ms) if view.market_ms else None,
        seed=seed,
        by_symbol=by_symbol,
    )


def _row(spec: RunSpec, shard: int, known: _Known) -> RunRow:
    return RunRow(
        id=spec.id,
        shard=shard,
        strategy=spec.strategy,
        symbol=Symbol(spec.symbol),
        parameters=spec.parameters,
        position_direction=known.direction,
        live_pnl=known.live_pnl,
        closed_trades=known.closed_trades,
        votes=known.votes,
        start_balance=spec.start_balance,
        status=known.status,
        exit_reason=known.reason,
        started_at=moment(spec.started_ms),
        ended_at=None if known.ended_ms is None else moment(known.ended_ms),
    )
