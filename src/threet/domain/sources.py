"""What one source says that the account holds, and when its word counts (I2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

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


class Rejection(StrEnum):
    """Why a report does not count, in a word; the text beside it tells the rest."""

    NO_ANSWER = "no_answer"
    NO_REPORT = "no_report"  # an answer, but none that can be read
    FORGED = "forged"
    REPLAYED = "replayed"
    OTHER_ACCOUNT = "other_account"
    INCOMPLETE = "incomplete"
    STALE = "stale"
    FUTURE = "future"
    LATE = "late"  # fresh, but older than our last fill or settlement of the symbol allows
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Rejected(Unknown):
    """A report that does not count: Unknown, and sorted by its kind of reason."""

    kind: Rejection


def kind_of(view: Unknown) -> Rejection:
    """UNREADABLE where nobody has sorted it."""
    return view.kind if isinstance(view, Rejected) else Rejection.UNREADABLE


def usable(view: SourceView, *, account: str, now: datetime, max_age: timedelta, max_skew: timedelta) -> SourceView:
    """The view itself if it is fresh by both of its clocks, complete and of this account; else Unknown with the reason.

    ``max_age`` counts as inclusive: a reading exactly that old is still fresh.
    """
    if isinstance(view, Unknown):
        return view
    reading = view.value
    if reading.account.lower() != account.lower():
        return Rejected(f"{view.source}: of another account ({reading.account})", Rejection.OTHER_ACCOUNT)
    if not reading.complete:
        return Rejected(f"{view.source}: incomplete", Rejection.INCOMPLETE)
    for clock, at in (("observed", reading.observed_at), ("exchange time", reading.exchange_time)):
        age = now - at
        if age > max_age:
            said = f"{view.source}: {clock} {age.total_seconds():.1f} s ago, limit {max_age.total_seconds():g} s"
            return Rejected(said, Rejection.STALE)
        if age < -max_skew:
            return Rejected(f"{view.source}: {clock} {-age.total_seconds():.1f} s in the future", Rejection.FUTURE)
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
        return Rejected(f"{view.source}: {late:.1f} s older than our last fill or settlement of {symbol} allows", Rejection.LATE)
    return Known(reading.positions.get(symbol, Decimal(0)), reading.exchange_time, view.source)
