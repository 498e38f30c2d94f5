"""What is remembered of a symbol between cycles, and the lock that an unexplained change puts on it (step 4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from threet.domain.values import Known, Symbol, Unknown


@dataclass(frozen=True, slots=True)
class SymbolState:
    """``agreed_contracts`` is the last position by consensus, at the exchange time ``agreed_at``.

    ``accepted_price`` is the last one that did not jump, or whose jump the observers confirmed (USD). ``lock_sources`` is what each source
    said when the lock was put on. ``manual_*`` is a person's own lock: why, who, until when. ``unlocked`` is who last opened one, and why.
    ``astray_contracts`` is by how much the agreed position is another than all fills since a person's last word make it: sources that
    agree may still be wrong together, so that the limits count with both until a person has looked.
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
    lock_sources: str | None = None
    manual_reason: str | None = None
    manual_by: str | None = None
    manual_until: datetime | None = None
    unlocked: str | None = None
    astray_contracts: Decimal = Decimal(0)

    @property
    def by_fills(self) -> Decimal:
        """The position (signed contracts) as the fills have it."""
        return (self.agreed_contracts or Decimal(0)) - self.astray_contracts

    @property
    def locked(self) -> bool:
        return self.why_locked is not None

    @property
    def why_locked(self) -> str | None:
        """The reasons of both locks, or None."""
        by_person = None
        if self.manual_reason is not None and self.manual_until is not None:
            by_person = f"by {self.manual_by} until {self.manual_until:%Y-%m-%d %H:%M:%S} UTC: {self.manual_reason}"
        return "; ".join(why for why in (self.lock_reason, by_person) if why is not None) or None


@dataclass(frozen=True, slots=True)
class Explanation:
    """What our records say of the time since the last agreement: ``change`` is Σ signed contracts of our own fills, ``others`` of all else.

    ``pending``: an order of ours there has no known end, so that nothing can be judged yet. ``later``: Σ of all fills that came after
    the local snapshot, which the next agreement is to have.
    """

    change: Decimal
    liquidated: bool
    pending: bool
    others: Decimal = Decimal(0)
    later: Decimal = Decimal(0)


def after_round(
    state: SymbolState,
    agreed: Known[Decimal] | Unknown,
    explanation: Explanation,
    *,
    said: str,
    now: datetime,
    unlock_after_rounds: int,
    lock_on_external_change: bool,
) -> SymbolState:
    """The state after one cycle. Disagreement starts the count of agreeing rounds again; an unexplained change locks.

    ``said`` is what each source said in this round, for the record of a lock. A person's lock ends by the time alone.
    """
    state = without_expired_lock(state, now)
    if isinstance(agreed, Unknown):
        return replace(state, agreeing_rounds=0)
    if explanation.pending and not explanation.liquidated:
        return state
    before = state.agreed_contracts if state.agreed_contracts is not None else Decimal(0)
    unexplained = agreed.value - before - explanation.change
    astray = state.astray_contracts + unexplained - explanation.others
    moved = replace(state, agreed_contracts=agreed.value, agreed_at=agreed.as_of, astray_contracts=astray)
    if explanation.liquidated:
        reason = f"liquidated by the venue; position now {agreed.value}; only a person unlocks"
        return replace(_lock(moved, reason, now, needs_person=True), lock_sources=said)
    if unexplained != 0 and lock_on_external_change:
        reason = f"position changed by {unexplained} from {before} to {agreed.value}, which our fills do not explain"
        return replace(_lock(moved, reason, now, needs_person=state.needs_person), lock_sources=said)
    return _count(moved, unlock_after_rounds)


def after_liquidation(state: SymbolState, now: datetime) -> SymbolState:
    """Locked until a person unlocks, at the first sight of the fill: by its time alone it could be older than what was last agreed on."""
    return _lock(state, "liquidated by the venue; only a person unlocks", now, needs_person=True)


def after_stop(state: SymbolState, now: datetime) -> SymbolState:
    """Locked until a person unlocks: the votes that led into the loss would open it again in the next cycle."""
    return _lock(state, "its resting stop was executed; only a person unlocks", now, needs_person=True)


def locked_by_person(state: SymbolState, *, who: str, why: str, until: datetime) -> SymbolState:
    """A person's lock, in the place of an earlier one of a person; that of the engine stays beside it."""
    return replace(state, manual_reason=why, manual_by=who, manual_until=until)


def unlocked_by_person(state: SymbolState, *, who: str, why: str, now: datetime) -> SymbolState:
    """Both locks are open, who opened which of them is remembered, and what is agreed counts alone. The same where nothing was locked."""
    if not state.locked and state.astray_contracts == 0:
        return state
    open_ = replace(state, lock_reason=None, locked_at=None, lock_sources=None, agreeing_rounds=0, needs_person=False)
    open_ = replace(open_, astray_contracts=Decimal(0))
    was = f"it was locked: {state.why_locked}" if state.locked else f"it was not locked, but the fills made it {state.by_fills}"
    told = f"{who} at {now.isoformat(timespec='seconds')}: {why}; {was}"
    return replace(open_, manual_reason=None, manual_by=None, manual_until=None, unlocked=told)


def without_expired_lock(state: SymbolState, now: datetime) -> SymbolState:
    """A person's lock holds up to its end, not at it."""
    if state.manual_until is None or now < state.manual_until:
        return state
    return replace(state, manual_reason=None, manual_by=None, manual_until=None)


def _lock(state: SymbolState, reason: str, now: datetime, *, needs_person: bool) -> SymbolState:
    return replace(state, lock_reason=reason, locked_at=now, lock_sources=None, agreeing_rounds=0, needs_person=needs_person)


def _count(state: SymbolState, unlock_after_rounds: int) -> SymbolState:
    if state.lock_reason is None:
        return state
    rounds = state.agreeing_rounds + 1
    if rounds >= unlock_after_rounds and not state.needs_person:
        return replace(state, lock_reason=None, locked_at=None, lock_sources=None, agreeing_rounds=0)
    return replace(state, agreeing_rounds=rounds)
