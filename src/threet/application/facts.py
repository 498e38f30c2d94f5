"""What the outside told us, as frozen records: the currency between the ports and the use cases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from threet.domain.values import OrderState, Position, Side, Symbol
from threet.domain.votes import Vote


@dataclass(frozen=True, slots=True)
class Price:
    """A mark price. ``market_time`` is the venue's market clock, ``observed_at`` our wall clock; both UTC.

    ``hourly_funding``: what a long pays for an hour, as a fraction of its value at the mark, as the venue says it now.
    """

    symbol: Symbol
    mark: Decimal
    market_time: datetime
    observed_at: datetime
    hourly_funding: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Candle:
    """One closed candle in market time. Prices in quote units, volume in base units, both float: they only feed indicators."""

    open_time_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(frozen=True, slots=True)
class AccountSnapshot:
    """The whole account in one answer: a symbol without a row is flat. ``exchange_time`` is the venue's wall clock."""

    account: str
    account_value: Decimal
    withdrawable: Decimal
    margin_used: Decimal
    positions: tuple[Position, ...]
    exchange_time: datetime
    observed_at: datetime

    def contracts(self, symbol: Symbol) -> Decimal:
        return next((p.contracts for p in self.positions if p.symbol == symbol), Decimal(0))


@dataclass(frozen=True, slots=True)
class Observation:
    """An observer's report after its signature, nonce, key and sequence were checked by the reader."""

    observer: str
    sequence: int
    observed_at: datetime
    exchange_time: datetime
    account: str
    complete: bool
    positions: Mapping[Symbol, Decimal]
    account_value: Decimal
    mark_prices: Mapping[Symbol, Decimal]


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What is sent: an IOC limit of ``contracts`` at ``limit_price``, refused by the venue after ``expires_at`` (wall time).

    With ``trigger_price`` it is a stop: it rests, and becomes that order where the mark reaches the trigger.
    """

    client_order_id: str
    symbol: Symbol
    side: Side
    contracts: Decimal
    limit_price: Decimal
    reduce_only: bool
    expires_at: datetime
    trigger_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class OrderAnswer:
    """What the venue said of an order: a provisional state, until fills and position agree with it."""

    state: OrderState
    exchange_order_id: str | None
    filled_contracts: Decimal
    average_price: Decimal | None
    text: str


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution. ``fill_id`` is the venue's, unique per account; ``is_liquidation`` marks one that nobody ordered."""

    fill_id: str
    exchange_order_id: str
    client_order_id: str | None
    symbol: Symbol
    side: Side
    contracts: Decimal
    price: Decimal
    fee: Decimal
    closed_pnl: Decimal
    exchange_time: datetime
    is_liquidation: bool


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order that rests on the venue, ours or not."""

    exchange_order_id: str
    client_order_id: str | None
    symbol: Symbol
    side: Side
    remaining_contracts: Decimal
    reduce_only: bool


@dataclass(frozen=True, slots=True)
class Product:
    """A row of ``products``: the platform trades these symbols and no others."""

    product_id: int
    symbol: Symbol
    instrument: str
    max_leverage: int


@dataclass(frozen=True, slots=True)
class Votes:
    """All votes of a complete, fresh set of shards; else the whole is Unknown. ``heartbeat_at`` is the oldest shard's."""

    by_symbol: Mapping[Symbol, Vote]
    heartbeat_at: datetime
    newest_heartbeat_at: datetime


@dataclass(frozen=True, slots=True)
class RunRow:
    """A row of ``runs``: Providence's projection of one snapshot. Money of virtual runs is float64; times are market time, UTC."""

    id: str
    shard: int
    strategy: str
    symbol: Symbol
    parameters: Mapping[str, float]
    position_direction: int
    live_pnl: float
    closed_trades: int
    votes: bool
    start_balance: float
    status: str
    exit_reason: str | None
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class RunNumbers:
    """Columns of rows that were shown before, by active runs: what changes of them. ``rows`` gives the same rows whole."""

    ids: Sequence[str]
    position_direction: Sequence[int]
    live_pnl: Sequence[float]
    closed_trades: Sequence[int]
    votes: Sequence[bool]
    rows: Callable[[], Sequence[RunRow]]

    def part(self, at: slice) -> RunNumbers:
        """Those of ``at`` alone."""
        return RunNumbers(
            self.ids[at],
            self.position_direction[at],
            self.live_pnl[at],
            self.closed_trades[at],
            self.votes[at],
            lambda: self.rows()[at],
        )


@dataclass(frozen=True, slots=True)
class SymbolRuns:
    """What a shard says of one symbol: ``warm`` once warmup_bars closed candles were seen and they are fresh.

    ``direction_sum`` = Σ direction over the ``voters`` among its ``active_runs``, as the rows have them that it published.
    """

    warm: bool
    direction_sum: int
    voters: int
    active_runs: int
    quarantined_runs: int
    candle_time: datetime | None
    paused: str | None = None  # why its runs decide nothing now


@dataclass(frozen=True, slots=True)
class ShardHeartbeat:
    """One row of ``providence_shards``; ``beat_at`` is wall time, ``market_time`` the newest market time that the shard has seen."""

    shard: int
    shards: int
    beat_at: datetime
    market_time: datetime | None
    seed: int
    by_symbol: Mapping[Symbol, SymbolRuns]
