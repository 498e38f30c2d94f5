"""VOMS a second time, plain and exact: average cost in fractions, from the whole list of entries, each trade taken apart into steps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

Step = tuple[str, float, float]
"""``trade``: price, signed contracts. ``funding``: payment per contract, and the signed contracts that paid it."""


@dataclass(frozen=True)
class Books:
    size: Fraction
    entry: Fraction  # 0 while flat
    realised: Fraction
    fees: Fraction
    funding: Fraction
    closed_trades: int

    def live_pnl(self, price: float) -> Fraction:
        return self.realised + self.size * (Fraction(price) - self.entry) - self.fees - self.funding


def books(history: Iterable[Step], fee_rate: float) -> Books:
    """A trade first closes what stands against it, then opens with the rest: a flip is the two, with one fee on the whole."""
    size, cost = Fraction(0), Fraction(0)  # cost: of the open contracts, at their prices
    realised, fees, funding, closed = Fraction(0), Fraction(0), Fraction(0), 0
    for kind, first, contracts in history:
        price, amount = Fraction(first), Fraction(contracts)
        if kind == "funding":
            funding += price * amount
            continue
        fees += abs(amount) * price * Fraction(fee_rate)
        against = -min(abs(size), abs(amount)) * (1 if size > 0 else -1) if size * amount < 0 else Fraction(0)
        if against:
            share = -against / size
            realised += share * (size * price - cost)
            cost -= share * cost
            size += against
            closed += size == 0
        rest = amount - against
        size += rest
        cost += rest * price
    return Books(size, cost / size if size else Fraction(0), realised, fees, funding, closed)
