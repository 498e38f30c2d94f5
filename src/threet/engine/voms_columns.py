"""VOMS of many runs at once, a row by the run. The arithmetic is that of ``voms.Voms``, so that both give the same bits."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from threet.engine.types import Floats, Ints, Slots


class VomsColumns(Protocol):
    @property
    def size(self) -> Floats: ...

    @property
    def entry(self) -> Floats: ...

    @property
    def realised(self) -> Floats: ...

    @property
    def fees(self) -> Floats: ...

    @property
    def funding(self) -> Floats: ...

    @property
    def fee_rate(self) -> Floats: ...

    @property
    def closed_trades(self) -> Ints: ...


def add_trades(runs: VomsColumns, at: slice | Slots, prices: Floats, sizes: Floats) -> None:
    """One trade of each of these rows, none twice: ``Voms.add_trade``."""
    before, entry, added = runs.size[at], runs.entry[at], np.abs(sizes)
    held, side, notional = np.abs(before), np.sign(before), added * prices
    runs.size[at] = before + sizes
    runs.fees[at] += notional * runs.fee_rate[at]
    average = np.where(held == 0, prices, (held * entry + notional) / (held + added))
    closes = side * sizes < 0
    if not closes.any():
        runs.entry[at] = average
        return
    gained = np.minimum(held, added) * (prices - entry) * side
    runs.realised[at] += np.where(closes, gained, 0.0)
    kept = np.where(added < held, entry, np.where(added == held, 0.0, prices))
    runs.entry[at] = np.where(closes, kept, average)
    runs.closed_trades[at] += closes & (added >= held)


def add_funding(runs: VomsColumns, at: slice | Slots, per_contract: Floats, sizes: Floats) -> None:
    """One funding payment of each of these rows: ``Voms.add_funding``."""
    runs.funding[at] += per_contract * sizes
