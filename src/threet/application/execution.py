"""Step 7: each correction is checked, committed as an intent, sent once, and its outcome committed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from threet.application.facts import OrderAnswer, OrderRequest
from threet.application.ports import HaltFile, Trading
from threet.application.store import AlreadySettled, CycleStore, IntentFacts, IntentRefused, Lease, OrderRecord
from threet.domain.caps import CapExceeded, Caps, Exposure, Pending, check_caps, check_rate
from threet.domain.decision import Decision
from threet.domain.errors import VenueBusy, VenueError, VenueRefused, VenueSilent
from threet.domain.order_life import ForbiddenStep
from threet.domain.planned import PlannedOrder
from threet.domain.resting import RestingStop
from threet.domain.values import OrderState, Symbol, Unknown

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one planned order in this cycle. ``overtaken``: another cycle has settled it meanwhile."""

    client_order_id: str
    symbol: Symbol
    state: OrderState | None
    text: str
    overtaken: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """Until when orders of this cycle may live, by the venue's clock, and what the venue's clock shows now."""

    venue_now: Callable[[], datetime]
    lease_end: datetime
    order_expires: timedelta
    lease_margin: timedelta
    order_min_life: timedelta

    def expires_at(self) -> datetime | None:
        """None where the lease is so near its end that an order would have no time."""
        now = self.venue_now()
        latest = min(now + self.order_expires, self.lease_end - self.lease_margin)
        return latest if latest - now >= self.order_min_life else None


class Stop(Exception):
    """Nothing more is sent in this cycle."""


class Overtaken(Exception):
    """This worker was stopped while another cycle learned more of its order, or settled it. What that one wrote stands."""


class Executor:
    """The only place that sends orders."""

    def __init__(self, store: CycleStore, trading: Trading, halt: HaltFile) -> None:
        self._store = store
        self._trading = trading
        self._halt = halt

    def execute(
        self, decision: Decision, lease: Lease, window: Window, leverages: dict[Symbol, int], *, flatten_wanted: bool
    ) -> list[Sent]:
        """Sends the plan in its order, then the stops. Database errors leave: an intent whose commit had no answer is not sent."""
        sent: list[Sent] = []
        for planned in [*decision.plan, *decision.stops]:
            try:
                sent.append(self._one(planned, decision, lease, window, leverages, flatten_wanted))
            except Stop as stop:
                sent.append(Sent(planned.client_order_id, planned.correction.symbol, None, f"not sent: {stop}"))
                break
            except Overtaken as settled:
                sent.append(Sent(planned.client_order_id, planned.correction.symbol, None, f"overtaken: {settled}", overtaken=True))
                break
        self._cancel(decision.stale_stops)
        return sent

    def _cancel(self, stale: Sequence[RestingStop]) -> None:
        """A stop that nobody needs may stay for a cycle: it can only reduce. Settlement sees what became of it."""
        for stop in stale:
            try:
                self._trading.cancel(stop.client_order_id, stop.symbol)
            except VenueError as error:
                log.warning("stop %s of %s was not cancelled: %s", stop.client_order_id, stop.symbol, error)

    def _one(
        self,
        planned: PlannedOrder,
        decision: Decision,
        lease: Lease,
        window: Window,
        leverages: dict[Symbol, int],
        flatten_wanted: bool,
    ) -> Sent:
        correction = planned.correction
        self._look_at_halt(planned, flatten_wanted)
        if not correction.reduce_only:
            try:
                self._trading.ensure_leverage(correction.symbol, leverages[correction.symbol])
            except VenueError as error:
                return Sent(planned.client_order_id, correction.symbol, None, f"not sent: leverage could not be set: {error}")
        expires_at = window.expires_at()
        if expires_at is None:
            raise Stop("the lease is about to end")
        record = _record(planned, lease, expires_at, window.venue_now())
        try:
            self._store.commit_intent(record, lease, cap_check(planned, decision))
        except (IntentRefused, CapExceeded) as refusal:
            return Sent(planned.client_order_id, correction.symbol, None, f"not sent: {refusal}")
        return self._send(record, planned, flatten_wanted, window)

    def _send(self, record: OrderRecord, planned: PlannedOrder, flatten_wanted: bool, window: Window) -> Sent:
        try:
            self._look_at_halt(planned, flatten_wanted)
        except Stop as stop:
            self._outcome(record, OrderState.NOT_EXECUTED, None, f"never sent: {stop}", window.venue_now())
            raise
        try:
            answer = self._trading.submit(_request(record))
        except VenueRefused as refusal:
            self._outcome(record, OrderState.REJECTED, None, str(refusal), window.venue_now())
            return Sent(record.client_order_id, record.symbol, OrderState.REJECTED, str(refusal))
        except VenueBusy as busy:
            self._outcome(record, OrderState.REJECTED, None, str(busy), window.venue_now())
            raise Stop(f"the venue is busy: {busy}") from busy
        except VenueSilent as silence:
            self._outcome(record, OrderState.UNKNOWN, None, str(silence), None)
            return Sent(record.client_order_id, record.symbol, OrderState.UNKNOWN, str(silence))
        state = OrderState.REJECTED if answer.state is OrderState.REJECTED else OrderState.ACCEPTED
        self._outcome(record, state, answer, answer.text, window.venue_now() if state.is_final else None)
        return Sent(record.client_order_id, record.symbol, state, answer.text)

    def _look_at_halt(self, planned: PlannedOrder, flatten_wanted: bool) -> None:
        if self._halt.is_halted() and not (flatten_wanted and planned.correction.reduce_only):
            raise Stop(f"halted: {self._halt.reason()}")

    def _outcome(self, record: OrderRecord, state: OrderState, answer: OrderAnswer | None, text: str, settled_at: datetime | None) -> None:
        """What the venue answered is provisional: a fill it reports is ACCEPTED here until settlement has seen the fills."""
        try:
            self._store.record_outcome(
                record.client_order_id,
                state,
                exchange_order_id=None if answer is None else answer.exchange_order_id,
                filled_contracts=Decimal(0) if answer is None else answer.filled_contracts,
                average_price=None if answer is None else answer.average_price,
                text=text,
                settled_at=settled_at,
            )
        except (AlreadySettled, ForbiddenStep) as settled:
            raise Overtaken(f"{settled} ({text})") from settled


