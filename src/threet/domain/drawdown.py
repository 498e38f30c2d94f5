"""The account over time: its peak, the loss of a day, and the levels at which nothing grows or everything is closed.

Written invariants, each with a property test:
- What could not be read counts neither for nor against: the state stays as it was.
- Fewer than ``readings`` readings in a row move no peak and reach no level.
- A transfer alone, of whatever size, is neither a gain nor a loss.
- The terminal level is left by a person's word only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from threet.domain.values import Known, Unknown


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money that came (``usd`` > 0) or went, at the venue's time ``at``; fees that it cost are in ``usd``."""

    transfer_id: str
    at: datetime
    usd: Decimal


@dataclass(frozen=True, slots=True)
class RiskTerms:
    """The levels, in per cent, and how many complete readings in a row must say that one is reached."""

    max_daily_loss_percent: Decimal
    soft_drawdown_percent: Decimal
    terminal_drawdown_percent: Decimal
    readings: int


@dataclass(frozen=True, slots=True)
class RiskState:
    """What is remembered of one account. Amounts in USD, all with every known transfer counted in, so that they can be compared.

    ``readings`` are the last complete ones, newest last; ``counted`` the transfers that the amounts hold, as far back as they are
    asked for again; ``terminal`` says why everything was closed, until a person resumes.
    """

    account: str
    readings: tuple[Decimal, ...] = ()
    read_at: datetime | None = None
    counted: tuple[str, ...] = ()
    peak: Decimal | None = None
    day: date | None = None
    day_start: Decimal | None = None
    soft: bool = False
    daily: bool = False
    terminal: str | None = None

    @property
    def needs_person(self) -> bool:
        """Whether ``3t resume`` has something to take back."""
        return self.soft or self.daily or self.terminal is not None


Transfers = Known[tuple[Transfer, ...]] | Unknown


def after_reading(
    state: RiskState, value: Known[Decimal] | Unknown, between: tuple[datetime, datetime] | None, transfers: Transfers, terms: RiskTerms
) -> RiskState:
    """The state after one cycle. ``between``: the first and the last of the venue's times at which the sources saw ``value``.

    A reading that is not newer than the last one, or with a transfer among its sources' times, is none.
    """
    if isinstance(value, Unknown) or isinstance(transfers, Unknown) or between is None:
        return state
    first, last = between
    if state.read_at is not None and first <= state.read_at:
        return state
    if any(first <= transfer.at <= last for transfer in transfers.value):
        return state
    moved = _with_transfers(state, transfers.value, first)
    readings = (*moved.readings, value.value)[-terms.readings :]
    read = replace(moved, readings=readings, read_at=first)
    return read if len(readings) < terms.readings else _with_levels(_with_baselines(read, first.date()), terms)


def why_no_new_risk(state: RiskState, transfers: Transfers, terms: RiskTerms) -> str | None:
    """The reason why nothing may grow now, or None."""
    if state.terminal is not None:
        return state.terminal
    if isinstance(transfers, Unknown):
        return f"transfers could not be read: {transfers.reason}"
    if len(state.readings) < terms.readings:
        return f"account value: {len(state.readings)} of the {terms.readings} readings that the drawdown stop begins with"
    if state.daily:
        return f"daily loss limit of {terms.max_daily_loss_percent} % was reached on {state.day}"
    return f"drawdown of {terms.soft_drawdown_percent} % or more below the peak of {state.peak:.2f} USD" if state.soft else None


def _with_transfers(state: RiskState, transfers: tuple[Transfer, ...], until: datetime) -> RiskState:
    """Every amount moves with the money that came or went before ``until``; the first reading already holds what there is."""
    then = [transfer for transfer in transfers if transfer.at < until]
    counted = tuple(sorted(transfer.transfer_id for transfer in then))
    if state.read_at is None:
        return replace(state, counted=counted)
    known = set(state.counted)
    amount = sum((transfer.usd for transfer in then if transfer.transfer_id not in known), Decimal(0))
    return replace(
        state,
        counted=counted,
        readings=tuple(reading + amount for reading in state.readings),
        peak=None if state.peak is None else state.peak + amount,
        day_start=None if state.day_start is None else state.day_start + amount,
    )


def _with_baselines(state: RiskState, today: date) -> RiskState:
    """The peak rises to what all readings reach; a day starts with the one in their middle, so that no single one decides."""
    lowest = min(state.readings)
    peak = lowest if state.peak is None or state.peak <= 0 else max(state.peak, lowest)
    if state.day_start is not None and state.day_start > 0 and today == state.day:
        return replace(state, peak=peak)
    return replace(state, peak=peak, day=today, day_start=sorted(state.readings)[len(state.readings) // 2], daily=False)


def _with_levels(state: RiskState, terms: RiskTerms) -> RiskState:
    """A level is reached where the best of the readings is below it, and left where the worst of them is above it."""
    best, worst = max(state.readings), min(state.readings)
    peak, day_start = state.peak, state.day_start
    if peak is None or day_start is None:
        return state
    soft = _fall(peak, best) >= terms.soft_drawdown_percent or (state.soft and _fall(peak, worst) >= terms.soft_drawdown_percent)
    daily = state.daily or _fall(day_start, best) >= terms.max_daily_loss_percent
    terminal = state.terminal
    if terminal is None and _fall(peak, best) >= terms.terminal_drawdown_percent:
        terminal = f"drawdown of {_fall(peak, best):.2f} % below the peak of {peak:.2f} USD, limit {terms.terminal_drawdown_percent} %"
    return replace(state, soft=soft, daily=daily, terminal=terminal)


def _fall(start: Decimal, value: Decimal) -> Decimal:
    """How far ``value`` lies below ``start``, in per cent of it; ``start`` is above 0."""
    return (start - value) * 100 / start
