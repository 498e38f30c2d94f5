"""Settling orders whose end is not known (I4): found by our id or among the fills, or proven not to have been executed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from threet.application.facts import Fill, OpenOrder, OrderAnswer
from threet.application.ports import AccountData
from threet.application.store import AlreadySettled, CycleStore, OrderRecord
from threet.domain.errors import VenueError, VenueSilent
from threet.domain.order_life import ForbiddenStep
from threet.domain.symbol_state import SymbolState, after_liquidation, after_stop
from threet.domain.values import OrderState, Symbol, Unknown

log = logging.getLogger(__name__)

_RESTS = "rests on the venue"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is now known of an order. Final only where the status and the fills agree."""

    state: OrderState
    filled_contracts: Decimal
    average_price: Decimal | None
    exchange_order_id: str | None
    text: str

    @property
    def rests(self) -> bool:
        """The venue itself says that it has the order and that nothing of it was executed."""
        return self.text == _RESTS and self.filled_contracts == 0


@dataclass(frozen=True, slots=True)
class Settlement:
    """``open_orders``: those of ours whose end is still not known; ``stops`` rest where they should and are not among them.

    ``readable``: the fills could be read. ``foreign``: what rested at the venue besides ours, where stops made us ask; else None.
    """

    settled: int
    open_orders: Sequence[OrderRecord]
    stops: Sequence[OrderRecord]
    new_fills: int
    readable: bool
    problems: Sequence[str]
    foreign: Sequence[OpenOrder] | None = None


def judge(
    order: OrderRecord, answer: OrderAnswer | Unknown | None, fills: Sequence[Fill], venue_now: datetime, expiry_margin: timedelta
) -> Verdict:
    """The state of ``order`` from what the venue says of its id (None: never seen) and from its ``fills``.

    A final status is provisional until the fills agree with it. NOT_EXECUTED needs all of: the venue never saw the id, no fill,
    and the venue's own clock past ``expires_at`` by ``expiry_margin``.
    """
    filled = sum((fill.contracts for fill in fills), Decimal(0))
    paid = sum((fill.contracts * fill.price for fill in fills), Decimal(0))
    average = paid / filled if filled else None
    expired = venue_now > order.expires_at + expiry_margin
    exchange_id = order.exchange_order_id or (fills[0].exchange_order_id if fills else None)
    if isinstance(answer, Unknown):
        return Verdict(_undecided(order), filled, average, exchange_id, f"look-up failed: {answer.reason}")
    if answer is None:
        return _never_seen(order, filled, average, exchange_id, expired)
    exchange_id = answer.exchange_order_id or exchange_id
    if not answer.state.is_final:
        return Verdict(OrderState.ACCEPTED, filled, average, exchange_id, _RESTS)
    if answer.filled_contracts != filled:
        text = f"the venue says {answer.filled_contracts} filled, the fills say {filled}: not settled yet"
        return Verdict(_undecided(order), filled, average, exchange_id, text)
    return Verdict(answer.state, filled, average, exchange_id, answer.text)


def _undecided(order: OrderRecord) -> OrderState:
    return OrderState.ACCEPTED if order.state is OrderState.ACCEPTED else OrderState.UNKNOWN


def _never_seen(order: OrderRecord, filled: Decimal, average: Decimal | None, exchange_id: str | None, expired: bool) -> Verdict:
    if not expired:
        return Verdict(_undecided(order), filled, average, exchange_id, "the venue has not seen it; it has not expired yet")
    if filled == 0 and order.state is not OrderState.ACCEPTED:
        return Verdict(OrderState.NOT_EXECUTED, filled, None, exchange_id, "expired by the venue's clock, no look-up and no fill shows it")
    if filled == 0:
        return Verdict(OrderState.ACCEPTED, filled, None, exchange_id, "was accepted, yet the venue does not know it: not settled")
    state = OrderState.FILLED if filled == order.contracts else OrderState.CANCELLED
    return Verdict(state, filled, average, exchange_id, "known by its fills alone")


