"""What the reconciliation cycle keeps in the database, as records and one port.

Every method is one transaction of its own; none does other I/O inside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from threet.application.facts import AccountSnapshot, Fill, Product, Votes
from threet.domain.drawdown import RiskState
from threet.domain.symbol_state import SymbolState
from threet.domain.values import Known, OrderState, Side, Symbol, Unknown
from threet.domain.votes import Vote


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run one cycle. ``token`` rises by one at each acquisition and is the cycle's id; times are the database's."""

    name: str
    holder: str
    token: int
    acquired_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """A row of ``orders``. Times are wall time, UTC."""

    client_order_id: str
    cycle_id: int
    symbol: Symbol
    side: Side
    contracts: Decimal
    limit_price: Decimal
    reduce_only: bool
    state: OrderState
    expires_at: datetime
    created_at: datetime
    reason: str
    exchange_order_id: str | None = None
    filled_contracts: Decimal = Decimal(0)
    average_price: Decimal | None = None
    text: str = ""
    settled_at: datetime | None = None
    trigger_price: Decimal | None = None

    @property
    def is_stop(self) -> bool:
        """It rests at the venue until the mark is there, instead of being done at once."""
        return self.trigger_price is not None

    @property
    def rests(self) -> bool:
        """A stop that the venue has taken: it has no end yet, and needs none."""
        return self.is_stop and self.state is OrderState.ACCEPTED


@dataclass(frozen=True, slots=True)
class IntentFacts:
    """What the transaction of an intent sees: the caps are checked against this and not against what was read before.

    ``orders_last_hour`` were created in the hour before the intent, whatever became of them; ``risk`` is None where none was saved.
    """

    unsettled: Sequence[OrderRecord]
    orders_last_hour: int
    risk: RiskState | None


@dataclass(frozen=True, slots=True)
class Control:
    """What people asked for. ``flatten_reason`` is set while a flatten through the cycle is wanted."""

    halted: bool
    halt_reason: str
    flatten_reason: str | None
    adopted_account: str | None


@dataclass(frozen=True, slots=True)
class ServiceReport:
    """What a service says of itself; the cycle refuses to trade while configs or contract versions differ."""

    name: str
    config_hash: str
    contract_version: int
    build_id: str
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """One row of ``decisions``: everything that the cycle knew, wanted and did, as JSON-ready mappings."""

    cycle_id: int
    at: datetime
    status: str
    reason: str
    inputs: Mapping[str, Any]
    inputs_hash: str
    targets: Mapping[str, Any]
    plan: Sequence[Mapping[str, Any]]
    consensus_symbols: int


@dataclass(frozen=True, slots=True)
class RecordedFill:
    """A fill, and whether an order of this database made it (by either id) that did not end as never executed."""

    fill: Fill
    ours: bool


class IntentRefused(Exception):
    """The transaction of an intent found that it must not be sent: halted, fenced off, over a cap, or already there."""


class AlreadySettled(Exception):
    """The order has ended otherwise: another cycle has settled it."""