def cap_check(planned: PlannedOrder, decision: Decision) -> Callable[[IntentFacts], None]:
    """The check that the intent's transaction runs over the facts as they stand there. A reduction is never refused."""

    def check(facts: IntentFacts) -> None:
        if planned.correction.reduce_only:
            return
        if facts.risk != decision.risk:
            raise CapExceeded("the account's drawdown was looked at again or taken back since this decision")
        if decision.no_new_risk is not None:
            raise CapExceeded(decision.no_new_risk)
        held, caps = _known(decision)
        check_rate(planned.correction, facts.orders_last_hour, caps)
        check_caps(planned.correction, held, [*(pending(order) for order in facts.unsettled), *decision.foreign], caps)

    return check


def _known(decision: Decision) -> tuple[dict[Symbol, Exposure], Caps]:
    exposures, caps = decision.exposures, decision.caps
    if isinstance(exposures, Unknown):
        raise CapExceeded(f"exposure is unknown: {exposures.reason}")
    if isinstance(caps, Unknown):
        raise CapExceeded(f"caps are unknown: {caps.reason}")
    return dict(exposures), caps


def pending(order: OrderRecord) -> Pending:
    """An unsettled order at its whole size: what of it was filled may not be in the agreed position yet."""
    return Pending(order.symbol, order.contracts * order.side.sign, order.reduce_only)


def _record(planned: PlannedOrder, lease: Lease, expires_at: datetime, created_at: datetime) -> OrderRecord:
    return OrderRecord(
        client_order_id=planned.client_order_id,
        cycle_id=lease.token,
        symbol=planned.correction.symbol,
        side=planned.correction.side,
        contracts=planned.correction.contracts,
        limit_price=planned.limit_price,
        reduce_only=planned.correction.reduce_only,
        state=OrderState.INTENT,
        expires_at=expires_at,
        created_at=created_at,
        reason=planned.reason,
        trigger_price=planned.trigger_price,
    )


def _request(record: OrderRecord) -> OrderRequest:
    return OrderRequest(
        client_order_id=record.client_order_id,
        symbol=record.symbol,
        side=record.side,
        contracts=record.contracts,
        limit_price=record.limit_price,
        reduce_only=record.reduce_only,
        expires_at=record.expires_at,
        trigger_price=record.trigger_price,
    )
