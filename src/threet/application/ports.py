"""What the use cases need from the outside. Adapters fulfil these; the use cases never learn which adapter it was."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from threet.application.facts import (
    AccountSnapshot,
    Candle,
    Fill,
    Observation,
    OpenOrder,
    OrderAnswer,
    OrderRequest,
    Price,
    Product,
    RunNumbers,
    RunRow,
    ShardHeartbeat,
)
from threet.domain.drawdown import Transfer
from threet.domain.values import Known, MarketRules, Symbol, Unknown


class Clock(Protocol):
    def now(self) -> datetime:
        """Wall time, UTC, zone-aware."""
        ...

    def monotonic(self) -> float:
        """Seconds that only rise, for durations inside one process."""
        ...


class MarketData(Protocol):
    """The venue's public side. Every method raises VenueError; none returns a default."""

    def prices(self, symbols: Sequence[Symbol]) -> dict[Symbol, Price]:
        """The mark of every listed one of ``symbols``, from one request; an unlisted symbol is left out."""
        ...

    def market_time(self) -> datetime:
        """The venue's market clock."""
        ...

    def exchange_time(self) -> datetime:
        """The venue's wall clock: what ``expiresAfter`` is compared with."""
        ...

    def candles(self, symbol: Symbol, interval: str, start: datetime, end: datetime) -> list[Candle]:
        """Closed candles with start <= open time < end, oldest first; both bounds in market time."""
        ...

    def rules(self, symbols: Sequence[Symbol]) -> dict[Symbol, MarketRules | Unknown]:
        """What the venue allows; Unknown("not listed ...") for a symbol that it does not list.

        Kept for some minutes, read again for a new symbol.
        """
        ...


class AccountData(Protocol):
    """The venue's private reading side; needs the account's address, no key."""

    def snapshot(self) -> AccountSnapshot: ...

    def open_orders(self) -> list[OpenOrder]: ...

    def order(self, client_order_id: str, symbol: Symbol) -> OrderAnswer | None:
        """What became of an order, by our id; None where the venue says that it never saw it."""
        ...

    def fills_since(self, start: datetime) -> list[Fill]:
        """Every fill with exchange time >= start, oldest first, all pages."""
        ...

    def transfers_since(self, start: datetime) -> list[Transfer]:
        """Money that came or went at exchange time >= start, oldest first."""
        ...


class Trading(Protocol):
    """The venue's signing side: held by the reconcile worker alone."""

    def submit(self, request: OrderRequest) -> OrderAnswer:
        """Sends one order. Raises VenueRefused or VenueBusy where nothing happened, VenueSilent where nobody knows."""
        ...

    def cancel(self, client_order_id: str, symbol: Symbol) -> None: ...

    def ensure_leverage(self, symbol: Symbol, leverage: int) -> None: ...


class ObserverNode(Protocol):
    """One external observer."""

    @property
    def name(self) -> str: ...

    def observe(self) -> Known[Observation] | Unknown:
        """A fresh report that passed every check (signature, nonce, key, account, sequence above the highest); else Unknown(reason)."""
        ...


class LastValues(Protocol):
    """What the market workers last published."""

    def last_prices(self) -> Mapping[Symbol, Known[Price]] | Unknown: ...


class MarketPublisher(Protocol):
    """Where the market and account workers publish; bounded streams."""

    def publish_prices(self, prices: Sequence[Price]) -> None: ...

    def publish_candles(self, symbol: Symbol, interval: str, candles: Sequence[Candle], observed_at: datetime) -> None: ...

    def last_candle_open_ms(self, symbol: Symbol, interval: str) -> int | None:
        """Open time of the newest published candle; None where nothing was published (or the stream was lost)."""
        ...


class HaltFile(Protocol):
    """The file that stops what adds risk (I7): looked at before each send, whatever else is down."""

    def is_halted(self) -> bool: ...

    def reason(self) -> str: ...

    def halt(self, who: str, reason: str) -> None: ...

    def resume(self) -> None: ...


class Products(Protocol):
    def all(self) -> list[Product]: ...


class SnapshotStore(Protocol):
    def save(self, snapshot: AccountSnapshot) -> int:
        """Balance and one complete position snapshot in one transaction; returns the snapshot's id."""
        ...

    def latest(self, account: str) -> Known[AccountSnapshot] | Unknown: ...


class RunsPublisher(Protocol):
    def publish(
        self, changed: Sequence[RunRow], heartbeat: ShardHeartbeat, marked: RunNumbers | None = None, gone: Collection[str] = ()
    ) -> None:
        """Upserts the changed rows and the heartbeat in one transaction; may be repeated.

        ``marked`` are rows that a publication before has committed and of which a few numbers are all that differs. ``gone`` are ids of
        runs that have ended and whose last row is to come: where one is shown as active it is that no more, and votes no more.
        """
        ...


class ObserverSequences(Protocol):
    def highest(self, public_key: str) -> int:
        """0 where the key was never seen."""
        ...

    def raise_to(self, public_key: str, sequence: int) -> bool:
        """True if ``sequence`` is above the highest seen and is now the highest."""
        ...
