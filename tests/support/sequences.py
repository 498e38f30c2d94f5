"""The port ObserverSequences kept in memory."""

from __future__ import annotations


class MemorySequences:
    def __init__(self) -> None:
        self.seen: dict[str, int] = {}

    def highest(self, public_key: str) -> int:
        return self.seen.get(public_key, 0)

    def raise_to(self, public_key: str, sequence: int) -> bool:
        if sequence <= self.highest(public_key):
            return False
        self.seen[public_key] = sequence
        return True
