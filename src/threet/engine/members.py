"""Which runs a symbol has: the slots by the symbol's row, so that a bar close looks at no others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from threet.engine.types import Ints, Slots


class Members:
    """Of active runs. Rows are made as they are asked for."""

    def __init__(self) -> None:
        self._members: list[list[int]] = []
        self._arrays: dict[int, Slots] = {}  # the same by the row, made when somebody asks
        self._counts: Ints = np.zeros(0, dtype=np.int64)

    def join(self, slots: Sequence[int], symbols: Sequence[int]) -> None:
        self._make_rows(max(symbols) + 1)
        for slot, symbol in zip(slots, symbols, strict=True):
            self._members[symbol].append(slot)
            self._arrays.pop(symbol, None)
        self._counts += np.bincount(symbols, minlength=len(self._counts))

    def leave(self, slot: int, symbol: int) -> None:
        self._members[symbol].remove(slot)
        self._arrays.pop(symbol, None)
        self._counts[symbol] -= 1

    def slots(self, symbols: Sequence[int]) -> list[Slots]:
        """Of each of these rows. Not to be written to."""
        self._make_rows(max(symbols, default=-1) + 1)
        for symbol in symbols:
            if symbol not in self._arrays:
                self._arrays[symbol] = np.array(self._members[symbol], dtype=np.intp)
        return [self._arrays[symbol] for symbol in symbols]

    def counts(self, symbols: int) -> Ints:
        """How many runs each of the first ``symbols`` rows has. Not to be written to."""
        self._make_rows(symbols)
        return self._counts[:symbols]

    def _make_rows(self, symbols: int) -> None:
        new = symbols - len(self._members)
        if new > 0:
            self._members.extend([] for _ in range(new))
            self._counts = np.append(self._counts, np.zeros(new, dtype=np.int64))
