"""Gathers what the check of a strategy needs: the strategy, its ranges, candles; and asks a second process for the same decisions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from threet.adapters.strategy_files import StrategyFileError, known_strategies, load_strategy
from threet.engine.strategy import Strategy
from threet.engine.strategy_check import Verdict, check
from threet.engine.types import Floats
from threet.settings import Settings
from threet.simulator.replay import load_replay
from threet.simulator.seeded import SeededSource

Ranges = dict[str, tuple[float, float]]

_PRICES = {"BTC": 60_000.0, "DOGE": 0.1}
_MOST_BARS_BACK = 60
"""Where nobody gives a range of a whole parameter: a check over a thousand bars back would take minutes and show no more."""
_SECOND_PROCESS_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Asked:
    """``strategy`` is a path or a name, ``ranges`` are those given by hand."""

    strategy: str
    candles: Path | None
    bars: int
    seed: int
    settings: Settings | None
    ranges: Ranges


def verdict(asked: Asked) -> Verdict:
    """Raises StrategyFileError or ValueError where there is nothing to check."""
    strategy = _make(asked)
    ranges = _ranges(strategy, asked)
    outside = [
        f"{p.name}: expected a range inside [{p.low:g}, {p.high:g}], was {list(ranges[p.name])}"
        for p in strategy.parameters
        if not p.low <= ranges[p.name][0] <= ranges[p.name][1] <= p.high
    ]
    if outside:
        return Verdict(tuple(outside), 0, 0, 0, "")
    return check(lambda: _make(asked), _candles(asked), ranges, asked.seed)


def other_process(asked: Asked, first: Verdict) -> list[str]:
    """A second interpreter with other hash seeds must decide the same."""
    if first.problems:
        return []
    arguments = ["--seed", str(asked.seed), "--bars", str(asked.bars), "--digest"]
    arguments += [part for name, (low, high) in _ranges(_make(asked), asked).items() for part in ("--range", f"{name}={low!r}:{high!r}")]
    arguments += ["--candles", str(asked.candles)] if asked.candles else []
    command = [sys.executable, "-m", "threet.cli.main", "strategy", "check", asked.strategy, *arguments]
    environment = os.environ | {"PYTHONHASHSEED": str(asked.seed + 1)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_SECOND_PROCESS_SECONDS)
    if done.returncode:
        return [f"another process could not check it: {done.stderr.strip().splitlines()[-1:]}"]
    if json.loads(done.stdout)["digest"] != first.digest:
        return ["another process decides otherwise: it draws, or depends on the order of a set"]
    return []


def _make(asked: Asked) -> Strategy:
    """A fresh one: a file is run again, so that nothing can carry over."""
    path = Path(asked.strategy)
    if path.suffix == ".py":
        return load_strategy(path)
    known = known_strategies(None)
    if asked.strategy not in known:
        raise StrategyFileError(f"{asked.strategy}: expected a file that ends in .py, or one of {', '.join(sorted(known))}")
    return known[asked.strategy]


def _ranges(strategy: Strategy, asked: Asked) -> Ranges:
    told = asked.settings.providence.strategies.get(strategy.name) if asked.settings else None
    configured: Mapping[str, tuple[float, float]] = told.parameters if told else {}
    names = {p.name for p in strategy.parameters}
    if unknown := set(asked.ranges) - names:
        raise ValueError(f"--range: expected one of {', '.join(sorted(names))}, was {', '.join(sorted(unknown))}")
    own = {p.name: (p.low, min(p.high, max(p.low, _MOST_BARS_BACK)) if p.whole else p.high) for p in strategy.parameters}
    return own | {name: value for name, value in configured.items() if name in names} | asked.ranges


def _candles(asked: Asked) -> dict[str, Floats]:
    """The newest ``bars`` of each market: open time in ms, open, high, low, close, volume."""
    if asked.candles is None:
        sources = {coin: SeededSource(asked.seed, coin, price) for coin, price in _PRICES.items()}
        return {coin: _dated(source.rows(0, asked.bars), asked.bars, source.interval_ms) for coin, source in sources.items()}
    found = {}
    for coin, source in load_replay(asked.candles).sources.items():
        first = max(source.first_index, source.last_index - asked.bars)
        found[coin] = _dated(source.rows(first, source.last_index), source.last_index, source.interval_ms)
    return found


def _dated(rows: Floats, last_index: int, interval_ms: int) -> Floats:
    """With the open time of each bar in front; ``last_index`` is that of the bar behind the last."""
    return np.column_stack([np.arange(last_index - len(rows), last_index, dtype=np.float64) * interval_ms, rows])
