"""What a tick costs the engine: prices alone, and a bar that closes on every symbol. The real engine, its rules those of config.yml."""

from __future__ import annotations

from itertools import cycle

import numpy as np

from benchmarks.measure import Figure, median_seconds, named
from benchmarks.population import WalkingMarket, born
from threet.engine.columns import RunColumns
from threet.engine.engine import Engine

RUNS, MANY_RUNS, SYMBOLS = 10_000, 100_000, 200
READ = ("active", "symbol", "size", "entry", "realised", "fees", "funding", "least", "target")
WRITTEN = ("mark", "live_pnl")


def tick_mark_ns_per_run() -> Figure:
    engine, market = born(RUNS, SYMBOLS)
    seconds = _mark(engine, market)
    return Figure("tick_mark_ns_per_run", seconds / RUNS * 1e9, None, "ns", 100.0, note=f"{RUNS} runs, {SYMBOLS} symbols")


def tick_mark_vs_memcpy() -> Figure:
    """``memcpy`` of one block of as many bytes as the columns below hold for the runs that there are."""
    engine, market = born(MANY_RUNS, SYMBOLS)
    block = np.ones(_bytes(engine.runs, (*READ, *WRITTEN)), dtype=np.uint8)
    copy = np.zeros_like(block)
    return Figure(
        name="tick_mark_vs_memcpy",
        ours=_mark(engine, market) * 1e6,
        reference=median_seconds(lambda: np.copyto(copy, block), rounds=51) * 1e6,
        unit="us",
        goal=30.0,
        note=f"{MANY_RUNS} runs, {len(block)} bytes; read: {', '.join(READ)}; written: {', '.join(WRITTEN)}",
    )


def tick_bar_close_ns_per_run() -> Figure:
    engine, market = born(RUNS, SYMBOLS)
    bars = iter([market.next_bar() for _ in range(62)])
    trades: list[int] = []

    def close() -> None:
        trades.append(sum(map(len, engine.on_candles(next(bars)).entries)))

    seconds = median_seconds(close, rounds=61)
    present = sorted(engine.strategies[int(number)].name for number in np.unique(engine.runs.strategy[engine.runs.active]))
    return Figure(
        name="tick_bar_close_ns_per_run",
        ours=seconds / RUNS * 1e9,
        reference=None,
        unit="ns",
        goal=1_000.0,
        note=f"{RUNS} runs, {SYMBOLS} symbols close; {', '.join(present)}; {np.mean(trades) / RUNS:.1%} of the runs trade at a close",
    )


def _mark(engine: Engine, market: WalkingMarket) -> float:
    """Each tick brings another price of every symbol."""
    prices = cycle([market.marks() for _ in range(16)])
    return median_seconds(lambda: engine.on_prices(next(prices), market.now_ms), rounds=51)


def _bytes(runs: RunColumns, names: tuple[str, ...]) -> int:
    active = int(runs.active.sum())
    return sum(active * getattr(runs, name).dtype.itemsize for name in names)


FIGURES = named(tick_mark_ns_per_run, tick_mark_vs_memcpy, tick_bar_close_ns_per_run)
