"""Entries that were booked a moment ago, as they came: one block of columns for all runs that traded at once.

A tick books its trades as one block. They are handed to the histories of their runs when somebody wants to read one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from threet.engine.entries import EntryLog
from threet.engine.types import Floats, Ints, Slots


class _Block(NamedTuple):
    kind: int
    slots: Slots
    times_ms: Ints
    prices: Floats
    sizes: Floats


class Bookings:
    """Belongs to the owner of the runs, as the histories do. ``count``: entries that wait."""

    def __init__(self) -> None:
        self.count = 0
        self._blocks: list[_Block] = []

    def add(self, kind: int, slots: Slots, times_ms: Ints, prices: Floats, sizes: Floats) -> None:
        """The arrays are kept, and must not be written to any more."""
        self._blocks.append(_Block(kind, slots, times_ms, prices, sizes))
        self.count += len(slots)

    def hand_over(self, logs: Sequence[EntryLog]) -> None:
        """To the history of each slot, in the order in which they were booked; a run costs the same for one entry and for many."""
        if not self._blocks:
            return
        blocks, self._blocks, self.count = self._blocks, [], 0
        slots = np.concatenate([block.slots for block in blocks])
        order = np.argsort(slots, kind="stable")
        kinds = np.repeat(np.array([block.kind for block in blocks], dtype=np.int8), [len(block.slots) for block in blocks])
        times_ms = np.concatenate([block.times_ms for block in blocks], dtype=np.int64)
        prices = np.concatenate([block.prices for block in blocks], dtype=np.float64)
        sizes = np.concatenate([block.sizes for block in blocks], dtype=np.float64)
        bytes_of = [memoryview(column[order].tobytes()) for column in (kinds, times_ms, prices, sizes)]
        by_run = slots[order]
        starts = np.flatnonzero(np.diff(by_run, prepend=-1))
        ends = [*starts[1:].tolist(), len(by_run)]
        for slot, start, end in zip(by_run[starts].tolist(), starts.tolist(), ends, strict=True):
            one, eight = slice(start, end), slice(8 * start, 8 * end)
            logs[slot].extend(*(column[part] for column, part in zip(bytes_of, (one, eight, eight, eight), strict=True)))