class Settler:
    """Pulls fills since the watermark and settles what can be settled.

    ``imports`` brings in what was sent beside the cycle (see emergency_import), or says why it cannot: then nothing is readable.
    """

    def __init__(
        self,
        store: CycleStore,
        account: AccountData,
        *,
        expiry_margin: timedelta,
        fills_overlap: timedelta,
        max_clock_skew: timedelta,
        imports: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._store = store
        self._account = account
        self._expiry_margin = expiry_margin
        self._fills_overlap = fills_overlap
        self._max_clock_skew = max_clock_skew
        self._imports = imports

    def settle(self, venue_now: datetime, observed_at: datetime) -> Settlement:
        """Never raises VenueError: what could not be read stays unsettled and is named in ``problems``.

        An order is over when ``venue_now`` and ``observed_at``, our own clock, are both past it: a venue's time that is told ahead
        once, by less than would stop the cycle, must not end an order that still lives.
        """
        problem = self._imports()
        unsettled = self._store.unsettled_orders()
        if problem is not None:
            return Settlement(0, unsettled, [], 0, readable=False, problems=[problem])
        try:
            stops, foreign = self._resting(unsettled)
            unsettled = [order for order in unsettled if order not in stops]
            fills = _each_once(self._account.fills_since(self._start(unsettled, venue_now)))
            self._refuse_older_than_their_orders(fills, unsettled)
        except VenueError as error:
            return Settlement(0, unsettled, [], 0, readable=False, problems=[f"stops or fills could not be read: {error}"])
        self._lock_liquidated(fills, observed_at)
        new = self._store.save_fills(fills, observed_at)
        known = _each_once([*self._store.fills_of([order.client_order_id for order in unsettled]), *fills])
        open_orders: list[OrderRecord] = []
        problems: list[str] = []
        settled, sure = 0, min(venue_now, observed_at)
        for order in unsettled:
            verdict = judge(order, self._look_up(order), _fills_of(order, known), sure, self._expiry_margin)
            if order.is_stop and verdict.filled_contracts > 0:  # before its end is recorded: who ends in between is not asked again
                self._lock({order.symbol}, after_stop, observed_at)
            is_final = self._record(order, verdict, venue_now)
            settled += is_final
            if order.is_stop and verdict.rests:
                stops.append(order)
            elif not is_final:
                open_orders.append(order)
                problems.append(f"{order.symbol} {order.client_order_id}: {verdict.text}")
                self._cancel_resting(order, verdict, venue_now, problems)
        return Settlement(settled, open_orders, stops, len(new), readable=True, problems=problems, foreign=foreign)

    def _resting(self, unsettled: Sequence[OrderRecord]) -> tuple[list[OrderRecord], list[OpenOrder] | None]:
        """The accepted stops that the venue still lists, and what it lists besides ours: one request for all, since they rest for weeks."""
        accepted = [order for order in unsettled if order.rests]
        if not accepted:
            return [], None
        listed = self._account.open_orders()
        ids, ours = {order.client_order_id for order in listed}, {order.client_order_id for order in unsettled}
        return [order for order in accepted if order.client_order_id in ids], [one for one in listed if one.client_order_id not in ours]

    def _start(self, unsettled: Sequence[OrderRecord], venue_now: datetime) -> datetime:
        """Far enough back for every order that may still be filled, and an overlap before the watermark: until the first fill, the last
        agreement. What an older order had of fills is saved: a stop that rested for weeks does not ask for those of weeks."""
        watermark = self._store.fills_watermark()
        newer_than = venue_now - self._expiry_margin - self._fills_overlap
        asked_for = [order.created_at for order in unsettled if watermark is None or order.expires_at >= newer_than]
        return min([watermark or self._first_agreement() or venue_now, *asked_for]) - self._fills_overlap

    def _refuse_older_than_their_orders(self, fills: Sequence[Fill], unsettled: Sequence[OrderRecord]) -> None:
        """A clock that tells so is wrong, and would hide what our orders did from who asks for it since a moment. Raises VenueSilent."""
        created = {order.client_order_id: order.created_at for order in unsettled}
        for fill in fills:
            order_at = created.get(fill.client_order_id or "")
            if order_at is not None and fill.exchange_time < order_at - self._max_clock_skew:
                raise VenueSilent(
                    f"expected fill {fill.fill_id} after its order of {order_at.isoformat()}, was {fill.exchange_time.isoformat()}"
                )

    def _first_agreement(self) -> datetime | None:
        return min((state.agreed_at for state in self._store.symbol_states().values() if state.agreed_at is not None), default=None)

    def _lock_liquidated(self, fills: Sequence[Fill], now: datetime) -> None:
        """At the first sight, whatever its time: it may have happened after the fills were read and before the snapshot was taken. So
        before they are saved: who ends in between sees them again for the first time."""
        liquidations = [fill for fill in fills if fill.is_liquidation]
        if not liquidations:
            return
        first = min(fill.exchange_time for fill in liquidations) - timedelta(microseconds=1)
        known = {item.fill.fill_id for item in self._store.fills_after(first)}
        self._lock({fill.symbol for fill in liquidations if fill.fill_id not in known}, after_liquidation, now)

    def _lock(self, names: set[Symbol], lock: Callable[[SymbolState, datetime], SymbolState], now: datetime) -> None:
        while names:
            known = self._store.symbol_states()
            locked = [lock(known.get(name, SymbolState(name)), now) for name in sorted(names)]
            names = set(self._store.save_symbol_states(locked, read=known))

    def _look_up(self, order: OrderRecord) -> OrderAnswer | Unknown | None:
        try:
            return self._account.order(order.client_order_id, order.symbol)
        except VenueError as error:
            return Unknown(str(error))

    def _record(self, order: OrderRecord, verdict: Verdict, venue_now: datetime) -> bool:
        """Whether the order has ended. Where another cycle was faster, what that one wrote stands."""
        try:
            self._store.record_outcome(
                order.client_order_id,
                verdict.state,
                exchange_order_id=verdict.exchange_order_id,
                filled_contracts=verdict.filled_contracts,
                average_price=verdict.average_price,
                text=verdict.text,
                settled_at=venue_now if verdict.state.is_final else None,
            )
        except (AlreadySettled, ForbiddenStep) as refused:
            log.warning("%s; another cycle was faster than this one (%s)", refused, verdict.text)
            return isinstance(refused, AlreadySettled)
        return verdict.state.is_final

    def _cancel_resting(self, order: OrderRecord, verdict: Verdict, venue_now: datetime, problems: list[str]) -> None:
        """Our orders are IOC and never rest; one that does is somebody's mistake and is reported until it is gone."""
        if verdict.text == _RESTS and venue_now > order.expires_at + self._expiry_margin:
            problems.append(f"{order.symbol} {order.client_order_id}: an IOC order still rests past its expiry; cancel it on the venue")


def _each_once(fills: Sequence[Fill]) -> list[Fill]:
    """One that is told twice was executed once."""
    return list({fill.fill_id: fill for fill in fills}.values())


def _fills_of(order: OrderRecord, fills: Sequence[Fill]) -> list[Fill]:
    return [
        fill
        for fill in fills
        if fill.client_order_id == order.client_order_id
        or (order.exchange_order_id is not None and fill.exchange_order_id == order.exchange_order_id)
    ]
