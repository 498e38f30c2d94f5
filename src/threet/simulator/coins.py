"""The coins of the simulated venue: names, precisions, leverage and the price level a seeded market starts from."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class CoinSpec:
    """What the venue lists about one perpetual, or one spot pair against USDC."""

    name: str
    sz_decimals: int
    max_leverage: int
    base_price: Decimal  # USD; the level around which a seeded market moves
    token: str = ""  # what a spot pair trades; empty for a perpetual

    @property
    def is_spot(self) -> bool:
        return bool(self.token)

    @property
    def price_sz_decimals(self) -> int:
        """`sz_decimals` as the rule of prices counts them: a spot price may have eight decimals where a perpetual's has six."""
        return self.sz_decimals - 2 if self.is_spot else self.sz_decimals

    @property
    def lot(self) -> Decimal:
        """The smallest step of a size."""
        return Decimal(1).scaleb(-self.sz_decimals)

    @property
    def maintenance_fraction(self) -> Decimal:
        """Half of the initial margin at maximum leverage (the venue's margining page)."""
        return Decimal(1) / (2 * self.max_leverage)


DEFAULT_COINS: tuple[CoinSpec, ...] = (
    CoinSpec("BTC", 5, 40, Decimal("105000")),
    CoinSpec("ETH", 4, 25, Decimal("2600")),
    CoinSpec("SOL", 2, 20, Decimal("155")),
    CoinSpec("DOGE", 0, 10, Decimal("0.19")),
    CoinSpec("BNB", 3, 10, Decimal("655")),
    CoinSpec("XRP", 0, 20, Decimal("2.2")),
)


def spec_for(name: str, price: Decimal) -> CoinSpec:
    """The known specification of a coin, or one that suits its price: a lot worth about one to ten dollars or less."""
    for spec in DEFAULT_COINS:
        if spec.name == name:
            return CoinSpec(name, spec.sz_decimals, spec.max_leverage, price)
    return CoinSpec(name, min(5, max(0, price.adjusted())), 10, price)
