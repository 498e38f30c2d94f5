"""One decision: from everything that was read to targets, the plan and the new memory. Pure: the same inputs, the same bytes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from threet.domain.agreement import Agreements, RejectedReport, SymbolAgreement, find_agreements
from threet.domain.caps import Caps, Exposure, Pending
from threet.domain.drawdown import RiskState, after_reading, why_no_new_risk
from threet.domain.foreign import ForeignOrder, foreign_orders_of, why_uncounted
from threet.domain.inputs import CycleInputs
from threet.domain.planned import PlannedOrder, in_order_of_sending, order_toward, stop_order
from threet.domain.portfolio import caps_of, exposures, scale_factors
from threet.domain.price_band import confirmed_price
from threet.domain.resting import RestingStop
from threet.domain.room import Cut, Room, cut_to_room
from threet.domain.sizing import clamp
from threet.domain.stops import StopChange, stop_change
from threet.domain.symbol_state import Explanation, SymbolState, after_round
from threet.domain.target_of import (
    Market,
    after_long_hold,
    commanded,
    known_market,
    known_vote,
    restricted,
    symbol_cap_usd,
    wanted_contracts,
)
from threet.domain.targets import AnyTarget, Hold, ReduceOnly, Target
from threet.domain.values import Known, Symbol, Unknown
from threet.domain.votes import Vote

NO_EXPLANATION = Explanation(Decimal(0), liquidated=False, pending=False)


@dataclass(frozen=True, slots=True)
class SymbolDecision:
    """What was decided for one symbol and why; ``result`` says it in words, ``limits`` which of them cut what the votes asked for."""

    target: AnyTarget
    agreement: SymbolAgreement
    vote: Vote | None
    price: Decimal | None
    state: SymbolState
    result: str
    alert: str | None
    limits: tuple[str, ...]
    foreign_orders: tuple[ForeignOrder, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """``plan`` is in the order of sending: reductions first; then ``stops`` are placed and ``stale_stops`` cancelled.

    ``no_new_risk``: why nothing of the account may grow, or None. ``foreign``: orders that are not ours, at their worst.
    """

    account_value: Known[Decimal] | Unknown
    by_symbol: Mapping[Symbol, SymbolDecision]
    plan: Sequence[PlannedOrder]
    stops: Sequence[PlannedOrder]
    stale_stops: Sequence[RestingStop]
    exposures: Mapping[Symbol, Exposure] | Unknown
    caps: Caps | Unknown
    risk: RiskState
    no_new_risk: str | None
    foreign: Sequence[Pending]
    rejected: Sequence[RejectedReport]


_Decided = tuple[SymbolDecision, PlannedOrder | None]
"""What was decided for one symbol, and its order."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A symbol that something keeps from a target; what is known of it is kept for closing and for the record."""

    hold: Hold
    market: Market | None
    vote: Vote | None


@dataclass(frozen=True, slots=True)
class _Wish:
    """A symbol on its way to a target: the contracts that the votes want, within its own cap; ``cap`` says what it cut."""

    contracts: Decimal
    cap: str | None
    market: Market
    vote: Vote


@dataclass(frozen=True, slots=True)
class _Account:
    """What holds for all symbols alike."""

    factors: Mapping[Symbol, Decimal] | Unknown
    risk: RiskState
    no_new_risk: str | None


def decide(inputs: CycleInputs) -> Decision:
    """Consensus, then targets, then the plan. Sends nothing and remembers nothing."""
    agreements = find_agreements(inputs)
    risk = _next_risk(inputs, agreements)
    no_new_risk = why_no_new_risk(risk, inputs.transfers, inputs.terms.risk) or why_uncounted(inputs.foreign)
    states = {name: _next_state(inputs, name, agreements) for name in agreements.by_symbol}
    wishes = {name: _wish(inputs, name, agreements) for name in agreements.by_symbol}
    factors = scale_factors(inputs, agreements, _wanted_usd(agreements, wishes))
    decided: Mapping[Symbol, _Decided] = {
        name: _decide_symbol(
            inputs, name, agreements, states[name], _cut(wishes[name], name, factors), _Account(factors, risk, no_new_risk)
        )
        for name in agreements.by_symbol
    }
    held, caps = exposures(inputs, agreements), caps_of(inputs, agreements)
    decided = _within_caps(inputs, agreements.account_value, decided, wishes, held, caps)
    plan = in_order_of_sending(order for _, order in decided.values())
    moving = {order.correction.symbol for order in plan}
    changes = _stop_changes(inputs, agreements, moving, risk)
    return Decision(
        agreements.account_value,
        {name: _with_problem(symbol, changes.get(name)) for name, (symbol, _) in decided.items()},
        tuple(plan),
        tuple(stop_order(inputs, change.place) for change in changes.values() if change.place is not None),
        tuple(stop for change in changes.values() for stop in change.cancel),
        held,
        caps,
        risk,
        no_new_risk,
        _foreign(inputs),
        agreements.rejected,
    )


