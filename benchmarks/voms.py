"""A virtual trade costs the same however many came before it (DESIGN, VOMS: each operation O(1) in the number of trades)."""

from __future__ import annotations

from benchmarks.measure import Figure, median_seconds, named
from threet.engine.voms import Voms

OPERATIONS = 2_000


def voms_operation_after_10000_trades_vs_10() -> Figure:
    short, long = _with_history(10), _with_history(10_000)
    return Figure(
        name="voms_operation_after_10000_trades_vs_10",
        ours=median_seconds(lambda: _operate(long)) / OPERATIONS * 1e9,
        reference=median_seconds(lambda: _operate(short)) / OPERATIONS * 1e9,
        unit="ns",
        goal=1.2,
    )


def _with_history(trades: int) -> Voms:
    voms = Voms(start_balance=10_000.0, leverage=1.0, fee_rate=0.00045)
    for number in range(trades):
        voms.add_trade(100.0 + number % 7, 1.0 if number % 2 == 0 else -1.0)
    return voms


def _operate(voms: Voms) -> float:
    """A trade there and back, each with a new price and a look at the result."""
    seen = 0.0
    for number in range(OPERATIONS // 2):
        for size in (1.0, -1.0):
            voms.add_trade(100.0 + number % 5, size)
            voms.update_price(101.0)
            seen += voms.live_pnl
    return seen


FIGURES = named(voms_operation_after_10000_trades_vs_10)
