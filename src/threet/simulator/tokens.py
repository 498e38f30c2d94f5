"""Token balances of the spot side, which stand beside the perpetual account and are not margin of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from threet.simulator.account import ZERO
from threet.simulator.coins import CoinSpec
from threet.simulator.wire import round_usd

USDC = "USDC"
WEI_BEHIND_SIZE = 5  # a token is divisible that many decimals further than its sizes


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account holds of one token."""

    total: Decimal
    cost: Decimal  # USD that were paid for it

    def cost_of(self, size: Decimal) -> Decimal:
        """The share of the cost that leaves with a sale."""
        return round_usd(self.cost * size / self.total) if self.total else ZERO


EMPTY = Balance(ZERO, ZERO)


def spot_fee(spec: CoinSpec, is_buy: bool, size: Decimal, price: Decimal, rate: Decimal) -> Decimal:
    """In the token where it is bought, in USDC where it is sold."""
    if not is_buy:
        return round_usd(size * price * rate)
    return (size * rate).quantize(Decimal(1).scaleb(-spec.sz_decimals - WEI_BEHIND_SIZE), rounding=ROUND_HALF_EVEN)


def moved(tokens: Mapping[str, Balance], token: str, amount: Decimal, cost: Decimal = ZERO) -> dict[str, Balance]:
    """The balances after an amount came, or went where negative; a token of which nothing is left is missing."""
    held = tokens.get(token, EMPTY)
    after = {**tokens, token: Balance(held.total + amount, held.cost + cost)}
    return {name: balance for name, balance in after.items() if balance.total != 0}


def traded(tokens: Mapping[str, Balance], token: str, is_buy: bool, size: Decimal, price: Decimal, fee: Decimal) -> dict[str, Balance]:
    """The balances after a fill; `fee` in the token for a buyer, in USDC for a seller."""
    if is_buy:
        return moved(moved(tokens, USDC, -size * price), token, size - fee, size * price)
    return moved(moved(tokens, token, -size, -tokens[token].cost_of(size)), USDC, size * price - fee)
