"""What one source says that the account holds, and when its word counts (I2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from threet.domain.values import Known, Symbol, Unknown


@dataclass(frozen=True, slots=True)
class SourceReading:
    """One look at the whole account. ``exchange_time`` is the venue's wall clock, ``observed_at`` the looker's."""

    account: str
    complete: bool
    observed_at: datetime
    exchange_time: datetime
    positions: Mapping[Symbol, Decimal]
    account_value: Decimal


SourceView = Known[SourceReading] | Unknown


def usable(view: SourceView, *, account: str, now: datetime, max_age: timedelta, max_skew: timedelta) -> SourceView:
    """The view itself if it is fresh by both of its clocks, complete and of this account; else Unknown with the reason.

    ``max_age`` counts as inclusive: a reading exactly that old is still fresh.
    """
    if isinstance(view, Unknown):
        return view
    reading = view.value
    if reading.account.lower() != account.lower():
        return Unknown(f"{view.source}: of another account ({reading.account})")
    if not reading.complete:
        return Unknown(f"{view.source}: incomplete")
    for clock, at in (("observed", reading.observed_at), ("exchange time", reading.exchange_time)):
        age = now - at
        if age > max_age:
            return Unknown(f"{view.source}: {clock} {age.total_seconds():.1f} s ago, limit {max_age.total_seconds():g} s")
        if age < -max_skew:
            return Unknown(f"{view.source}: {clock} {-age.total_seconds():.1f} s in the future")
    return view


def contracts_after(view: SourceView, symbol: Symbol, not_before: datetime | None) -> Known[Decimal] | Unknown:
    """The signed contracts of ``symbol`` in a usable view whose exchange time is later than ``not_before``.

    A symbol without a row is flat: the view is a complete one.
    """
    if isinstance(view, Unknown):
        return view
    reading = view.value
    if not_before is not None and reading.exchange_time <= not_before:
        late = (not_before - reading.exchange_time).total_seconds()
        return Unknown(f"{view.source}: {late:.1f} s older than our last fill or settlement of {symbol} allows")
    return Known(reading.positions.get(symbol, Decimal(0)), reading.exchange_time, view.source)
