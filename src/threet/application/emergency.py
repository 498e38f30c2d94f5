"""`3t flatten --emergency`: closes what the venue itself says is held. It needs the venue, the key and a disk; nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from threet.application.facts import AccountSnapshot, OpenOrder, OrderAnswer, OrderRequest
from threet.application.ports import AccountData, MarketData, Trading
from threet.application.store import OrderRecord
from threet.domain.errors import VenueBusy, VenueError, VenueRefused, VenueSilent
from threet.domain.identity import client_order_id
from threet.domain.rounding import limit_price, round_to_lot
from threet.domain.values import Correction, MarketRules, OrderState, Position, Side, Symbol

NO_CYCLE = 0
"""The cycle of an order that no cycle decided."""

_TOO_SMALL = "minimum value"


class EmergencyJournal(Protocol):
    """Where intents and answers go until the database has them. Each is on the disk when its method returns; raises OSError else."""

    def intent(self, order: OrderRecord) -> None: ...

    def answer(self, client_order_id: str, state: OrderState, answer: OrderAnswer | None, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class EmergencyTerms:
    """``epoch`` is this emergency's own, so that its orders have names of their own."""

    epoch: str
    reason: str
    slippage_bps: Decimal
    order_expires: timedelta
    expiry_margin: timedelta


@dataclass(frozen=True, slots=True)
class Round:
    """One look at the account. ``closed``: nothing is held any more; ``flat``: and nothing can be again. ``waits_for`` says why not yet."""

    said: Sequence[str]
    closed: bool
    flat: bool
    waits_for: str
    wait_seconds: float = 0


