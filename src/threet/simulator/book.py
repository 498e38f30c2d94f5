"""The order book a taker meets: levels around the mark, each worth so many dollars, which refill with time and as the price moves."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from threet.simulator.coins import CoinSpec
from threet.simulator.wire import price_decimals, round_price, round_size

BASIS_POINT = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class BookShape:
    """How deep and how wide the book is, the same for every coin."""

    levels: int
    usd_per_level: Decimal
    half_spread_bps: Decimal
    level_step_bps: Decimal
    refill_seconds: float  # wall seconds in which an emptied side is full again


@dataclass(frozen=True, slots=True)
class Level:
    price: Decimal
    size: Decimal  # contracts


@dataclass(slots=True)
class _Taken:
    usd: Decimal
    at_ms: int
    mark: Decimal


class Book:
    """Builds both sides on request and remembers, per coin and side, what was taken out of them."""

    def __init__(self, shape: BookShape) -> None:
        self.shape = shape
        self._taken: dict[tuple[str, bool], _Taken] = {}

    def side(self, spec: CoinSpec, mark: Decimal, asks: bool, wall_ms: int, limit: int | None = None) -> list[Level]:
        """Levels from the best outward, all or the first `limit`. Asks are what a buyer takes."""
        gone = self._still_taken(spec.name, asks, mark, wall_ms)
        levels: list[Level] = []
        previous: Decimal | None = None
        for number in range(self.shape.levels):
            if limit is not None and len(levels) == limit:
                break
            price = self._price(spec, mark, number, asks, previous)
            previous = price
            left = max(Decimal(0), self.shape.usd_per_level - gone)
            gone = max(Decimal(0), gone - self.shape.usd_per_level)
            size = round_size(left / price, spec.sz_decimals)
            if size > 0 and price > 0:
                levels.append(Level(price, size))
        return levels

    def take(self, spec: CoinSpec, mark: Decimal, asks: bool, usd: Decimal, wall_ms: int) -> None:
        """Remembers that so many dollars of a side are gone."""
        gone = self._still_taken(spec.name, asks, mark, wall_ms)
        self._taken[(spec.name, asks)] = _Taken(gone + usd, wall_ms, mark)

    def _still_taken(self, coin: str, asks: bool, mark: Decimal, wall_ms: int) -> Decimal:
        taken = self._taken.get((coin, asks))
        if taken is None:
            return Decimal(0)
        moved = abs(mark - taken.mark) > taken.mark * self.shape.level_step_bps * BASIS_POINT
        full = self.shape.levels * self.shape.usd_per_level
        seconds = max(0, wall_ms - taken.at_ms) / 1000
        refilled = full if self.shape.refill_seconds <= 0 else full * Decimal(repr(seconds / self.shape.refill_seconds))
        left = taken.usd - refilled
        if moved or left <= 0:
            del self._taken[(coin, asks)]
            return Decimal(0)
        return left

    def _price(self, spec: CoinSpec, mark: Decimal, number: int, asks: bool, previous: Decimal | None) -> Decimal:
        away = (self.shape.half_spread_bps + number * self.shape.level_step_bps) * BASIS_POINT
        raw = mark * (1 + away if asks else 1 - away)
        price = round_price(raw, spec.price_sz_decimals, ROUND_CEILING if asks else ROUND_FLOOR)
        if previous is not None and (price <= previous if asks else price >= previous):
            tick = Decimal(1).scaleb(-price_decimals(previous, spec.price_sz_decimals))
            price = previous + tick if asks else previous - tick
        return price
