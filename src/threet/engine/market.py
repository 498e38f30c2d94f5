"""What the engine knows of the market: per symbol the last mark and a window of closed candles without a gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from threet.engine.bars import Bars
from threet.engine.types import Floats, Ints

CandleRow = tuple[float, float, float, float, float, float]
"""open time in ms, open, high, low, close, volume: of one closed candle."""

CANDLE_COLUMNS = 6


@dataclass(frozen=True, slots=True)
class SymbolMarket:
    """One symbol's window (rows of CandleRow, oldest first) and last mark (nan before the first price), as saved."""

    candles: Floats
    mark: float


class Market:
    """Windows hold at most ``warmup_bars`` candles, newest last. A gap empties the window: it fills again from the candle behind it,
    or at once from a history that reaches behind what it has.
    """

    def __init__(self, interval_ms: int, warmup_bars: int) -> None:
        self.interval_ms = interval_ms
        self.warmup_bars = warmup_bars
        self.names: list[str] = []
        self.index: dict[str, int] = {}
        self.marks: Floats = np.zeros(0)
        self.counts: Ints = np.zeros(0, dtype=np.int64)
        self._windows: Floats = np.zeros((0, warmup_bars, CANDLE_COLUMNS))
        self.gaps = 0
        self.missing: dict[str, tuple[int, int]] = {}
        """Of each symbol whose window a gap emptied, until it is full: when the first missing bar opens, and the one behind, in ms."""

    def add(self, symbol: str) -> int:
        """The symbol's row, made where it is new."""
        if symbol not in self.index:
            self.index[symbol] = len(self.names)
            self.names.append(symbol)
            self.marks = np.append(self.marks, np.nan)
            self.counts = np.append(self.counts, 0)
            self._windows = np.concatenate([self._windows, np.zeros((1, self.warmup_bars, CANDLE_COLUMNS))])
        return self.index[symbol]

    def append(self, symbol: str, candles: Sequence[CandleRow]) -> int:
        """Takes closed candles, oldest first; those already there are passed over, unless the window is not full and they reach further
        back: then it is made anew from them. Returns how many were newer than the newest.
        """
        row = self.add(symbol)
        count = int(self.counts[row])
        oldest, known = (self._windows[row, -count, 0], self._windows[row, -1, 0]) if count else (-np.inf, -np.inf)
        if count < self.warmup_bars and candles and candles[0][0] < oldest and candles[-1][0] >= known:
            self.counts[row] = 0
            self.missing.pop(symbol, None)
        for candle in candles:
            self._append(row, candle)
        if self.counts[row] == self.warmup_bars:
            self.missing.pop(symbol, None)
        return sum(candle[0] > known for candle in candles)

    def _append(self, row: int, candle: CandleRow) -> None:
        window, newest = self._windows[row], self._windows[row, -1, 0]
        if self.counts[row] and candle[0] <= newest:
            return
        if self.counts[row] and candle[0] != newest + self.interval_ms:
            self.gaps += 1
            self.counts[row] = 0
            self.missing[self.names[row]] = (int(newest) + self.interval_ms, int(candle[0]))
        window[:-1] = window[1:]
        window[-1] = candle
        self.counts[row] = min(self.counts[row] + 1, self.warmup_bars)

    def is_warm(self, symbol: str) -> bool:
        row = self.index.get(symbol)
        return row is not None and bool(self.counts[row] == self.warmup_bars)

    def newest_close_ms(self, symbol: str) -> int | None:
        """When the newest candle closed, in market time."""
        row = self.index.get(symbol)
        if row is None or not self.counts[row]:
            return None
        return int(self._windows[row, -1, 0]) + self.interval_ms

    def bars(self, rows: Sequence[int]) -> Bars:
        picked = self._windows[list(rows)]
        return Bars(*(picked[:, :, column] for column in range(1, CANDLE_COLUMNS)))

    def saved(self, symbol: str) -> SymbolMarket:
        row = self.index[symbol]
        count = int(self.counts[row])
        return SymbolMarket(candles=self._windows[row, self.warmup_bars - count :].copy(), mark=float(self.marks[row]))

    def load(self, symbol: str, saved: SymbolMarket) -> None:
        """Takes a saved window; of a longer one the newest candles are kept, a shorter one goes on filling."""
        row = self.add(symbol)
        kept = saved.candles[-self.warmup_bars :]
        if len(kept):
            self._windows[row, self.warmup_bars - len(kept) :] = kept
        self.counts[row] = len(kept)
        self.marks[row] = saved.mark
