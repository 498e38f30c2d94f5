"""VOMS of one run: what its virtual trades have earned. The plain form, used when a run is replayed.

``voms_columns.py`` does the same arithmetic in the same order on many runs at once, so both give the same bits.
All amounts are float64 in quote units, sizes in contracts of the base asset; size > 0 is long.
"""

from __future__ import annotations


class Voms:
    """Average-cost accounting of one run; every operation is O(1) in the number of trades.

    ``live_pnl`` = realised + unrealised - fees - funding. A reversal through zero closes the old position at its average entry
    and opens the rest at the trade's price. ``closed_trades`` counts the times that a position was closed or reversed.
    """

    __slots__ = ("closed_trades", "entry", "fee_rate", "fees", "funding", "leverage", "mark", "realised", "size", "start_balance")

    def __init__(self, *, start_balance: float, leverage: float, fee_rate: float) -> None:
        self.start_balance = start_balance
        self.leverage = leverage
        self.fee_rate = fee_rate
        self.size = 0.0
        self.entry = 0.0
        self.mark = 0.0
        self.realised = 0.0
        self.fees = 0.0
        self.funding = 0.0
        self.closed_trades = 0

    def add_trade(self, price: float, size: float) -> None:
        """Books a trade of ``size`` signed contracts at ``price``; the fee is charged once, on its notional. Raises ValueError."""
        if not price > 0 or size == 0:
            raise ValueError(f"expected a price above 0 and a size other than 0, was price {price}, size {size}")
        held, entry, added = abs(self.size), self.entry, abs(size)
        opens = self.size == 0 or (self.size > 0) == (size > 0)
        after = self.size + size
        self.fees = self.fees + added * price * self.fee_rate
        if opens:
            self.entry = price if held == 0 else (held * entry + added * price) / (held + added)
        else:
            self.realised = self.realised + min(held, added) * (price - entry) * (1.0 if self.size > 0 else -1.0)
            self.entry = 0.0 if after == 0 else (price if added > held else entry)
            self.closed_trades += after == 0 or added > held
        self.size = after

    def add_funding(self, per_contract: float, size: float) -> None:
        """Books funding: the position of ``size`` signed contracts paid ``per_contract`` each; a negative product was received."""
        self.funding = self.funding + per_contract * size

    def update_price(self, price: float) -> None:
        self.mark = price

    @property
    def unrealised(self) -> float:
        return self.size * (self.mark - self.entry)

    @property
    def live_pnl(self) -> float:
        return self.realised + self.unrealised - self.fees - self.funding

    @property
    def balance(self) -> float:
        """Start balance and what was realised, without the open position's result."""
        return self.start_balance + self.realised - self.fees - self.funding

    @property
    def margin_used(self) -> float:
        return abs(self.size) * self.mark / self.leverage

    @property
    def direction(self) -> int:
        return (self.size > 0) - (self.size < 0)