def _foreign(inputs: CycleInputs) -> tuple[Pending, ...]:
    return () if isinstance(inputs.foreign, Unknown) else tuple(order.pending for order in inputs.foreign.value)


def _within_caps(
    inputs: CycleInputs,
    account_value: Known[Decimal] | Unknown,
    decided: Mapping[Symbol, _Decided],
    wishes: Mapping[Symbol, _Wish | _Held],
    held: Mapping[Symbol, Exposure] | Unknown,
    caps: Caps | Unknown,
) -> Mapping[Symbol, _Decided]:
    if isinstance(held, Unknown) or isinstance(caps, Unknown) or isinstance(account_value, Unknown):
        return decided
    orders = in_order_of_sending(order for _, order in decided.values())
    markets = {name: wish.market for name, wish in wishes.items() if wish.market is not None}
    cuts = cut_to_room(inputs, account_value.value, orders, markets, Room(held, [*inputs.pending, *_foreign(inputs)], caps))
    return {name: _as_cut(*decided[name], cuts.get(name)) for name in decided}


def _as_cut(symbol: SymbolDecision, order: PlannedOrder | None, cut: Cut | None) -> _Decided:
    if cut is None:
        return symbol, order
    return replace(symbol, result=cut.result, limits=(*symbol.limits, cut.limit)), cut.order


def _stop_changes(inputs: CycleInputs, agreements: Agreements, moving: Collection[Symbol], risk: RiskState) -> dict[Symbol, StopChange]:
    """A position that is about to change, or to be closed, has its stop looked at when that is done.

    Flat, in an account whose value nobody knows, may be an answer of nothing at all: no stop is taken away for it.
    """
    worthless = isinstance(agreements.account_value, Unknown)
    closing = inputs.flatten_reason is not None or risk.terminal is not None
    return {
        name: stop_change(inputs, name, agreement.agreed, confirmed_price(inputs, name, agreements.valid_observers))
        for name, agreement in agreements.by_symbol.items()
        if name in inputs.products
        and name not in moving
        and not (agreement.worst_contracts == 0 and worthless)
        and (not closing or agreement.worst_contracts == 0)
    }


def _with_problem(item: SymbolDecision, change: StopChange | None) -> SymbolDecision:
    return item if change is None or change.problem is None else replace(item, alert=item.alert or change.problem)


def _next_risk(inputs: CycleInputs, agreements: Agreements) -> RiskState:
    """An account that is not ours yet has no peak of ours."""
    if not inputs.adopted:
        return inputs.risk
    return after_reading(inputs.risk, agreements.account_value, agreements.read_between, inputs.transfers, inputs.terms.risk)


def _next_state(inputs: CycleInputs, name: Symbol, agreements: Agreements) -> SymbolState:
    state, price = inputs.states.get(name, SymbolState(name)), confirmed_price(inputs, name, agreements.valid_observers)
    agreed = agreements.by_symbol[name].agreed
    return after_round(
        replace(state, accepted_price=price.value) if isinstance(price, Known) and name in inputs.products else state,
        agreed if inputs.adopted else Unknown("this account was not adopted yet"),
        inputs.explanations.get(name, NO_EXPLANATION),
        said=agreements.by_symbol[name].said,
        now=inputs.now,
        unlock_after_rounds=inputs.terms.unlock_after_rounds,
        lock_on_external_change=inputs.terms.lock_on_external_change,
    )


