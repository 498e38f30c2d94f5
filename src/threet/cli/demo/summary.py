"""The one line of JSON at the end, and whether the show was a success. Pure: facts in, words out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

_LEAST_TARGETED_SYMBOLS = 2


@dataclass(frozen=True, slots=True)
class SymbolFacts:
    """One symbol at the end, in signed contracts.

    ``target`` is the last decision's, None where it had none (``why_no_target``). ``actual`` is the platform's own view, ``ledger`` the
    simulator's. ``tolerance`` is the larger of lot, minimum notional and no-trade band; None where the last decision lacked what it needs.
    """

    target: Decimal | None
    why_no_target: str | None
    is_listed: bool
    actual: Decimal | None
    ledger: Decimal
    max_abs_target: Decimal
    reductions: int
    tolerance: Decimal | None


@dataclass(frozen=True, slots=True)
class ShowFacts:
    """The whole show, counted from its start. ``live_pnl`` (USD) is the sum over the virtual ``runs``."""

    fills: int
    orders: int
    unresolved: int
    decisions: int
    consensus_cycles: int
    runs: int
    live_pnl: float
    account_value: Decimal | None
    symbols: Mapping[str, SymbolFacts]


def as_line(facts: ShowFacts) -> dict[str, Any]:
    """JSON values. Here, at the edge, decimals become numbers; an unknown one is null."""
    return {
        "fills": facts.fills,
        "orders": facts.orders,
        "unresolved": facts.unresolved,
        "decisions": facts.decisions,
        "consensus_cycles": facts.consensus_cycles,
        "runs": facts.runs,
        "live_pnl": round(facts.live_pnl, 6),
        "account_value": _number(facts.account_value),
        "symbols": {
            name: {
                "target": _number(symbol.target),
                "actual": _number(symbol.actual),
                "ledger": _number(symbol.ledger),
                "max_abs_target": _number(symbol.max_abs_target),
                "reductions": symbol.reductions,
            }
            for name, symbol in sorted(facts.symbols.items())
        },
    }


def failures(facts: ShowFacts) -> list[str]:
    """One line for each condition of a successful show that does not hold; empty where all hold."""
    lines = []
    if facts.unresolved:
        lines.append(f"{facts.unresolved} orders have no known end")
    targeted = sum(symbol.max_abs_target > 0 for symbol in facts.symbols.values())
    if targeted < _LEAST_TARGETED_SYMBOLS:
        lines.append(f"expected a target other than zero in at least {_LEAST_TARGETED_SYMBOLS} symbols, was in {targeted}")
    if not any(symbol.reductions for symbol in facts.symbols.values()):
        lines.append("expected at least one position to be reduced, none was")
    for name, symbol in sorted(facts.symbols.items()):
        lines += _off_target(name, symbol)
    return lines


def _off_target(name: str, symbol: SymbolFacts) -> list[str]:
    if symbol.target is None:
        if not symbol.is_listed and symbol.ledger == 0:
            return []  # the venue does not know it: reported, and blocks nothing
        return [f"{name}: the last decision has no target: {symbol.why_no_target}"]
    if symbol.tolerance is None:
        return [f"{name}: the last decision lacks a price or the market's rules"]
    off = abs(symbol.ledger - symbol.target)
    if off > symbol.tolerance:
        return [
            f"{name}: the simulator's ledger holds {symbol.ledger}, target {symbol.target}: {off} apart, tolerated {symbol.tolerance:f}"
        ]
    return []


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
