"""What the engine knows of the market: per symbol the last mark and a window of closed candles without a gap."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from threet.engine.bars import Bars
from threet.engine.types import Bools, Floats, Ints, Slots

CandleRow = tuple[float, float, float, float, float, float]
"""open time in ms, open, high, low, close, volume: of one closed candle."""

CANDLE_COLUMNS = 6
_NONE_MS = -np.inf  # the newest candle's open where there is none


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
        # Twice as long as a window: a candle is put behind the newest, and only every so many bars all move to the front.
        self._room: Floats = np.zeros((CANDLE_COLUMNS, 0, 2 * warmup_bars))
        self._windows = self._room  # all places that a window can have in its room
        self._ends: Slots = np.zeros(0, dtype=np.intp)  # of each symbol's window in its room
        self._newest: Floats = np.zeros(0)  # the open time of the newest candle
        self._priced: tuple[tuple[str, ...], Slots] = ((), np.zeros(0, dtype=np.intp))
        self.gaps = 0
        self.missing: dict[str, tuple[int, int]] = {}
        """Of each symbol whose window a gap emptied, until it is full: when the first missing bar opens, and the one behind, in ms."""

    def add(self, symbol: str) -> int:
        """The symbol's row, made where it is new."""
        if symbol not in self.index:
            self.add_all((symbol,))
        return self.index[symbol]

    def add_all(self, symbols: Iterable[str]) -> None:
        """Rows for those that are new, in one go."""
        new = [symbol for symbol in dict.fromkeys(symbols) if symbol not in self.index]
        self.index.update(zip(new, range(len(self.names), len(self.names) + len(new)), strict=True))
        self.names.extend(new)
        self.marks = np.append(self.marks, np.full(len(new), np.nan))
        self.counts = np.append(self.counts, np.zeros(len(new), dtype=np.int64))
        self._room = np.concatenate([self._room, np.zeros((CANDLE_COLUMNS, len(new), 2 * self.warmup_bars))], axis=1)
        self._windows = np.lib.stride_tricks.sliding_window_view(self._room, self.warmup_bars, axis=2)
        self._ends = np.append(self._ends, np.full(len(new), self.warmup_bars))
        self._newest = np.append(self._newest, np.full(len(new), _NONE_MS))

    def price(self, marks: Mapping[str, float]) -> Slots:
        """Takes the marks; returns the rows of their symbols."""
        names = tuple(marks)
        if names != self._priced[0]:  # else they came in the same order the last time, as they mostly do
            self._priced = names, np.fromiter(map(self.add, names), dtype=np.intp, count=len(names))
        rows = self._priced[1]
        self.marks[rows] = np.fromiter(marks.values(), dtype=np.float64, count=len(names))
        return rows

    def append(self, symbol: str, candles: Sequence[CandleRow]) -> int:
        """Takes closed candles, oldest first; those already there are passed over, unless the window is not full and they reach further
        back: then it is made anew from them. Returns how many were newer than the newest.
        """
        row = self.add(symbol)
        count, known = int(self.counts[row]), float(self._newest[row])
        oldest = self._room[0, row, self._ends[row] - count] if count else _NONE_MS
        if count < self.warmup_bars and candles and candles[0][0] < oldest and candles[-1][0] >= known:
            self.counts[row], self._newest[row] = 0, _NONE_MS
            self.missing.pop(symbol, None)
        for candle in candles:
            self._append(row, candle)
        if self.counts[row] == self.warmup_bars:
            self.missing.pop(symbol, None)
        return sum(candle[0] > known for candle in candles)

    def append_all(self, closed: Mapping[str, Sequence[CandleRow]]) -> list[str]:
        """``append`` for each; returns the symbols that have a newer candle now. Where one candle follows each full window, as it mostly
        is, all are taken at once.
        """
        follows = self._append_followers(closed)
        return [symbol for (symbol, rows), taken in zip(closed.items(), follows, strict=True) if taken or self.append(symbol, rows)]

    def _append_followers(self, closed: Mapping[str, Sequence[CandleRow]]) -> list[bool]:
        """Takes those that are one candle behind a full window; says which."""
        if not closed:
            return []
        if not closed.keys() <= self.index.keys():
            self.add_all(closed)
        rows = self._rows(closed)
        alone = [candles[-1] if len(candles) == 1 else _NO_CANDLE for candles in closed.values()]
        newest = np.fromiter(chain.from_iterable(alone), dtype=np.float64).reshape(-1, CANDLE_COLUMNS)
        follows: Bools = (self.counts[rows] == self.warmup_bars) & (newest[:, 0] == self._newest[rows] + self.interval_ms)
        picked = rows[follows]
        self._make_room(picked)
        self._room[:, picked, self._ends[picked]] = newest[follows].T
        self._ends[picked] += 1
        self._newest[picked] = newest[follows, 0]
        answer: list[bool] = follows.tolist()
        return answer

    def _make_room(self, rows: Slots) -> None:
        window = self.warmup_bars
        full = rows[self._ends[rows] == 2 * window]
        if len(full):
            self._room[:, full, :window] = self._room[:, full, window:]
            self._ends[full] = window

    def _append(self, row: int, candle: CandleRow) -> None:
        newest = self._newest[row]
        if self.counts[row] and candle[0] <= newest:
            return
        if self.counts[row] and candle[0] != newest + self.interval_ms:
            self.gaps += 1
            self.counts[row] = 0
            self.missing[self.names[row]] = (int(newest) + self.interval_ms, int(candle[0]))
        self._make_room(np.array([row]))
        self._room[:, row, self._ends[row]] = candle
        self._ends[row] += 1
        self._newest[row] = candle[0]
        self.counts[row] = min(self.counts[row] + 1, self.warmup_bars)

    def is_warm(self, symbol: str) -> bool:
        row = self.index.get(symbol)
        return row is not None and bool(self.counts[row] == self.warmup_bars)

    def warm_rows(self, symbols: Sequence[str]) -> Slots:
        """The rows of those of the market's symbols that are warm."""
        rows = self._rows(symbols)
        warm: Slots = rows[self.counts[rows] == self.warmup_bars]
        return warm

    def _rows(self, symbols: Collection[str]) -> Slots:
        return np.fromiter(map(self.index.__getitem__, symbols), dtype=np.intp, count=len(symbols))

    def newest_close_ms(self, symbol: str) -> int | None:
        """When the newest candle closed, in market time."""
        row = self.index.get(symbol)
        if row is None or not self.counts[row]:
            return None
        return int(self._newest[row]) + self.interval_ms

    def closes_ms(self, rows: Slots) -> Ints:
        """``newest_close_ms`` of these symbols' rows, which have candles."""
        closes: Ints = self._newest[rows].astype(np.int64) + self.interval_ms
        return closes

    def bars(self, rows: Slots) -> Bars:
        """Whole windows of these symbols' rows."""
        begins, windows = self._ends[rows] - self.warmup_bars, self._windows
        return Bars(lambda number: windows[number + 1, rows, begins])

    def saved(self, symbol: str) -> SymbolMarket:
        row = self.index[symbol]
        end = int(self._ends[row])
        return SymbolMarket(candles=self._room[:, row, end - int(self.counts[row]) : end].T.copy(), mark=float(self.marks[row]))

    def load(self, symbol: str, saved: SymbolMarket) -> None:
        """Takes a saved window; of a longer one the newest candles are kept, a shorter one goes on filling."""
        row = self.add(symbol)
        kept = saved.candles[-self.warmup_bars :]
        self._ends[row] = self.warmup_bars
        if len(kept):
            self._room[:, row, self.warmup_bars - len(kept) : self.warmup_bars] = kept.T
        self._newest[row] = kept[-1, 0] if len(kept) else _NONE_MS
        self.counts[row] = len(kept)
        self.marks[row] = saved.mark


_NO_CANDLE = (np.nan,) * CANDLE_COLUMNS
