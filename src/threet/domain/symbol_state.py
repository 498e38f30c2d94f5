"""What is remembered of a symbol between cycles, and the lock that an unexplained change puts on it (step 4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from threet.domain.values import Known, Symbol, Unknown


@dataclass(frozen=True, slots=True)
class SymbolState:
    """``agreed_contracts`` is the last position by consensus, at the exchange time ``agreed_at``.

    ``accepted_price`` is the last one that did not jump, or whose jump the observers confirmed (USD).
    """

    symbol: Symbol
    agreed_contracts: Decimal | None = None
    agreed_at: datetime | None = None
    lock_reason: str | None = None
    locked_at: datetime | None = None
    agreeing_rounds: int = 0
    needs_person: bool = False
    hold_since: datetime | None = None
    dust: bool = False
    accepted_price: Decimal | None = None

    @property
    def locked(self) -> bool:
        return self.lock_reason is not None


@dataclass(frozen=True, slots=True)
class Explanation:
    """What our records say of the time since the last agreement: ``change`` is Σ signed contracts of our own fills.

    ``pending``: an order of ours there has no known end, so that nothing can be judged yet.
    """

    change: Decimal
    liquidated: bool
    pending: bool


def after_round(
    state: SymbolState,
    agreed: Known[Decimal] | Unknown,
    explanation: Explanation,
    *,
    now: datetime,
    unlock_after_rounds: int,
    lock_on_external_change: bool,
) -> SymbolState:
    """The state after one cycle. Disagreement starts the count of agreeing rounds again; an unexplained change locks."""
    if isinstance(agreed, Unknown):
        return replace(state, agreeing_rounds=0)
    if explanation.pending and not explanation.liquidated:
        return state
    before = state.agreed_contracts if state.agreed_contracts is not None else Decimal(0)
    unexplained = agreed.value - before - explanation.change
    moved = replace(state, agreed_contracts=agreed.value, agreed_at=agreed.as_of)
    if explanation.liquidated:
        return _lock(moved, f"liquidated by the venue; position now {agreed.value}; only a person unlocks", now, needs_person=True)
    if unexplained != 0 and lock_on_external_change:
        reason = f"position changed by {unexplained} from {before} to {agreed.value}, which our fills do not explain"
        return _lock(moved, reason, now, needs_person=state.needs_person)
    return _count(moved, unlock_after_rounds)


def after_liquidation(state: SymbolState, now: datetime) -> SymbolState:
    """Locked until a person unlocks, at the first sight of the fill: by its time alone it could be older than what was last agreed on."""
    return _lock(state, "liquidated by the venue; only a person unlocks", now, needs_person=True)


def _lock(state: SymbolState, reason: str, now: datetime, *, needs_person: bool) -> SymbolState:
    return replace(state, lock_reason=reason, locked_at=now, agreeing_rounds=0, needs_person=needs_person)


def _count(state: SymbolState, unlock_after_rounds: int) -> SymbolState:
    if not state.locked:
        return state
    rounds = state.agreeing_rounds + 1
    if rounds >= unlock_after_rounds and not state.needs_person:
        return replace(state, lock_reason=None, locked_at=None, agreeing_rounds=0)
    return replace(state, agreeing_rounds=rounds)
