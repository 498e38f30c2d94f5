"""The full list of a run's entries (trades and funding) in sequence, compact and append-only."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple

TRADE = 0
FUNDING = 1
Bytes = bytes | memoryview
KIND_NAMES = ("trade", "funding")


class Entry(NamedTuple):
    """Trade: price per contract and signed contracts. Funding: payment per contract and the signed contracts that paid it."""

    kind: int
    time_ms: int
    price: float
    size: float


class EntryLog:
    """33 bytes per entry. A reader in another thread may take ``rows(n)`` of the first n entries while the owner appends."""

    __slots__ = ("_kinds", "_prices", "_sizes", "_times")

    def __init__(self) -> None:
        self._kinds = array("b")
        self._times = array("q")
        self._prices = array("d")
        self._sizes = array("d")

    @classmethod
    def of(cls, kinds: bytes, times_ms: Sequence[int], prices: Sequence[float], sizes: Sequence[float]) -> EntryLog:
        """A whole history by its columns. Raises ValueError, TypeError, OverflowError where they are none."""
        log = cls.__new__(cls)
        log._kinds, log._times = array("b", kinds), array("q", times_ms)
        log._prices, log._sizes = array("d", prices), array("d", sizes)
        return log._even()

    @classmethod
    def of_bytes(cls, kinds: Bytes, times_ms: Bytes, prices: Bytes, sizes: Bytes) -> EntryLog:
        """The same, each column as its bytes, like in ``extend``."""
        log = cls()
        log.extend(kinds, times_ms, prices, sizes)
        return log._even()

    def _even(self) -> EntryLog:
        if not len(self._kinds) == len(self._times) == len(self._prices) == len(self._sizes):
            lengths = [len(self._kinds), len(self._times), len(self._prices), len(self._sizes)]
            raise ValueError(f"expected columns of one length, were {lengths}")
        return self

    def append(self, entry: Entry) -> None:
        self.add(*entry)

    def add(self, kind: int, time_ms: int, price: float, size: float) -> None:
        self._kinds.append(kind)
        self._times.append(time_ms)
        self._prices.append(price)
        self._sizes.append(size)

    def extend(self, kinds: Bytes, times_ms: Bytes, prices: Bytes, sizes: Bytes) -> None:
        """Several at once, each as the bytes of its column: int8, int64, float64, float64."""
        self._kinds.frombytes(kinds)
        self._times.frombytes(times_ms)
        self._prices.frombytes(prices)
        self._sizes.frombytes(sizes)

    def __len__(self) -> int:
        return len(self._sizes)

    def arrays(self, start: int, end: int) -> tuple[array[int], array[int], array[float], array[float]]:
        """Kinds, times, prices and sizes of the entries from ``start`` to before ``end``."""
        return self._kinds[start:end], self._times[start:end], self._prices[start:end], self._sizes[start:end]

    @staticmethod
    def joined(logs: Sequence[EntryLog]) -> tuple[bytes, bytes, bytes]:
        """Kinds, prices and sizes of all of them, one history behind the other."""
        return b"".join([log._kinds for log in logs]), b"".join([log._prices for log in logs]), b"".join([log._sizes for log in logs])

    def rows(self, count: int | None = None) -> Iterator[Entry]:
        end = len(self) if count is None else count
        # Each slice is one operation of the interpreter, so that an append in between cannot tear it.
        return map(Entry, self._kinds[:end], self._times[:end], self._prices[:end], self._sizes[:end])
