"""One decision: from everything that was read to targets, the plan and the new memory. Pure: the same inputs, the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from threet.domain.agreement import Agreements, SymbolAgreement, find_agreements
from threet.domain.caps import Caps, Exposure
from threet.domain.corrections import Nothing, correction_for
from threet.domain.identity import client_order_id
from threet.domain.inputs import CycleInputs
from threet.domain.portfolio import caps_of, exposures, scale_factors
from threet.domain.rounding import limit_price
from threet.domain.sizing import clamp
from threet.domain.symbol_state import Explanation, SymbolState, after_round
from threet.domain.target_of import (
    Market,
    after_long_hold,
    band_contracts,
    commanded,
    known_market,
    known_vote,
    restricted,
    symbol_cap_usd,
    wanted_contracts,
)
from threet.domain.targets import AnyTarget, Hold, ReduceOnly, Target
from threet.domain.values import Correction, Known, Symbol, Unknown
from threet.domain.votes import Vote

NO_EXPLANATION = Explanation(Decimal(0), liquidated=False, pending=False)


@dataclass(frozen=True, slots=True)
class PlannedOrder:
    """A correction with its name and its worst price."""

    client_order_id: str
    correction: Correction
    limit_price: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class SymbolDecision:
    """What was decided for one symbol and why; ``result`` says it in words."""

    target: AnyTarget
    agreement: SymbolAgreement
    vote: Vote | None
    price: Decimal | None
    state: SymbolState
    result: str
    alert: str | None


@dataclass(frozen=True, slots=True)
class Decision:
    """``plan`` is in the order of sending: reductions first."""

    account_value: Known[Decimal] | Unknown
    by_symbol: Mapping[Symbol, SymbolDecision]
    plan: Sequence[PlannedOrder]
    exposures: Mapping[Symbol, Exposure] | Unknown
    caps: Caps | Unknown


@dataclass(frozen=True, slots=True)
class _Held:
    """A symbol that something keeps from a target; what is known of it is kept for closing and for the record."""

    hold: Hold
    market: Market | None
    vote: Vote | None


@dataclass(frozen=True, slots=True)
class _Wish:
    """A symbol on its way to a target: the contracts that the votes want, within its own cap."""

    contracts: Decimal
    is_capped: bool
    market: Market
    vote: Vote


def decide(inputs: CycleInputs) -> Decision:
    """Consensus, then targets, then the plan. Sends nothing and remembers nothing."""
    agreements = find_agreements(inputs)
    states = {name: _next_state(inputs, name, agreement) for name, agreement in agreements.by_symbol.items()}
    wishes = {name: _wish(inputs, name, agreements) for name in agreements.by_symbol}
    factors = scale_factors(inputs, agreements, _wanted_usd(agreements, wishes))
    decided = {name: _decide_symbol(inputs, name, agreements, states[name], wishes[name], factors) for name in agreements.by_symbol}
    plan = sorted(
        (order for _, order in decided.values() if order is not None),
        key=lambda order: (not order.correction.reduce_only, order.correction.symbol),
    )
    return Decision(
        agreements.account_value,
        {name: symbol for name, (symbol, _) in decided.items()},
        tuple(plan),
        exposures(inputs, agreements),
        caps_of(inputs, agreements),
    )


def _next_state(inputs: CycleInputs, name: Symbol, agreement: SymbolAgreement) -> SymbolState:
    return after_round(
        inputs.states.get(name, SymbolState(name)),
        agreement.agreed if inputs.adopted else Unknown("this account was not adopted yet"),
        inputs.explanations.get(name, NO_EXPLANATION),
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
        capped = clamp(wanted, symbol_cap_usd(inputs, name, account_value.value, market.rules) / market.price)
        return _Wish(capped, capped != wanted, market, vote)
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
    if isinstance(account_value, Unknown):
        return account_value.reason
    return vote.reason if isinstance(vote, Hold) else None


def _wanted_usd(agreements: Agreements, wishes: Mapping[Symbol, _Wish | _Held]) -> dict[Symbol, Decimal]:
    return {
        name: wish.contracts * wish.market.price
        for name, wish in wishes.items()
        if isinstance(wish, _Wish) and isinstance(agreements.by_symbol[name].agreed, Known)
    }


def _decide_symbol(
    inputs: CycleInputs,
    name: Symbol,
    agreements: Agreements,
    state: SymbolState,
    wish: _Wish | _Held,
    factors: Mapping[Symbol, Decimal] | Unknown,
) -> tuple[SymbolDecision, PlannedOrder | None]:
    agreement = agreements.by_symbol[name]
    target = commanded(inputs, agreement) if name in inputs.products else None
    if target is None:
        target = _target(inputs, name, agreement, state, wish, factors)
    state = _remember_hold(inputs, state, target)
    target, alert = after_long_hold(inputs, target, agreement, state) if name in inputs.products else (target, None)
    order, result = _order(inputs, name, agreements, target, wish.market)
    state = replace(state, dust=result.startswith("dust"))
    price = None if wish.market is None else wish.market.price
    return SymbolDecision(target, agreement, wish.vote, price, state, result, alert), order


def _target(
    inputs: CycleInputs,
    name: Symbol,
    agreement: SymbolAgreement,
    state: SymbolState,
    wish: _Wish | _Held,
    factors: Mapping[Symbol, Decimal] | Unknown,
) -> AnyTarget:
    if isinstance(wish, _Held):
        return wish.hold
    if isinstance(factors, Unknown):
        target = restricted(inputs, wish.contracts, wish.is_capped, agreement, state, wish.market.rules)
        # What else is held cannot be counted, so nothing may grow; getting smaller needs no count.
        return ReduceOnly(target.contracts, f"exposure: {factors.reason}") if isinstance(target, Target) else target
    factor = factors.get(name, Decimal(1))
    return restricted(inputs, wish.contracts * factor, wish.is_capped or factor != 1, agreement, state, wish.market.rules)


def _remember_hold(inputs: CycleInputs, state: SymbolState, target: AnyTarget) -> SymbolState:
    if not isinstance(target, Hold):
        return replace(state, hold_since=None)
    return state if state.hold_since is not None else replace(state, hold_since=inputs.now)


def _order(
    inputs: CycleInputs, name: Symbol, agreements: Agreements, target: AnyTarget, market: Market | None
) -> tuple[PlannedOrder | None, str]:
    agreed = agreements.by_symbol[name].agreed
    if isinstance(target, Hold):
        return None, f"hold: {target.reason}"
    if isinstance(agreed, Unknown):
        return None, f"hold: no consensus: {agreed.reason}"
    if market is None:
        return None, "hold: no price or no market rules to close with"
    value = agreements.account_value
    band = Decimal(0) if isinstance(value, Unknown) else band_contracts(inputs, name, value.value, market.price)
    correction = correction_for(target, agreed.value, market.rules, market.price, band)
    if isinstance(correction, Nothing):
        return None, correction.reason
    worst_price = limit_price(market.price, correction.side, inputs.terms.order_slippage_bps, market.rules)
    name_of_order = client_order_id(inputs.epoch, inputs.cycle_id, correction)
    said = f"{correction.side} {correction.contracts}{' reduce-only' if correction.reduce_only else ''}"
    return PlannedOrder(name_of_order, correction, worst_price, _why(target, agreed.value)), said


def _why(target: AnyTarget, actual: Decimal) -> str:
    reason = getattr(target, "reason", None)
    aim = getattr(target, "contracts", Decimal(0))
    return f"{type(target).__name__} {aim} from {actual}" + (f": {reason}" if reason else "")
