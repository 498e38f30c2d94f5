"""The VOMS of many runs at once, from their whole histories: the k-th entry of all of them is one step on columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from threet.engine.entries import FUNDING, TRADE, EntryLog
from threet.engine.types import Bools, Floats, Ints, Records, Slots
from threet.engine.voms import Voms
from threet.engine.voms_columns import add_funding, add_trades

_NARROW = 48
"""With fewer runs than this a step on columns costs more than their entries one by one."""
_RUNS_AT_ONCE, _ENTRIES_AT_ONCE = 4_096, 1_000_000
"""So many that the columns of a step stay in the processor's cache; 25 bytes of each entry are copied."""
_MONEY = ("size", "entry", "realised", "fees", "funding")


@dataclass(frozen=True, slots=True)
class Books:
    """By run, not yet marked. Where ``sound`` is False an entry is none that VOMS takes, and the rest of the row means nothing."""

    size: Floats
    entry: Floats
    realised: Floats
    fees: Floats
    funding: Floats
    fee_rate: Floats
    closed_trades: Ints
    sound: Bools

    def live_pnl(self, prices: Floats) -> Floats:
        return self.realised + self.size * (prices - self.entry) - self.fees - self.funding


def replayed(logs: Sequence[EntryLog], fee_rates: Floats) -> Books:
    """A fresh VOMS of each run with every entry of its history."""
    books = _fresh(fee_rates)
    lengths = np.fromiter(map(len, logs), dtype=np.int64, count=len(logs))
    with np.errstate(all="ignore"):  # as Python's floats: what overflows is no error, and equals nothing that was saved
        for rows in _batches(lengths):
            _replay(books, rows, [logs[row] for row in rows.tolist()], lengths[rows])
    return books


def _fresh(fee_rates: Floats) -> Books:
    count = len(fee_rates)
    money = {name: np.zeros(count) for name in _MONEY}
    return Books(**money, fee_rate=fee_rates, closed_trades=np.zeros(count, dtype=np.int64), sound=np.ones(count, dtype=np.bool_))


def _batches(lengths: Ints) -> Iterator[Slots]:
    """The longest histories first, so that in each batch those with a k-th entry are the first ones."""
    order = np.argsort(-lengths, kind="stable")
    first = 0
    while first < len(order):
        rows = order[first : first + _RUNS_AT_ONCE]
        rows = rows[: max(1, int(np.searchsorted(np.cumsum(lengths[rows]), _ENTRIES_AT_ONCE, side="right")))]
        yield rows
        first += len(rows)


def _replay(books: Books, rows: Slots, logs: Sequence[EntryLog], lengths: Ints) -> None:
    kinds, prices, sizes = _joined(logs)
    starts = np.cumsum(lengths) - lengths
    bad = np.isin(kinds, (TRADE, FUNDING), invert=True) | ~np.isfinite(prices) | ~np.isfinite(sizes)
    bad |= (kinds == TRADE) & (~(prices > 0) | (sizes == 0))
    books.sound[rows[np.searchsorted(starts + lengths, np.flatnonzero(bad), side="right")]] = False
    batch = _fresh(books.fee_rate[rows])
    # How many runs have a k-th entry, for each k.
    widths = len(rows) - np.cumsum(np.bincount(lengths)) if len(rows) else np.zeros(0, dtype=np.int64)
    wide = widths[widths >= _NARROW].tolist()
    any_funding = bool((kinds == FUNDING).any())
    for k, width in enumerate(wide):
        at = starts[:width] + k
        _step(batch, width, kinds[at] if any_funding else None, prices[at], sizes[at])
    for row in range(int(widths[len(wide)]) if len(wide) < len(widths) else 0):
        if books.sound[rows[row]]:
            rest = slice(int(starts[row]) + len(wide), int(starts[row] + lengths[row]))
            _finish(batch, row, zip(kinds[rest].tolist(), prices[rest].tolist(), sizes[rest].tolist(), strict=True))
    for name in (*_MONEY, "closed_trades"):
        getattr(books, name)[rows] = getattr(batch, name)


def _joined(logs: Sequence[EntryLog]) -> tuple[Records, Floats, Floats]:
    """Kinds, prices and sizes of all histories, one behind the other."""
    kinds, prices, sizes = EntryLog.joined(logs)
    return np.frombuffer(kinds, dtype=np.int8), np.frombuffer(prices, dtype=np.float64), np.frombuffer(sizes, dtype=np.float64)


def _step(batch: Books, width: int, kinds: Records | None, prices: Floats, sizes: Floats) -> None:
    """One entry of each of the first ``width`` runs; without ``kinds`` all are trades."""
    if kinds is None:
        add_trades(batch, slice(0, width), prices, sizes)
        return
    trades, payments = np.flatnonzero(kinds == TRADE), np.flatnonzero(kinds == FUNDING)
    add_trades(batch, trades, prices[trades], sizes[trades])
    add_funding(batch, payments, prices[payments], sizes[payments])


def _finish(batch: Books, row: int, entries: Iterator[tuple[int, float, float]]) -> None:
    """The rest of one run's history, entry by entry."""
    voms = Voms(start_balance=0.0, leverage=1.0, fee_rate=float(batch.fee_rate[row]))
    for name in _MONEY:
        setattr(voms, name, float(getattr(batch, name)[row]))
    voms.closed_trades = int(batch.closed_trades[row])
    for kind, price, size in entries:
        if kind == TRADE:
            voms.add_trade(price, size)
        else:
            voms.add_funding(price, size)
    for name in (*_MONEY, "closed_trades"):
        getattr(batch, name)[row] = getattr(voms, name)