class EmergencyFlatten:
    """Give ``round`` again and again until it is flat. ``keep_time`` hears the venue's clock, by which nonces and expiries are made."""

    def __init__(
        self,
        market: MarketData,
        account: AccountData,
        trading: Trading,
        journal: EmergencyJournal,
        terms: EmergencyTerms,
        keep_time: Callable[[datetime], None],
    ) -> None:
        self._market = market
        self._account = account
        self._trading = trading
        self._journal = journal
        self._terms = terms
        self._keep_time = keep_time
        self._rounds = 0
        self._last_expiry: datetime | None = None
        self._unknown: dict[str, Symbol] = {}
        self._dust: dict[Symbol, tuple[Decimal, str]] = {}

    @property
    def dust(self) -> Sequence[str]:
        """What is too small for the venue to close, and why."""
        return [f"{name} {contracts}: {why}" for name, (contracts, why) in sorted(self._dust.items())]

    def round(self) -> Round:
        """Looks, and sends what closes. Raises OSError where the disk takes no intent: then nothing is sent."""
        said: list[str] = []
        try:
            return self._round(said)
        except VenueBusy as busy:
            return Round(said, False, False, f"the venue: {busy}", busy.retry_after_seconds)
        except VenueError as error:
            return Round(said, False, False, f"the venue: {error}")

    def _round(self, said: list[str]) -> Round:
        self._rounds += 1
        taken = self._look()
        self._look_up(said)
        held = self._held(taken)
        if held:
            self._close(held, taken.exchange_time, said)
            return Round(said, False, False, f"still held: {_told(held)}")
        if self._unknown:
            return Round(said, True, False, f"orders without a known end: {', '.join(self._unknown)}")
        safe_after = (self._last_expiry or taken.exchange_time) + self._terms.expiry_margin
        if taken.exchange_time <= safe_after:
            left = (safe_after - taken.exchange_time).total_seconds()
            return Round(said, True, False, f"the venue's clock has {left:.1f} s to go to the last expiry")
        return self._nothing_rests(said)

    def _look(self) -> AccountSnapshot:
        taken = self._account.snapshot()
        self._keep_time(taken.exchange_time)
        if self._last_expiry is None:  # what the cycle has sent until now, the venue refuses after this at the latest
            self._last_expiry = taken.exchange_time + self._terms.order_expires
        return taken

    def _held(self, taken: AccountSnapshot) -> list[Position]:
        """All but dust, which is dust as long as it is no more than that: a late order may open the same symbol behind it."""
        return [position for position in taken.positions if self._dust.get(position.symbol, (None, ""))[0] != position.contracts]

    def _look_up(self, said: list[str]) -> None:
        """An order without an answer is never sent again; what is left of the position gets a new one, which only reduces as well."""
        for name, symbol in list(self._unknown.items()):
            answer = self._account.order(name, symbol)
            if answer is None and not self._has_expired():
                continue
            state = OrderState.NOT_EXECUTED if answer is None else answer.state
            if state.is_final:
                del self._unknown[name]
                if answer is not None:
                    self._journal.answer(name, state, answer, answer.text)
                said.append(f"{symbol} {name}: found as {state}")

    def _has_expired(self) -> bool:
        return self._last_expiry is not None and self._market.exchange_time() > self._last_expiry + self._terms.expiry_margin

    def _close(self, held: Sequence[Position], now: datetime, said: list[str]) -> None:
        names = [position.symbol for position in held]
        marks, rules = self._market.prices(names), self._market.rules(names)
        for position in held:
            price, rule = marks.get(position.symbol), rules[position.symbol]
            if price is None or not isinstance(rule, MarketRules):
                said.append(f"{position.symbol}: the venue lists no market or mark to close it at; close it there by hand")
                continue
            contracts = round_to_lot(abs(position.contracts), rule.lot)
            if contracts == 0:
                self._dust[position.symbol] = (position.contracts, "less than a lot")
                continue
            side = Side.SELL if position.contracts > 0 else Side.BUY
            order = self._order(Correction(position.symbol, side, contracts, reduce_only=True), price.mark, rule, now)
            self._last_expiry = max(self._last_expiry or order.expires_at, order.expires_at)
            self._journal.intent(order)
            said.append(
                f"{order.symbol}: {order.side} {order.contracts} at {order.limit_price}: {self._answer_to(order, position.contracts)}"
            )

    def _order(self, correction: Correction, mark: Decimal, rules: MarketRules, now: datetime) -> OrderRecord:
        return OrderRecord(
            client_order_id=client_order_id(self._terms.epoch, self._rounds, correction),
            cycle_id=NO_CYCLE,
            symbol=correction.symbol,
            side=correction.side,
            contracts=correction.contracts,
            limit_price=limit_price(mark, correction.side, self._terms.slippage_bps, rules),
            reduce_only=True,
            state=OrderState.INTENT,
            expires_at=now + self._terms.order_expires,
            created_at=now,
            reason=self._terms.reason,
        )

    def _answer_to(self, order: OrderRecord, held: Decimal) -> str:
        try:
            answer = self._trading.submit(_request(order))
        except VenueRefused as refusal:
            if _TOO_SMALL in str(refusal):
                self._dust[order.symbol] = (held, str(refusal))
            self._journal.answer(order.client_order_id, OrderState.REJECTED, None, str(refusal))
            return f"refused: {refusal}"
        except VenueBusy as busy:
            self._journal.answer(order.client_order_id, OrderState.REJECTED, None, str(busy))
            raise
        except VenueSilent as silence:
            self._unknown[order.client_order_id] = order.symbol
            self._journal.answer(order.client_order_id, OrderState.UNKNOWN, None, str(silence))
            return f"no answer: {silence}"
        self._journal.answer(order.client_order_id, answer.state, answer, answer.text)
        return answer.text

    def _nothing_rests(self, said: list[str]) -> Round:
        """An order that rests may open a position again; it is looked for before the last look at the account, which would show it."""
        resting = [order for order in self._account.open_orders() if not order.reduce_only]
        for order in resting:
            self._cancel(order, said)
        if resting:
            return Round(said, True, False, f"orders rest that may open a position: {', '.join(map(_named, resting))}")
        held = self._held(self._look())
        return Round(said, not held, not held, f"still held: {_told(held)}" if held else "")

    def _cancel(self, order: OpenOrder, said: list[str]) -> None:
        if order.client_order_id is None:
            said.append(f"{_named(order)} rests, is not of this platform and may open a position: cancel it at the venue")
            return
        try:
            self._trading.cancel(order.client_order_id, order.symbol)
            said.append(f"{_named(order)}: cancelled")
        except VenueRefused as refusal:
            said.append(f"{_named(order)}: {refusal}")


def _named(order: OpenOrder) -> str:
    return f"{order.symbol} {order.side} {order.remaining_contracts} ({order.client_order_id or order.exchange_order_id})"


def _told(held: Sequence[Position]) -> str:
    return ", ".join(f"{position.symbol} {position.contracts}" for position in held)


def _request(order: OrderRecord) -> OrderRequest:
    return OrderRequest(
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        contracts=order.contracts,
        limit_price=order.limit_price,
        reduce_only=order.reduce_only,
        expires_at=order.expires_at,
    )
