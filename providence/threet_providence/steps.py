"""The records of the journal: what one tick consumed and what it changed, and the base that a segment begins with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from threet.engine.descent import Ancestor
from threet.engine.effects import ENTRY, Effects, joined, state_dtype
from threet.engine.market import CandleRow, SymbolMarket
from threet.engine.runs import RunSpec
from threet.engine.types import Records


@dataclass(frozen=True, slots=True)
class EndedMark:
    """A run that ended in this step."""

    run_id: str
    reason: str
    ended_ms: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What a step changed in the runs, in the order in which a replay applies it."""

    entries: Records = field(default_factory=lambda: np.zeros(0, dtype=ENTRY))
    states: Records = field(default_factory=lambda: np.zeros(0, dtype=state_dtype(0)))
    ended: tuple[EndedMark, ...] = ()
    started: tuple[RunSpec, ...] = ()
    ancestors: tuple[Ancestor, ...] = ()  # of the ended, those that new runs may descend from

    def __bool__(self) -> bool:
        return bool(len(self.entries) or len(self.states) or self.ended or self.started)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that the engine took: prices, candles or the list of products, with the stream entries consumed.

    A replay applies marks and candles first, then the changes.
    """

    kind: str
    ids: tuple[tuple[str, str], ...] = ()  # (stream, id), in the order of consumption
    market_ms: int = 0
    marks: Mapping[str, float] = field(default_factory=dict)
    funding: Mapping[str, float] = field(default_factory=dict)  # rates for an hour, where one was over
    candles: Mapping[str, tuple[CandleRow, ...]] = field(default_factory=dict)
    products: tuple[str, ...] | None = None
    changes: Changes = field(default_factory=Changes)


@dataclass(frozen=True, slots=True)
class TickRecord:
    """One record, one fsync. Ticks are numbered without a gap."""

    tick: int
    steps: tuple[Step, ...]


class BaseRun(NamedTuple):
    """An active run, as a base names it. A snapshot of ``changed_tick`` or later holds all that it did up to the base."""

    run_id: str
    symbol: str
    strategy: str
    changed_tick: int


@dataclass(frozen=True, slots=True)
class BaseRecord:
    """All that a shard knows besides its runs' own snapshots, as of ``tick``; the first record of each segment."""

    tick: int
    seed: int
    interval_ms: int
    market_ms: int
    ids: Mapping[str, str]  # per stream, the last entry consumed
    products: tuple[str, ...]
    next_number: Mapping[str, int]
    born_ms: Mapping[str, int]
    ancestors: tuple[Ancestor, ...]
    runs: tuple[BaseRun, ...]
    markets: Mapping[str, SymbolMarket]


def changes_of(effects: Effects, state_width: int) -> Changes:
    """What the engine did, as it is written down."""
    return Changes(
        entries=joined(effects.entries, ENTRY),
        states=joined(effects.states, state_dtype(state_width)),
        ended=tuple(EndedMark(i.spec.id, i.exit_reason or "", i.ended_ms or 0) for i in effects.ended),
        started=tuple(effects.started),
        ancestors=tuple(effects.ancestors),
    )
