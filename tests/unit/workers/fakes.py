"""In-memory stand-ins of the ports, which remember what they were asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from threet.application.facts import AccountSnapshot, Candle, OpenOrder, OrderAnswer, Price, Product
from threet.application.publishing import PublishFailed
from threet.domain.errors import VenueError
from threet.domain.values import Known, MarketRules, Position, Symbol, Unknown

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
BTC, ETH, NEW = Symbol("BTC/USDC:USDC"), Symbol("ETH/USDC:USDC"), Symbol("NEW/USDC:USDC")
MINUTE_MS = 60_000


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


@dataclass
class FakeClock:
    at: datetime = NOON

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()


@dataclass
class FakeProducts:
    symbols: list[Symbol]

    def all(self) -> list[Product]:
        return [Product(i, name, name.partition("/")[0], 10) for i, name in enumerate(self.symbols, 1)]


@dataclass
class FakeMarket:
    """Lists ``listed``; ``errors`` by symbol are raised by ``candles``, and the one of None by every call."""

    listed: list[Symbol]
    at: datetime = NOON
    errors: dict[Symbol | None, VenueError] = field(default_factory=dict)
    price_requests: list[list[Symbol]] = field(default_factory=list)
    candle_requests: list[tuple[Symbol, int, int]] = field(default_factory=list)

    def _fail(self, name: Symbol | None = None) -> None:
        for key in (None, name):
            if key in self.errors:
                raise self.errors[key]

    def prices(self, symbols: Sequence[Symbol]) -> dict[Symbol, Price]:
        self.price_requests.append(list(symbols))
        self._fail()
        return {s: Price(s, Decimal("64000.5"), self.at, NOON) for s in symbols if s in self.listed}

    def market_time(self) -> datetime:
        self._fail()
        return self.at

    def exchange_time(self) -> datetime:
        return self.at

    def candles(self, symbol: Symbol, interval: str, start: datetime, end: datetime) -> list[Candle]:
        """Answers with one bar too many on both sides, as venues do."""
        self.candle_requests.append((symbol, ms(start), ms(end)))
        self._fail(symbol)
        return [Candle(t, 1.0, 2.0, 0.5, 1.5, 10.0) for t in range(ms(start) - MINUTE_MS, ms(end) + 2 * MINUTE_MS, MINUTE_MS)]

    def rules(self, symbols: Sequence[Symbol]) -> dict[Symbol, MarketRules | Unknown]:
        return {}


@dataclass
class FakePublisher:
    fails: bool = False
    prices: list[list[Price]] = field(default_factory=list)
    bars: dict[Symbol, list[int]] = field(default_factory=dict)
    balances: list[tuple[AccountSnapshot, int]] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    def _check(self) -> None:
        if self.fails:
            raise PublishFailed("redis is away")

    def publish_prices(self, prices: Sequence[Price]) -> None:
        self._check()
        if prices:
            self.prices.append(list(prices))

    def publish_candles(self, symbol: Symbol, interval: str, candles: Sequence[Candle], observed_at: datetime) -> None:
        self._check()
        self.bars.setdefault(symbol, []).extend(c.open_time_ms for c in candles)

    def last_candle_open_ms(self, symbol: Symbol, interval: str) -> int | None:
        self._check()
        return self.bars[symbol][-1] if self.bars.get(symbol) else None

    def publish_balance(self, snapshot: AccountSnapshot, snapshot_id: int) -> None:
        self.events.append("publish")
        self._check()
        self.balances.append((snapshot, snapshot_id))


@dataclass
class FakeAccount:
    reads: int = 0

    def snapshot(self) -> AccountSnapshot:
        self.reads += 1
        held = (Position(BTC, Decimal("-0.25")),)
        return AccountSnapshot("0xabc", Decimal("10000.5"), Decimal(9000), Decimal(500), held, NOON, NOON + timedelta(seconds=1))

    def open_orders(self) -> list[OpenOrder]:
        return []

    def order(self, client_order_id: str, symbol: Symbol) -> OrderAnswer | None:
        return None

    def fills_since(self, start: datetime) -> list:
        return []

    def transfers_since(self, start: datetime) -> list:
        return []


@dataclass
class FakeSnapshots:
    events: list[str]
    error: Exception | None = None

    def save(self, snapshot: AccountSnapshot) -> int:
        if self.error:
            raise self.error
        self.events.append("commit")
        return 42

    def latest(self, account: str) -> Known[AccountSnapshot] | Unknown:
        return Unknown("not asked for")