class CycleStore(Protocol):
    def now(self) -> datetime:
        """The database's clock, UTC."""
        ...

    def epoch(self) -> str: ...

    def acquire_lease(self, name: str, holder: str, seconds: float) -> Lease | None:
        """None while another holder's lease has not passed, by the database's clock."""
        ...

    def release_lease(self, lease: Lease) -> None:
        """Ends the lease if it is still this one; never another's."""
        ...

    def control(self) -> Control: ...

    def set_halt(self, halted: bool, reason: str) -> None: ...

    def set_flatten(self, reason: str | None) -> None: ...

    def adopt(self, account: str, lease: Lease | None = None) -> None:
        """With ``lease``: raises IntentRefused where it is no longer this one or past."""
        ...

    def report_service(self, report: ServiceReport) -> None: ...

    def services(self) -> list[ServiceReport]: ...

    def forget_service(self, name: str) -> None: ...

    def products(self) -> list[Product]: ...

    def snapshot(self, account: str) -> Known[AccountSnapshot] | Unknown: ...

    def votes(self, shards: int, newer_than: datetime) -> Votes | Unknown:
        """What the heartbeats tell. Unknown unless exactly ``shards`` shards of that number have one newer than ``newer_than``, and each
        says what its runs vote."""
        ...

    def checked_votes(self, shards: int, newer_than: datetime, names: Sequence[Symbol]) -> Mapping[Symbol, Vote | Unknown]:
        """The votes of each of ``names``, by heartbeats and rows of the runs as they stand at one moment; Unknown where the rows sum to
        something else than the heartbeats tell, or these are not what ``votes`` asks for."""
        ...

    def unsettled_orders(self) -> list[OrderRecord]: ...

    def orders(self, limit: int) -> list[OrderRecord]:
        """The newest first."""
        ...

    def orders_named(self, beginning: str) -> list[OrderRecord]:
        """Those whose client order id begins so, the newest first, a few of them."""
        ...

    def commit_intent(self, order: OrderRecord, lease: Lease, check: Callable[[IntentFacts], None]) -> None:
        """In one transaction: the lease is still this one and not past, the halt row is off (or the order reduces and a flatten is wanted),
        ``check`` agrees with the facts as they stand there; then the row is inserted with state INTENT.
        Raises IntentRefused, also where the client order id is there already."""
        ...

    def import_orders(self, orders: Sequence[OrderRecord]) -> int:
        """Inserts those whose client order id is not there, whatever their state; returns how many. For orders that no cycle has sent."""
        ...

    def record_outcome(
        self,
        client_order_id: str,
        state: OrderState,
        *,
        exchange_order_id: str | None,
        filled_contracts: Decimal,
        average_price: Decimal | None,
        text: str,
        settled_at: datetime | None,
        by_person: bool = False,
    ) -> None:
        """Looks at the state and changes it in one transaction: raises AlreadySettled where a final one would be left, ForbiddenStep
        for any other step that domain/order_life.py does not allow. Nothing is changed then."""
        ...

    def save_fills(self, fills: Sequence[Fill], observed_at: datetime) -> list[Fill]:
        """Inserts those not yet there (by fill_id); returns the new ones. Moves the watermark to the newest exchange time.

        A fill that comes after its order had ended as FILLED or CANCELLED is added to that order in the same transaction.
        """
        ...

    def fills_watermark(self) -> datetime | None: ...

    def last_fill_times(self) -> Mapping[Symbol, datetime]:
        """Per symbol the newest exchange time of a fill."""
        ...

    def last_settlement_times(self) -> Mapping[Symbol, datetime]:
        """Per symbol the newest ``settled_at`` of an order that reached the venue."""
        ...

    def fills_after(self, after: datetime) -> list[RecordedFill]:
        """Fills with exchange time > ``after``, oldest first, from one query."""
        ...

    def fills_of(self, client_order_ids: Sequence[str]) -> list[Fill]:
        """The saved fills of these orders, oldest first, whenever that was."""
        ...

    def symbol_states(self) -> dict[Symbol, SymbolState]: ...

    def save_symbol_states(
        self, states: Sequence[SymbolState], *, read: Mapping[Symbol, SymbolState], lease: Lease | None = None
    ) -> list[Symbol]:
        """Saves those whose row still is what was ``read`` (or still is not there); returns the symbols of the others, which stay as
        somebody else has written them. With ``lease``: raises IntentRefused where it is no longer this one or past."""
        ...

    def risk(self, account: str) -> RiskState:
        """An empty one where nothing is remembered of this account."""
        ...

    def save_risk(self, state: RiskState, *, read: RiskState, lease: Lease) -> bool:
        """False where it no longer is what was ``read``: a person has taken it back. Raises IntentRefused where the lease has passed.
        At the terminal level the same transaction halts and asks for the flatten, unless one is wanted already."""
        ...

    def take_back_risk(self, *, always: bool = False) -> bool:
        """Forgets peak, day and readings where a level was reached, or ``always``; the next readings begin anew. True where it forgot."""
        ...

    def save_decision(self, decision: DecisionRecord) -> None: ...

    def decisions(self, limit: int) -> list[DecisionRecord]:
        """The newest first."""
        ...

    def decision(self, cycle_id: int) -> DecisionRecord | None:
        """None where no decision of that cycle is kept."""
        ...
