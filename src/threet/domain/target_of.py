"""The target of one symbol: what votes, locks, limits and people ask for, or Hold with the first thing that is missing."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from threet.domain.agreement import SymbolAgreement
from threet.domain.inputs import CycleInputs
from threet.domain.rounding import round_to_lot
from threet.domain.sizing import target_contracts
from threet.domain.symbol_state import SymbolState
from threet.domain.targets import AnyTarget, Flatten, Hold, ReduceOnly, Target
from threet.domain.terms import SymbolTerms
from threet.domain.values import Known, MarketRules, Symbol, Unknown
from threet.domain.votes import Vote, net_vote


@dataclass(frozen=True, slots=True)
class Market:
    """What sizing needs of a symbol, all of it known."""

    rules: MarketRules
    price: Decimal


def fresh_price(inputs: CycleInputs, name: Symbol) -> Known[Decimal] | Unknown:
    """The mark price of ``name`` if it is not older than ``max_price_age`` (inclusive), not of the future, and above 0."""
    price = inputs.prices.get(name, Unknown("never published"))
    if isinstance(price, Unknown):
        return Unknown(f"price: {price.reason}")
    age = inputs.now - price.as_of
    if age > inputs.terms.max_price_age:
        return Unknown(f"price: {age.total_seconds():.1f} s old, limit {inputs.terms.max_price_age.total_seconds():g} s")
    if age < -inputs.terms.max_clock_skew:
        return Unknown(f"price: {-age.total_seconds():.1f} s in the future")
    return price if price.value > 0 else Unknown(f"price: {price.value} is not above 0")


def known_market(inputs: CycleInputs, name: Symbol) -> Market | Hold:
    """Rules and a fresh price, or Hold."""
    rules = inputs.rules.get(name, Unknown("the venue's rules were not read"))
    if isinstance(rules, Unknown):
        return Hold(f"market rules: {rules.reason}")
    price = fresh_price(inputs, name)
    return Hold(price.reason) if isinstance(price, Unknown) else Market(rules, price.value)


def known_vote(inputs: CycleInputs, name: Symbol) -> Vote | Hold:
    """The vote of a symbol that is warm and of whose runs not too many are quarantined, or Hold."""
    if isinstance(inputs.votes, Unknown):
        return Hold(f"votes: {inputs.votes.reason}")
    vote = inputs.votes.value.get(name)
    if vote is None:
        return Hold("votes: no shard runs this symbol yet")
    if isinstance(vote, Unknown):
        return Hold(f"votes: {vote.reason}")
    if vote.paused:
        return Hold(f"votes: {vote.paused}")
    if not vote.warm:
        return Hold("votes: warming up, or its candles are stale")
    runs = vote.active_runs + vote.quarantined_runs
    if runs == 0:
        return Hold("votes: no run of this symbol yet")
    if Decimal(100 * vote.quarantined_runs) > inputs.terms.max_quarantined_percent * runs:
        return Hold(f"votes: {vote.quarantined_runs} of {runs} runs are quarantined")
    return vote


def wanted_contracts(inputs: CycleInputs, account_value: Decimal, market: Market, vote: Vote) -> Decimal:
    """The signed contracts that the votes ask for, before any cap."""
    net = net_vote(vote.direction_sum, vote.voters, inputs.terms.vote_full_size_runs)
    return target_contracts(net, account_value, inputs.terms.risk_pos_percentage, market.price)


def symbol_cap_usd(inputs: CycleInputs, name: Symbol, account_value: Decimal, rules: MarketRules) -> Decimal:
    """The largest notional (USD) that this symbol may have."""
    terms = inputs.products[name]
    leverage = min(terms.leverage, terms.max_leverage, rules.max_leverage)
    return min(terms.max_notional_usd, account_value * leverage)


def band_contracts(inputs: CycleInputs, name: Symbol, account_value: Decimal, price: Decimal) -> Decimal:
    """The no-trade band: a share of a full position, in contracts."""
    full = target_contracts(Decimal(1), account_value, inputs.terms.risk_pos_percentage, price)
    return full * inputs.products[name].no_trade_band_percent / 100


def restricted(
    inputs: CycleInputs,
    capped: Decimal,
    cap: str | None,
    agreement: SymbolAgreement,
    state: SymbolState,
    rules: MarketRules,
    no_new_risk: str | None,
) -> AnyTarget:
    """The target after consensus, pending orders, locks, limits and caps had their say.

    ``capped`` is signed contracts within the caps, ``cap`` what cut them, ``no_new_risk`` why nothing of the account may grow.
    """
    agreed = agreement.agreed
    if isinstance(agreed, Unknown):
        return Hold(f"no consensus: {agreed.reason}")
    if any(order.symbol == rules.symbol for order in inputs.pending):
        return Hold("an order of ours there has no known end yet")
    target = round_to_lot(capped, rules.lot)
    if state.locked:
        return ReduceOnly(target, f"locked: {state.why_locked}")
    stopped = no_new_risk or switched_off(inputs.products[rules.symbol], target)
    if stopped is not None:
        return ReduceOnly(target, stopped)
    if cap is not None and abs(agreed.value) > abs(target) and agreed.value * target >= 0:
        return ReduceOnly(target, cap)
    return Target(target)


def switched_off(terms: SymbolTerms, contracts: Decimal) -> str | None:
    """The switch of config.yml that stops new risk toward ``contracts`` (signed), or None."""
    if terms.reduce_only:
        return "reduce_only is set"
    if contracts > 0 and not terms.can_go_long:
        return "can_go_long is false"
    return "can_go_short is false" if contracts < 0 and not terms.can_go_short else None


def commanded(inputs: CycleInputs, agreement: SymbolAgreement, terminal: str | None) -> AnyTarget | None:
    """Flatten where a person or the terminal drawdown asks for it. It still wants consensus: without it only ``--emergency`` may close."""
    reason = inputs.flatten_reason or terminal
    if reason is None:
        return None
    if isinstance(agreement.agreed, Unknown):
        return Hold(f"flatten is wanted, but no consensus: {agreement.agreed.reason}")
    return Flatten(reason)


def after_long_hold(inputs: CycleInputs, target: AnyTarget, agreement: SymbolAgreement, state: SymbolState) -> tuple[AnyTarget, str | None]:
    """The target, and an alert where a position has been held longer than ``max_hold`` without a decision."""
    if not isinstance(target, Hold) or state.hold_since is None:
        return target, None
    held = inputs.now - state.hold_since
    if held <= inputs.terms.max_hold or agreement.worst_contracts == 0:
        return target, None
    alert = f"on hold for {held.total_seconds():.0f} s with a position: {target.reason}"
    may_close = inputs.terms.flatten_on_long_hold and inputs.adopted and isinstance(agreement.agreed, Known)
    return (Flatten(alert), alert) if may_close else (target, alert)
