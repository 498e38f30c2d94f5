"""One line now and then about how the runs do."""

from __future__ import annotations

import logging

import numpy as np

from threet.application.ports import Clock
from threet.engine.engine import Engine
from threet_providence.loop import StrategyLoop

log = logging.getLogger("providence")


class Summary:
    """Reads the engine's columns: in the strategy loop's thread, or when that has ended."""

    def __init__(self, loop: StrategyLoop, engine: Engine, clock: Clock, every_seconds: float) -> None:
        self._loop, self._engine, self._clock, self._every = loop, engine, clock, every_seconds
        self._due = clock.monotonic() + every_seconds

    def tell_now_and_then(self) -> None:
        if self._clock.monotonic() >= self._due:
            self._due += self._every
            self.tell()

    def tell(self) -> None:
        runs, loop = self._engine.runs, self._loop
        active = runs.active.copy()
        log.info(
            "%d runs, live pnl %+.2f USD; %d voters; since the start %d ticks, %d trades, %d runs started, %d ended; %s",
            int(active.sum()),
            float(runs.live_pnl[active].sum()),
            int((runs.votes & active).sum()),
            loop.ticks,
            loop.trades,
            loop.started,
            loop.ended,
            ", ".join(self._symbol(name, row) for name, row in list(self._engine.market.index.items())) or "no symbol yet",
        )

    def _symbol(self, name: str, row: int) -> str:
        runs = self._engine.runs
        mine = runs.active & (runs.symbol == row)
        net = int(np.sign(runs.size[mine & runs.votes]).sum())
        bars = int(self._engine.market.counts[row])
        return f"{name.split('/')[0]} {int((runs.votes & mine).sum())}/{int(mine.sum())} vote {net:+d}" + (
            "" if bars == self._engine.market.warmup_bars else f" ({bars} bars)"
        )
