"""Step 3: read everything that the decision depends on, each part Known with its age or Unknown with its reason."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from threet.application.execution import pending
from threet.application.facts import AccountSnapshot, Fill, Observation, OpenOrder, Price, Product, Votes
from threet.application.ports import AccountData, LastValues, MarketData, ObserverNode
from threet.application.settlement import Settlement
from threet.application.store import Control, CycleStore, Lease, OrderRecord, RecordedFill
from threet.domain.agreement import all_symbols
from threet.domain.drawdown import RiskState, Transfers
from threet.domain.errors import VenueError
from threet.domain.foreign import ForeignOrder, ForeignOrders
from threet.domain.inputs import CycleInputs
from threet.domain.price_band import is_jump
from threet.domain.resting import RestingStop
from threet.domain.sources import SourceReading
from threet.domain.symbol_state import Explanation, SymbolState
from threet.domain.terms import SymbolTerms, Terms
from threet.domain.values import Known, MarketRules, Symbol, Unknown
from threet.domain.votes import Vote

_EVER = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TradingTerms:
    """What config.yml says, as the cycle needs it. ``for_product`` gives the terms of one symbol."""

    account: str
    terms: Terms
    for_product: Callable[[Product], SymbolTerms]
    shards: int
    max_heartbeat_age: timedelta
    transfers_overlap: timedelta


class Gatherer:
    """Reads the sources. Observers are asked side by side, since a silent one must not make the others old."""

    def __init__(
        self,
        store: CycleStore,
        market: MarketData,
        account: AccountData,
        prices: LastValues,
        observers: Sequence[ObserverNode],
        terms: TradingTerms,
    ) -> None:
        self._account = account
        self._store = store
        self._market = market
        self._prices = prices
        self._observers = observers
        self._terms = terms

    def gather(self, lease: Lease, control: Control, settlement: Settlement, clock: Callable[[], datetime]) -> CycleInputs:
        """``clock`` is the wall clock: it is looked at once the slow sources have answered, so that an age is that at the decision."""
        # Orders before positions: one that is filled between the two is then in both, and never in none.
        foreign = self._read_foreign(settlement, clock())
        products = {product.symbol: self._terms.for_product(product) for product in self._store.products()}
        observers = ask_together({node.name: node.observe for node in self._observers})
        local = self._store.snapshot(self._terms.account)
        states = self._store.symbol_states()
        held = _held_symbols(local, observers) | (set() if isinstance(foreign, Unknown) else {order.symbol for order in foreign.value})
        rules = self._read_rules(sorted(set(products) | held))
        risk = self._store.risk(self._terms.account)
        # After the sources: a transfer that one of them saw is then among these.
        transfers = self._read_transfers(risk, local, clock())
        # Prices last: sizing wants the youngest, and nothing here ages faster.
        prices = self._read_prices(products, observers, held)
        now = clock()
        inputs = CycleInputs(
            epoch=self._store.epoch(),
            cycle_id=lease.token,
            account=self._terms.account,
            now=now,
            adopted=control.adopted_account == self._terms.account,
            flatten_reason=control.flatten_reason,
            local=_local_reading(local),
            observers={name: _observer_reading(view) for name, view in sorted(observers.items())},
            prices=prices,
            votes=_votes(
                self._store.votes(self._terms.shards, now - self._terms.max_heartbeat_age), now + self._terms.terms.max_clock_skew
            ),
            rules=rules,
            products=products,
            pending=tuple(pending(order) for order in settlement.open_orders),
            last_activity=self._last_activity(),
            explanations={},
            states=states,
            marks=_marks_of_jumps(products, prices, states, observers),
            risk=risk,
            transfers=transfers,
            stops=tuple(resting_stop(order) for order in settlement.stops),
            entry_prices=_entry_prices(local),
            foreign=foreign,
            terms=self._terms.terms,
        )
        return replace(inputs, explanations=self._explanations(inputs, settlement, local))

    def checked_votes(self, inputs: CycleInputs, names: Sequence[Symbol]) -> Mapping[Symbol, Vote | Unknown]:
        """The votes of ``names`` as heartbeats and rows agree on them now; as old as they may be in ``inputs``."""
        return self._store.checked_votes(self._terms.shards, inputs.now - self._terms.max_heartbeat_age, names)

    def _read_foreign(self, settlement: Settlement, now: datetime) -> ForeignOrders:
        """What rests at the venue and is none of ours that have no end yet; settlement has asked already where stops rest."""
        if settlement.foreign is not None:
            return Known(tuple(foreign_order(order) for order in settlement.foreign), now, "venue")
        ours = {order.client_order_id for order in [*settlement.open_orders, *settlement.stops]}
        try:
            listed = self._account.open_orders()
        except VenueError as error:
            return Unknown(str(error))
        others = [order for order in listed if order.client_order_id not in ours]
        return Known(tuple(foreign_order(order) for order in others), now, "venue")

    def _read_prices(
        self, products: Mapping[Symbol, SymbolTerms], observers: Mapping[str, Known[Observation] | Unknown], held: set[Symbol]
    ) -> dict[Symbol, Known[Decimal] | Unknown]:
        """Published prices; for a symbol that is held without being a product, an observer's mark, to value it at all."""
        published = self._prices.last_prices()
        known: Mapping[Symbol, Known[Price]] = {} if isinstance(published, Unknown) else published
        missing = published.reason if isinstance(published, Unknown) else "never published"
        prices: dict[Symbol, Known[Decimal] | Unknown] = {}
        for name in sorted(set(products) | held):
            price = known.get(name)
            prices[name] = Unknown(missing) if price is None else Known(price.value.mark, price.as_of, price.source)
            if price is None and name not in products:
                prices[name] = mark_of(name, observers)
        return prices

    def _read_transfers(self, risk: RiskState, local: Known[AccountSnapshot] | Unknown, now: datetime) -> Transfers:
        """Those since the last reading, and an overlap before it. The first reading of all needs only what is near it."""
        since = risk.read_at or (now if isinstance(local, Unknown) else local.value.exchange_time)
        try:
            return Known(tuple(self._account.transfers_since(since - self._terms.transfers_overlap)), now, "venue")
        except VenueError as error:
            return Unknown(str(error))

    def _read_rules(self, names: Sequence[Symbol]) -> dict[Symbol, MarketRules | Unknown]:
        try:
            return dict(self._market.rules(names))
        except VenueError as error:
            return {name: Unknown(str(error)) for name in names}

    def _last_activity(self) -> dict[Symbol, datetime]:
        latest = dict(self._store.last_fill_times())
        for name, at in self._store.last_settlement_times().items():
            latest[name] = max(at, latest.get(name, at))
        return latest

    def _explanations(
        self, inputs: CycleInputs, settlement: Settlement, local: Known[AccountSnapshot] | Unknown
    ) -> dict[Symbol, Explanation]:
        """Σ of our own signed fills between the last agreement and the local snapshot, of each symbol that this cycle looks at.

        One that was agreed on long ago and is looked at no more would have all fills since then read in every cycle.
        """
        if isinstance(local, Unknown):
            return {}
        looked_at = [(name, inputs.states[name]) for name in all_symbols(inputs) if name in inputs.states]
        agreed_at = {name: state.agreed_at or _EVER for name, state in looked_at}
        recorded = self._store.fills_after(min(agreed_at.values(), default=_EVER))
        waiting = {order.symbol for order in settlement.open_orders}
        names = {item.fill.symbol for item in recorded} | waiting
        until = local.value.exchange_time
        return {
            name: explain([item for item in recorded if item.fill.symbol == name], agreed_at.get(name, _EVER), until, name in waiting)
            for name in sorted(names)
        }


