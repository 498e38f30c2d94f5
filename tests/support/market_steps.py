"""A small seeded market for the tests of the engine and of Providence: prices and closed candles of several symbols, in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from threet.engine.descent import NO_DESCENT, DescentRules
from threet.engine.effects import Effects
from threet.engine.engine import Engine, EngineRules
from threet.engine.market import CandleRow
from threet.engine.population import PopulationRules, StrategyChoice
from threet.engine.trend import Trend
from threet.engine.votes import VoteRules

MINUTE_MS = 60_000
A, B, C = "A/USDC:USDC", "B/USDC:USDC", "C/USDC:USDC"
WARMUP = 20


@dataclass(frozen=True)
class Prices:
    market_ms: int
    marks: Mapping[str, float]
    funding: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Candles:
    symbol: str
    rows: tuple[CandleRow, ...]


MarketStep = Prices | Candles


def walk(symbol: str, bars: int, seed: int) -> list[CandleRow]:
    """A random walk with regimes of 15 bars; low and high enclose open and close."""
    generator = np.random.default_rng([seed, *symbol.encode()])
    drift = np.repeat(generator.normal(0, 0.0008, bars // 15 + 1), 15)[:bars]
    closes = 100 * np.exp(np.cumsum(drift + generator.normal(0, 0.0012, bars)))
    opens = np.concatenate([[100.0], closes[:-1]])
    return [
        (float(i * MINUTE_MS), float(o), float(max(o, c)) * 1.0005, float(min(o, c)) * 0.9995, float(c), 1.0)
        for i, (o, c) in enumerate(zip(opens, closes, strict=True))
    ]


def session(symbols: tuple[str, ...], bars: int, seed: int = 1, history: int = WARMUP, prices_per_bar: int = 2) -> Iterator[MarketStep]:
    """First the history, then bar by bar: prices inside the bar, then the closed candle of each symbol."""
    walks = {symbol: walk(symbol, history + bars, seed) for symbol in symbols}
    for symbol in symbols:
        yield Candles(symbol, tuple(walks[symbol][:history]))
    for bar in range(history, history + bars):
        for part in range(prices_per_bar):
            share = part / prices_per_bar
            marks = {s: walks[s][bar][1] + share * (walks[s][bar][4] - walks[s][bar][1]) for s in symbols}
            yield Prices(bar * MINUTE_MS + int(share * MINUTE_MS), marks, {s: rate(s, bar, seed) for s in symbols})
        for symbol in symbols:
            yield Candles(symbol, (walks[symbol][bar],))


def rate(symbol: str, bar: int, seed: int) -> float:
    """Of funding, for an hour: between -0.03 and 0.05 %, another one each bar."""
    return float(np.random.default_rng([seed, bar, *symbol.encode()]).uniform(-0.0003, 0.0005))


def rules(
    runs_per_symbol: int = 24,
    seed: int = 5,
    shard: int = 0,
    shards: int = 1,
    descent: DescentRules = NO_DESCENT,
    weights: Mapping[str, float] | None = None,
) -> EngineRules:
    """Short lives, close stops and quick votes, so that much happens in few bars."""
    trend = StrategyChoice(Trend(), 1.0, {"fast_bars": (1, 4), "slow_bars": (5, WARMUP), "band_bps": (0, 4)})
    return EngineRules(
        population=PopulationRules(
            seed=seed,
            shard=shard,
            shards=shards,
            runs_per_symbol=runs_per_symbol,
            start_balance=10_000.0,
            leverage=1.0,
            fee_rate=0.00045,
            duration_ms=(900_000, 3_600_000),
            max_loss=(0.003, 0.01),
            target=(0.003, 0.012),
            choices=(trend,),
            symbol_weights=weights or {},
            descent=descent,
        ),
        votes=VoteRules(min_age_ms=300_000, min_trades=1, enter_return=0.0005, exit_return=-0.0005),
        interval_ms=MINUTE_MS,
        warmup_bars=WARMUP,
        fill_cost=lambda _symbol: 0.0002,
    )


def take(engine: Engine, step: MarketStep) -> Effects:
    if isinstance(step, Prices):
        return engine.on_prices(step.marks, step.market_ms, step.funding)
    return engine.on_candles({step.symbol: step.rows})


def state_of(engine: Engine) -> dict[str, tuple[object, ...]]:
    """All that a run is, by id, floats as their exact bits."""
    runs = engine.runs
    return {
        run_id: (
            runs.spec(slot),
            *(float(getattr(runs, name)[slot]).hex() for name in ("live_pnl", "size", "entry", "realised", "fees", "funding", "mark")),
            int(runs.closed_trades[slot]),
            bool(runs.risen[slot]),
            bool(runs.votes[slot]),
            tuple(value.hex() for value in runs.state[slot].tolist()),
            tuple(part.tobytes() for part in runs.logs[slot].arrays(0, len(runs.logs[slot]))),
        )
        for run_id, slot in runs.slot_of.items()
    }
