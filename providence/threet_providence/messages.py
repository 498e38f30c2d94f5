"""What the threads say to the strategy loop, the single owner of the engine. Requests carry a Future for the answer."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from threet.adapters.market_feed import FeedBatch
from threet.engine.runs import RunImage
from threet.engine.types import Bools, Floats, Ints, Records, Slots


@dataclass(frozen=True, slots=True)
class ProductsRead:
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EndRuns:
    """A person wants these runs to end: id to reason."""

    wishes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Round:
    """What the snapshot writer is to write: runs that changed, runs that ended. Afterwards segments older than ``tick`` may go."""

    tick: int
    images: tuple[RunImage, ...]
    ended: tuple[RunImage, ...]


@dataclass(frozen=True, slots=True)
class SymbolView:
    """One symbol for the heartbeat; ``candle_close_ms`` is market time."""

    warm: bool
    direction_sum: int  # of the runs that vote
    voters: int
    active_runs: int
    candle_close_ms: int | None
    paused: str | None = None  # why its runs decide nothing


@dataclass(frozen=True, slots=True)
class View:
    """Copies of the columns at the end of a tick that is on the disk, for the publisher. ``slots`` tells it which run was which before."""

    tick: int
    market_ms: int
    slots: Slots
    ids: NDArray[np.uint64]  # the two words of each run's id
    specs: Records  # RunSpec
    live_pnl: Floats
    direction: Ints
    closed_trades: Ints
    votes: Bools
    ended: tuple[RunImage, ...]
    by_symbol: Mapping[str, SymbolView]


@dataclass(frozen=True, slots=True)
class ViewRequest:
    answer: Future[View] = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class RoundRequest:
    answer: Future[Round] = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class Stop:
    """The last message."""


Message = FeedBatch | ProductsRead | EndRuns | ViewRequest | RoundRequest | Stop
