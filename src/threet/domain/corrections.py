"""From a target and the agreed position to at most one order (I3).

Written invariants, each with a property test:
- Hold asks for nothing.
- ReduceOnly and Flatten never lead away from zero nor through it.
- A flip is a full close now; its opening is a later cycle's.
- What opens or partly reduces has the minimum notional; a full close is always asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from threet.domain.rounding import round_to_lot
from threet.domain.targets import AnyTarget, Flatten, Hold, ReduceOnly, Target
from threet.domain.values import Correction, MarketRules, Side


@dataclass(frozen=True, slots=True)
class Nothing:
    """No order, and why."""

    reason: str


def desired_contracts(target: Target | ReduceOnly | Flatten, actual: Decimal) -> Decimal:
    """The signed size that ``target`` means for an account that holds ``actual``."""
    if isinstance(target, Flatten):
        return Decimal(0)
    if isinstance(target, Target):
        return target.contracts
    if target.contracts * actual <= 0:
        return Decimal(0)
    return target.contracts if abs(target.contracts) < abs(actual) else actual


def correction_for(target: AnyTarget, actual: Decimal, rules: MarketRules, price: Decimal, band_contracts: Decimal) -> Correction | Nothing:
    """The order that leads from ``actual`` toward ``target``, or Nothing.

    ``band_contracts`` >= 0 is the no-trade band of a plain Target; closing wholly is never inside it, since nobody wants the rest.
    """
    if isinstance(target, Hold):
        return Nothing(f"hold: {target.reason}")
    desired = desired_contracts(target, actual)
    delta = desired - actual
    if delta == 0:
        return Nothing("at target")
    side = Side.BUY if delta > 0 else Side.SELL
    if actual != 0 and desired * actual <= 0:
        return _close(actual, rules, side)
    if isinstance(target, Target) and abs(delta) <= band_contracts:
        return Nothing(f"inside the no-trade band ({abs(delta)} of {band_contracts:.6g})")
    contracts = round_to_lot(abs(delta), rules.lot)
    if contracts == 0:
        return Nothing("less than a lot away")
    if contracts * price < rules.minimum_notional_usd:
        return Nothing(f"below the minimum notional of {rules.minimum_notional_usd} USD")
    return Correction(rules.symbol, side, contracts, reduce_only=abs(desired) < abs(actual))


def _close(actual: Decimal, rules: MarketRules, side: Side) -> Correction | Nothing:
    contracts = round_to_lot(abs(actual), rules.lot)
    if contracts == 0:
        return Nothing("dust: less than a lot is left")
    return Correction(rules.symbol, side, contracts, reduce_only=True)
