"""What the venue's answers say of the account. A field is there in its form, or nothing is reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from threet.observer.naming import unified_name

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST = datetime(2004, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)


class Unreadable(Exception):
    """The venue did not answer, or not with what was asked for."""


@dataclass(frozen=True, slots=True)
class AccountView:
    """One account in one answer. Contracts are signed; names are unified."""

    positions: Mapping[str, Decimal]
    account_value: Decimal
    exchange_time: datetime


def account_view(answer: Any) -> AccountView:
    """Reads ``clearinghouseState``. Raises Unreadable."""
    rows = _get(answer, "assetPositions")
    if not isinstance(rows, list):
        raise Unreadable("clearinghouseState.assetPositions: expected a list")
    positions: dict[str, Decimal] = {}
    for row in rows:
        position = _get(row, "position")
        name = unified_name(_coin(_get(position, "coin")))
        if name in positions:
            raise Unreadable(f"clearinghouseState: {name} twice")
        positions[name] = decimal_of(_get(position, "szi"), f"szi of {name}")
    value = decimal_of(_get(_get(answer, "marginSummary"), "accountValue"), "accountValue")
    held = {name: contracts for name, contracts in positions.items() if contracts != 0}
    return AccountView(held, value, _time(_get(answer, "time")))


def mark_prices(answer: Any) -> dict[str, Decimal]:
    """Reads ``metaAndAssetCtxs``: the mark of each traded market that has one. Raises Unreadable."""
    universe, contexts = _get(_get(answer, 0), "universe"), _get(answer, 1)
    if not isinstance(universe, list) or not isinstance(contexts, list) or len(universe) != len(contexts) or not universe:
        raise Unreadable("metaAndAssetCtxs: expected as many contexts as markets, and some")
    marks: dict[str, Decimal] = {}
    for entry, context in zip(universe, contexts, strict=True):
        mark = context.get("markPx") if isinstance(context, dict) else None
        if mark is not None and _get(entry, "name") and entry.get("isDelisted") is not True:
            marks[unified_name(_coin(entry["name"]))] = decimal_of(mark, f"markPx of {entry['name']}")
    return marks


def sub_account_addresses(answer: Any) -> tuple[str, ...]:
    """Reads ``subAccounts``: null where the account has none. Raises Unreadable."""
    if answer is None:
        return ()
    if not isinstance(answer, list):
        raise Unreadable("subAccounts: expected a list or null")
    return tuple(str(_get(entry, "subAccountUser")) for entry in answer)


def summed(views: list[AccountView]) -> dict[str, Decimal]:
    """The positions of several accounts together, without those that cancel out to zero."""
    total: dict[str, Decimal] = {}
    for view in views:
        for name, contracts in view.positions.items():
            total[name] = total.get(name, Decimal(0)) + contracts
    return {name: contracts for name, contracts in total.items() if contracts != 0}


def decimal_of(found: Any, what: str) -> Decimal:
    """A finite number that came as text. Raises Unreadable."""
    try:
        number = Decimal(found) if isinstance(found, str) else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise Unreadable(f"{what}: expected a decimal string, found {str(found)[:40]!r}")
    return number


def _time(found: Any) -> datetime:
    if isinstance(found, bool) or not isinstance(found, int):
        raise Unreadable(f"clearinghouseState.time: expected milliseconds, found {str(found)[:40]!r}")
    try:
        at = _EPOCH + timedelta(milliseconds=found)
    except OverflowError:
        at = _EPOCH
    if not _EARLIEST <= at <= _LATEST:
        raise Unreadable(f"clearinghouseState.time: expected milliseconds since 1970, found {found}")
    return at


def _coin(found: Any) -> str:
    if not isinstance(found, str) or not found:
        raise Unreadable(f"coin: expected a name, found {str(found)[:40]!r}")
    return found


def _get(record: Any, key: str | int) -> Any:
    try:
        found = record[key]
    except (KeyError, IndexError, TypeError):
        found = None
    if found is None:
        raise Unreadable(f"expected {key} in the answer, found {str(record)[:80]!r}")
    return found
