"""Whether trades were right, by what the venue's own books and the recorded decisions say of each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Decided:
    """What the database says of one order and of its cycle's target for the symbol, which is None where that was a Hold."""

    symbol: str
    side: str
    contracts: Decimal
    kind: str
    target: Decimal | None


@dataclass(frozen=True, slots=True)
class Traded:
    """What the venue says of one order's executions: the position before the first and after the last."""

    symbol: str
    before: Decimal
    after: Decimal


def traded(fills: Sequence[Mapping[str, Any]]) -> dict[str, Traded]:
    """By client order id in small letters, from the venue's answer to ``userFills``, the newest first."""
    found: dict[str, Traded] = {}
    for fill in reversed(fills):
        start = Decimal(fill["startPosition"])
        end = start + (Decimal(fill["sz"]) if fill["side"] == "B" else -Decimal(fill["sz"]))
        name = str(fill["cloid"]).lower()
        found[name] = Traded(fill["coin"], found[name].before if name in found else start, end)
    return found


def decided(sql: Callable[[str], list[list[str]]]) -> dict[str, Decided]:
    """Of each order of the database, by client order id in small letters."""
    target = "JSON_UNQUOTE(JSON_EXTRACT(d.targets, CONCAT('$.\"', o.symbol, '\".target.{}')))"
    rows = sql(
        f"SELECT o.client_order_id, o.symbol, o.side, o.contracts, {target.format('kind')}, {target.format('contracts')}"
        " FROM orders o JOIN decisions d ON d.cycle_id = o.cycle_id"
    )
    return {
        name.lower(): Decided(symbol, side, Decimal(contracts), kind, _wanted(kind, target_contracts))
        for name, symbol, side, contracts, kind, target_contracts in rows
    }


def _wanted(kind: str, contracts: str) -> Decimal | None:
    if kind == "Hold":
        return None
    return Decimal(0) if kind == "Flatten" else Decimal(contracts)


def wrong_trades(venue: Mapping[str, Traded], decided: Mapping[str, Decided]) -> list[str]:
    """Why, for each trade that nobody decided, that is larger than decided, or that leads away from its target or beyond it."""
    return [f"{name}: {why}" for name, trade in venue.items() if (why := _why_wrong(trade, decided.get(name)))]


def _why_wrong(trade: Traded, order: Decided | None) -> str | None:
    if order is None:
        return "no decision of ours"
    moved = trade.after - trade.before
    if trade.symbol != order.symbol.partition("/")[0] or (moved > 0) != (order.side == "buy"):
        return f"decided {order.side} {order.symbol}, traded {moved} {trade.symbol}"
    if abs(moved) > order.contracts:
        return f"decided {order.contracts}, traded {moved}"
    if order.target is None:
        return f"traded {moved} on {order.kind}"
    if not min(trade.before, order.target) <= trade.after <= max(trade.before, order.target):
        return f"{order.kind} {order.target}, traded from {trade.before} to {trade.after}"
    return None
