"""Account arithmetic of a cross-margined perpetual account, exact to the micro-dollar.

A price and a size of one coin have six decimals together at most, so a notional is exact. Costs that leave a position are rounded
to a micro-dollar, therefore `cash + unrealised PnL` never gains or loses anything but PnL, fees, funding and transfers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from threet.simulator.coins import CoinSpec
from threet.simulator.wire import round_usd

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Position:
    """What an account holds of one coin."""

    contracts: Decimal  # > 0 long, < 0 short
    cost: Decimal  # USD, signed like contracts: what the open contracts were traded for
    funding_paid: Decimal = ZERO  # USD since the position was opened; < 0 received

    @property
    def average_entry_price(self) -> Decimal:
        """USD per contract, by the average-cost method."""
        return self.cost / self.contracts

    def unrealised_usd(self, mark: Decimal) -> Decimal:
        """What closing at the mark would realise, before fees."""
        return self.contracts * mark - self.cost


@dataclass(frozen=True, slots=True)
class Traded:
    """What a fill does to a position."""

    position: Position | None  # None when it closed the position
    closed_pnl_usd: Decimal  # realised, before fees
    direction: str  # the venue's word for it


def trade(position: Position | None, signed_contracts: Decimal, price: Decimal) -> Traded:
    """Adds a fill to a position: increases average the entry, reductions realise against it, a flip does both."""
    notional = signed_contracts * price
    if position is None:
        return Traded(Position(signed_contracts, notional), ZERO, _opening(signed_contracts))
    held = position.contracts
    if (held > 0) == (signed_contracts > 0):
        grown = Position(held + signed_contracts, position.cost + notional, position.funding_paid)
        return Traded(grown, ZERO, _opening(signed_contracts))
    if abs(signed_contracts) < abs(held):
        cost_gone = round_usd(position.cost * -signed_contracts / held)
        left = Position(held + signed_contracts, position.cost - cost_gone, position.funding_paid)
        return Traded(left, -notional - cost_gone, _closing(held))
    closed_pnl = held * price - position.cost
    rest = held + signed_contracts
    if rest == 0:
        return Traded(None, closed_pnl, _closing(held))
    return Traded(Position(rest, rest * price), closed_pnl, "Long > Short" if held > 0 else "Short > Long")


def _opening(signed: Decimal) -> str:
    return "Open Long" if signed > 0 else "Open Short"


def _closing(held: Decimal) -> str:
    return "Close Long" if held > 0 else "Close Short"


@dataclass(frozen=True, slots=True)
class Margin:
    """An account's figures at given marks, in USD."""

    account_value: Decimal  # cash + unrealised PnL
    unrealised: Decimal
    notional: Decimal  # sum of the absolute position values
    raw_usd: Decimal  # account value less the signed position values
    initial_used: Decimal  # at the leverage the account has set
    maintenance_used: Decimal  # half of the initial margin at maximum leverage

    @property
    def free(self) -> Decimal:
        """What is left for new positions and withdrawals, never below zero."""
        return max(ZERO, self.account_value - self.initial_used)


def margin(
    cash_usd: Decimal,
    positions: Mapping[str, Position],
    marks: Mapping[str, Decimal],
    specs: Mapping[str, CoinSpec],
    leverages: Mapping[str, int],
) -> Margin:
    """Values every position at its mark. Raises KeyError if a mark or a leverage is missing: it is never taken as zero."""
    unrealised = notional = signed = initial = maintenance = ZERO
    for coin, position in positions.items():
        value = position.contracts * marks[coin]
        unrealised += position.unrealised_usd(marks[coin])
        signed += value
        notional += abs(value)
        initial += abs(value) / leverages[coin]
        maintenance += abs(value) * specs[coin].maintenance_fraction
    account_value = cash_usd + unrealised
    return Margin(account_value, unrealised, notional, account_value - signed, initial, maintenance)


def liquidation_price(coin: str, position: Position, mark: Decimal, totals: Margin, spec: CoinSpec) -> Decimal | None:
    """The mark of this coin at which the account value meets the maintenance margin, all else standing still; None if above zero never.

    price = mark - side * margin available / |contracts| / (1 - side * maintenance fraction)  (the venue's liquidations page)
    """
    side = 1 if position.contracts > 0 else -1
    available = totals.account_value - totals.maintenance_used
    price = mark - side * available / abs(position.contracts) / (1 - side * spec.maintenance_fraction)
    return price if price > 0 else None


def funding_payment(position: Position, mark: Decimal, hourly_rate: Decimal) -> Decimal:
    """USD that the account pays for one hour: longs pay where the rate is positive; < 0 is received."""
    return round_usd(position.contracts * mark * hourly_rate)