def explain(recorded: Sequence[RecordedFill], after: datetime, until: datetime, is_pending: bool) -> Explanation:
    """What the fills of one symbol with ``after`` < time <= ``until`` say, and what those since then add up to."""
    within = [item for item in recorded if after < item.fill.exchange_time <= until]
    change = sum((_signed(item.fill) for item in within if item.ours), Decimal(0))
    others = sum((_signed(item.fill) for item in within if not item.ours), Decimal(0))
    later = sum((_signed(item.fill) for item in recorded if item.fill.exchange_time > max(after, until)), Decimal(0))
    return Explanation(change, any(item.fill.is_liquidation for item in within), is_pending, others, later)


def _signed(fill: Fill) -> Decimal:
    return fill.contracts * fill.side.sign


def ask_together(questions: Mapping[str, Callable[[], Known[Observation] | Unknown]]) -> dict[str, Known[Observation] | Unknown]:
    """Every answer, asked side by side. Plain threads: under eventlet they are greenlets, elsewhere real ones.

    A question that ends without an answer is Unknown: the asker's own time-outs bound the wait.
    """
    answers: dict[str, Known[Observation] | Unknown] = {}

    def ask(name: str, question: Callable[[], Known[Observation] | Unknown]) -> None:
        answers[name] = question()

    threads = [threading.Thread(target=ask, args=item, name=f"observer-{item[0]}", daemon=True) for item in questions.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {name: answers.get(name, Unknown(f"{name}: the look failed")) for name in questions}


def _held_symbols(local: Known[AccountSnapshot] | Unknown, observers: Mapping[str, Known[Observation] | Unknown]) -> set[Symbol]:
    held: set[Symbol] = set()
    if isinstance(local, Known):
        held |= {position.symbol for position in local.value.positions if position.contracts != 0}
    for view in observers.values():
        if isinstance(view, Known):
            held |= {name for name, contracts in view.value.positions.items() if contracts != 0}
    return held


def mark_of(name: Symbol, observers: Mapping[str, Known[Observation] | Unknown]) -> Known[Decimal] | Unknown:
    """The highest of the observers' marks: a lying one could make a position weigh more, never less."""
    told = [view.value for _, view in sorted(observers.items()) if isinstance(view, Known) and name in view.value.mark_prices]
    if not told:
        return Unknown("not a product, and no observer knows its mark")
    highest = max(told, key=lambda seen: seen.mark_prices[name])
    return Known(highest.mark_prices[name], highest.observed_at, f"mark of observer {highest.observer}")


def _entry_prices(local: Known[AccountSnapshot] | Unknown) -> dict[Symbol, Decimal]:
    positions = () if isinstance(local, Unknown) else local.value.positions
    return {position.symbol: position.entry_price for position in positions if position.entry_price is not None}


def resting_stop(order: OrderRecord) -> RestingStop:
    if order.trigger_price is None:
        raise ValueError(f"expected a stop, {order.client_order_id} has no trigger price")
    return RestingStop(order.client_order_id, order.symbol, order.side, order.contracts, order.trigger_price)


def foreign_order(order: OpenOrder) -> ForeignOrder:
    return ForeignOrder(order.exchange_order_id, order.symbol, order.remaining_contracts * order.side.sign, order.reduce_only)


def _marks_of_jumps(
    products: Mapping[Symbol, SymbolTerms],
    prices: Mapping[Symbol, Known[Decimal] | Unknown],
    states: Mapping[Symbol, SymbolState],
    observers: Mapping[str, Known[Observation] | Unknown],
) -> dict[str, dict[Symbol, Decimal]]:
    """The observers' marks where a second source is asked for; the others would only fill the record."""
    jumped = []
    for name, terms in sorted(products.items()):
        price, accepted = prices[name], states[name].accepted_price if name in states else None
        if isinstance(price, Known) and is_jump(price.value, accepted, terms.price_band_percent):
            jumped.append(name)
    told = {name: view.value.mark_prices for name, view in sorted(observers.items()) if isinstance(view, Known)}
    return {observer: {name: marks[name] for name in jumped if name in marks} for observer, marks in told.items()}


def _local_reading(view: Known[AccountSnapshot] | Unknown) -> Known[SourceReading] | Unknown:
    if isinstance(view, Unknown):
        return view
    taken = view.value
    positions = {position.symbol: position.contracts for position in taken.positions}
    reading = SourceReading(taken.account, True, taken.observed_at, taken.exchange_time, positions, taken.account_value)
    return Known(reading, taken.observed_at, "local")


def _observer_reading(view: Known[Observation] | Unknown) -> Known[SourceReading] | Unknown:
    if isinstance(view, Unknown):
        return view
    seen = view.value
    reading = SourceReading(seen.account, seen.complete, seen.observed_at, seen.exchange_time, dict(seen.positions), seen.account_value)
    return Known(reading, seen.observed_at, seen.observer)


def _votes(votes: Votes | Unknown, not_after: datetime) -> Known[Mapping[Symbol, Vote | Unknown]] | Unknown:
    """A heartbeat of the future would look fresh long after its shard is dead: it is none."""
    if isinstance(votes, Unknown):
        return votes
    if votes.newest_heartbeat_at > not_after:
        return Unknown(f"a shard's heartbeat is in the future ({votes.newest_heartbeat_at.isoformat()}): its clock runs ahead")
    return Known(dict(votes.by_symbol), votes.heartbeat_at, "heartbeats")