def _wish(inputs: CycleInputs, name: Symbol, agreements: Agreements) -> _Wish | _Held:
    market, vote = known_market(inputs, name), known_vote(inputs, name)
    account_value = agreements.account_value
    missing = _first_missing(inputs, name, agreements, market, vote)
    if missing is None and isinstance(market, Market) and isinstance(vote, Vote) and isinstance(account_value, Known):
        wanted = wanted_contracts(inputs, account_value.value, market, vote)
        cap_usd = symbol_cap_usd(inputs, name, account_value.value, market.rules)
        capped = clamp(wanted, cap_usd / market.price)
        return _Wish(capped, None if capped == wanted else f"cap of {cap_usd:.2f} USD (max_notional_usd, leverage)", market, vote)
    return _Held(
        Hold(missing or "nothing is known"),
        market if isinstance(market, Market) else None,
        vote if isinstance(vote, Vote) else None,
    )


def _first_missing(inputs: CycleInputs, name: Symbol, agreements: Agreements, market: Market | Hold, vote: Vote | Hold) -> str | None:
    agreed, account_value = agreements.by_symbol[name].agreed, agreements.account_value
    if name not in inputs.products:
        return "not in products: reported, never traded"
    if isinstance(agreed, Unknown):
        return f"no consensus: {agreed.reason}"
    if not inputs.adopted:
        return "this database has never traded this account, which holds positions: look at them, then `3t adopt`"
    if isinstance(market, Hold):
        return market.reason
    price = confirmed_price(inputs, name, agreements.valid_observers)
    if isinstance(price, Unknown):
        return price.reason
    if isinstance(account_value, Unknown):
        return account_value.reason
    return vote.reason if isinstance(vote, Hold) else None


def _wanted_usd(agreements: Agreements, wishes: Mapping[Symbol, _Wish | _Held]) -> dict[Symbol, Decimal]:
    return {
        name: wish.contracts * wish.market.price
        for name, wish in wishes.items()
        if isinstance(wish, _Wish) and isinstance(agreements.by_symbol[name].agreed, Known)
    }


def _cut(wish: _Wish | _Held, name: Symbol, factors: Mapping[Symbol, Decimal] | Unknown) -> _Wish | _Held:
    """The wish within the caps of the whole account."""
    factor = Decimal(1) if isinstance(factors, Unknown) else factors.get(name, Decimal(1))
    if isinstance(wish, _Held) or factor == 1:
        return wish
    said = f"caps of gross and net exposure: scaled to {factor:.4f}"
    return replace(wish, contracts=wish.contracts * factor, cap=said if wish.cap is None else f"{wish.cap}; {said}")


def _decide_symbol(
    inputs: CycleInputs,
    name: Symbol,
    agreements: Agreements,
    state: SymbolState,
    wish: _Wish | _Held,
    account: _Account,
) -> tuple[SymbolDecision, PlannedOrder | None]:
    agreement = agreements.by_symbol[name]
    target = commanded(inputs, agreement, account.risk.terminal) if name in inputs.products else None
    if target is None:
        target = _target(inputs, agreement, state, wish, account)
    state = _remember_hold(inputs, state, target)
    target, alert = after_long_hold(inputs, target, agreement, state) if name in inputs.products else (target, None)
    order, result, cut = order_toward(inputs, name, agreements, target, wish.market)
    state = replace(state, dust=result.startswith("dust"))
    price = None if wish.market is None else wish.market.price
    limits = tuple(said for said in (wish.cap if isinstance(wish, _Wish) else None, account.no_new_risk, cut) if said is not None)
    others = foreign_orders_of(inputs.foreign, name)
    return SymbolDecision(target, agreement, wish.vote, price, state, result, alert, limits, others), order


def _target(inputs: CycleInputs, agreement: SymbolAgreement, state: SymbolState, wish: _Wish | _Held, account: _Account) -> AnyTarget:
    if isinstance(wish, _Held):
        return wish.hold
    target = restricted(inputs, wish.contracts, wish.cap, agreement, state, wish.market.rules, account.no_new_risk)
    if isinstance(account.factors, Unknown) and isinstance(target, Target):
        # What else is held cannot be counted, so nothing may grow; getting smaller needs no count.
        return ReduceOnly(target.contracts, f"exposure: {account.factors.reason}")
    return target


def _remember_hold(inputs: CycleInputs, state: SymbolState, target: AnyTarget) -> SymbolState:
    if not isinstance(target, Hold):
        return replace(state, hold_since=None)
    return state if state.hold_since is not None else replace(state, hold_since=inputs.now)
