"""Candle files as a market: `BASE-QUOTE-1m.csv` or `.csv.gz` with columns timestamp, open, high, low, close, volume."""

from __future__ import annotations

import csv
import gzip
import itertools
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from threet.simulator.bars import MINUTE_MS, Rows

INTERVAL_MS = {
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": 60 * MINUTE_MS,
    "2h": 120 * MINUTE_MS,
    "4h": 240 * MINUTE_MS,
    "8h": 480 * MINUTE_MS,
    "12h": 720 * MINUTE_MS,
    "1d": 1440 * MINUTE_MS,
}
_COLUMNS = ["timestamp", "open", "high", "low", "close", "volume"]


class ReplaySource:
    """Bars of one coin out of memory; outside of the data the nearest bar's price stands still."""

    def __init__(self, interval_ms: int, first_index: int, data: Rows) -> None:
        self._interval_ms = interval_ms
        self.first_index = first_index
        self.last_index = first_index + len(data)  # exclusive
        self._data = data

    @property
    def interval_ms(self) -> int:
        return self._interval_ms

    def rows(self, first: int, last: int) -> Rows:
        """Bars first <= n < last; an index outside of the data gives a flat bar at the nearest known price."""
        wanted = np.arange(first, last) - self.first_index
        inside = np.clip(wanted, 0, len(self._data) - 1)
        rows = self._data[inside].copy()
        before, after = wanted < 0, wanted >= len(self._data)
        rows[before] = np.column_stack([rows[before, 0]] * 4 + [np.zeros(before.sum())])
        rows[after] = np.column_stack([rows[after, 3]] * 4 + [np.zeros(after.sum())])
        return rows


@dataclass(frozen=True, slots=True)
class Replay:
    """A folder of candles, ready to be played."""

    interval: str
    sources: dict[str, ReplaySource]  # by coin
    left_out: tuple[str, ...]  # files of markets that lack the played interval
    first_ms: int  # from here on every coin has candles
    end_ms: int  # up to here every coin has candles


def load_replay(folder: Path) -> Replay:
    """The finest interval in the folder is played; markets without it are left out and named. Raises ValueError with the cure."""
    files = _candle_files(folder)
    interval = min({interval for _, interval, _ in files}, key=INTERVAL_MS.__getitem__)
    chosen = {coin: path for coin, found, path in files if found == interval}
    left_out = sorted({coin for coin, _, _ in files} - set(chosen))
    sources = {coin: _read(path, INTERVAL_MS[interval]) for coin, path in chosen.items()}
    step = INTERVAL_MS[interval]
    first = max(source.first_index for source in sources.values()) * step
    end = min(source.last_index for source in sources.values()) * step
    if end <= first:
        raise ValueError(f"{folder}: the candle files of {sorted(sources)} share no common time; give files of one period")
    return Replay(interval, sources, tuple(left_out), first, end)


def _candle_files(folder: Path) -> list[tuple[str, str, Path]]:
    files = []
    for path in sorted(folder.glob("*.csv")) + sorted(folder.glob("*.csv.gz")):
        market, _, interval = path.name.split(".csv")[0].rpartition("-")
        if market and interval in INTERVAL_MS:
            files.append((market.split("-")[0], interval, path))
    if not files:
        raise ValueError(f"{folder}: found no candle files, expected MARKET-1m.csv or MARKET-1m.csv.gz (also {', '.join(INTERVAL_MS)})")
    return files


def _read(path: Path, interval_ms: int) -> ReplaySource:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", newline="") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        if header[: len(_COLUMNS)] != _COLUMNS:
            raise ValueError(f"{path}: line 1: found columns {header}, expected {_COLUMNS}")
        lines = [line for line in reader if line]
    if not lines:
        raise ValueError(f"{path}: found no candles after the header, expected at least one")
    indexes = [_index(path, number, line[0], interval_ms) for number, line in enumerate(lines, start=2)]
    values = np.array([line[1:6] for line in lines], dtype=np.float64)
    if indexes != list(range(indexes[0], indexes[0] + len(indexes))):
        values = _fill_gaps(path, indexes, values)
    return ReplaySource(interval_ms, indexes[0], values)


def _index(path: Path, number: int, text: str, interval_ms: int) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{path}: line {number}: found {text!r} without a time zone, expected ISO 8601 with +00:00")
    millis = round(moment.timestamp() * 1000)
    if millis % interval_ms:
        raise ValueError(f"{path}: line {number}: found {text!r}, expected a multiple of the file's interval ({interval_ms} ms)")
    return millis // interval_ms


def _fill_gaps(path: Path, indexes: list[int], values: Rows) -> Rows:
    """A missing candle becomes a flat one at the close before it; times that go back are refused."""
    if any(later <= earlier for earlier, later in itertools.pairwise(indexes)):
        raise ValueError(f"{path}: found candles out of order or twice, expected rising timestamps")
    whole = np.arange(indexes[0], indexes[-1] + 1)
    place = np.searchsorted(np.array(indexes), whole, side="right") - 1
    rows = values[place].copy()
    missing = np.array(indexes)[place] != whole
    rows[missing] = np.column_stack([rows[missing, 3]] * 4 + [np.zeros(missing.sum())])
    return rows
