"""Populations for the benchmarks: the real engine with the rules of config.yml, on a market of ours; born as in a session."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tests.support.settings import settings_with

from threet.engine.engine import Engine, EngineRules
from threet.engine.market import CandleRow
from threet.engine.types import Floats, Ints, Slots
from threet_providence.rules import engine_rules

MINUTE_MS = 60_000
NEVER_ENDS = {
    "providence.duration_market_seconds": [10**9, 10**9],
    "providence.max_loss_percent": [99, 99],
    "providence.target_percent": [10**6, 10**6],
}
"""No run ends: what a new one costs is another figure than what a tick costs."""


class WalkingMarket:
    """Random walks of many symbols with regimes of 15 bars, one candle of each symbol a bar. Seeded."""

    def __init__(self, symbols: int, seed: int = 3) -> None:
        self.symbols = tuple(f"S{number:03d}/USDC:USDC" for number in range(symbols))
        self._chance = np.random.default_rng(seed)
        self._closes: Floats = np.full(symbols, 100.0)
        self._drift: Floats = np.zeros(symbols)
        self._bars: Ints = np.zeros(symbols, dtype=np.int64)
        self.bar = 0

    def next_bar(self) -> dict[str, tuple[CandleRow, ...]]:
        """The closed candle of each symbol, its open the last one's close."""
        if self.bar % 15 == 0:
            self._drift = self._chance.normal(0, 0.0008, len(self.symbols))
        self.bar += 1
        return self._close(np.exp(self._drift + self._chance.normal(0, 0.0012, len(self.symbols))), range(len(self.symbols)))

    def jump(self, rows: Sequence[int]) -> dict[str, tuple[CandleRow, ...]]:
        """A bar of these symbols alone that closes 3 % higher or lower, by turns."""
        return self._close(np.where(self._bars % 2 == 0, 1.03, 1 / 1.03), rows)

    def _close(self, moved: Floats, rows: Sequence[int]) -> dict[str, tuple[CandleRow, ...]]:
        opens = self._closes
        self._closes = opens.copy()
        self._closes[rows] *= moved[rows]
        high, low = np.maximum(opens, self._closes) * 1.0005, np.minimum(opens, self._closes) * 0.9995
        prices = np.stack([self._bars * float(MINUTE_MS), opens, high, low, self._closes, np.ones(len(opens))], axis=1).tolist()
        self._bars[rows] += 1
        return {self.symbols[row]: (tuple(prices[row]),) for row in rows}

    @property
    def now_ms(self) -> int:
        """When the newest bar closed."""
        return int(self._bars.max()) * MINUTE_MS

    def marks(self) -> dict[str, float]:
        """A price of each symbol near its last close, another one at each call."""
        near = self._closes * (1 + self._chance.normal(0, 0.0002, len(self.symbols)))
        return dict(zip(self.symbols, near.tolist(), strict=True))


def rules(runs: int, symbols: int) -> EngineRules:
    """Those of config.yml, all its strategies among them, for ``runs`` runs that never end."""
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_with(Path(folder), {**NEVER_ENDS, "providence.runs_per_symbol": runs // symbols})
        return engine_rules(settings, shard=0)


def born(runs: int, symbols: int) -> tuple[Engine, WalkingMarket]:
    """A warm market and its population, which has decided a few bars already."""
    engine, market = Engine(rules(runs, symbols)), WalkingMarket(symbols)
    warm_up(engine, market)
    return engine, market


def warm_up(engine: Engine, market: WalkingMarket, bars: int = 10) -> None:
    engine.on_products(market.symbols)
    engine.on_prices(market.marks(), market.now_ms)
    for _ in range(engine.rules.warmup_bars + bars):
        engine.on_candles(market.next_bar())
        engine.on_prices(market.marks(), market.now_ms)


def give_history(engine: Engine, trades: int) -> None:
    """So many trades to each run, in and out of a second position by turns, at prices that differ."""
    runs = engine.runs
    slots: Slots = np.flatnonzero(runs.active)
    chance = np.random.default_rng(11)
    marks = engine.market.marks[runs.symbol[slots]]
    sizes = 0.5 * runs.start_balance[slots] / marks
    for number in range(trades):
        times: Ints = np.full(len(slots), engine.market_ms + number, dtype=np.int64)
        runs.trade(slots, times, marks * (1 + chance.normal(0, 0.001, len(slots))), sizes if number % 2 == 0 else -sizes)
    runs.update_price(slots, marks)
