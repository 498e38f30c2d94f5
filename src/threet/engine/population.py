"""Drawing a new run: everything it is born with is a function of (seed, shard, symbol, number), its id also of its time of birth."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from threet.engine.runs import RunSpec
from threet.engine.strategy import Parameter, Strategy

Range = tuple[float, float]
"""Low and high, both included."""

_MOST_DRAWS = 1_000


@dataclass(frozen=True, slots=True)
class StrategyChoice:
    """A strategy with the weight of its share of new runs and the range of each parameter."""

    strategy: Strategy
    weight: float
    ranges: Mapping[str, Range]


@dataclass(frozen=True, slots=True)
class PopulationRules:
    """How runs are drawn. Ranges of durations are market time in ms; ranges of loss and target are fractions of the start balance."""

    seed: int
    shard: int
    shards: int
    runs_per_symbol: int
    start_balance: float
    leverage: float
    fee_rate: float
    duration_ms: Range
    max_loss: Range
    target: Range
    choices: tuple[StrategyChoice, ...]

    @property
    def runs_per_symbol_here(self) -> int:
        """This shard's part of the runs of a symbol; over all shards the parts sum to ``runs_per_symbol``."""
        whole, rest = divmod(self.runs_per_symbol, self.shards)
        return whole + (self.shard < rest)


def shard_of(run_id: str, shards: int) -> int:
    return uuid.UUID(run_id).int % shards


def draw_run(rules: PopulationRules, symbol: str, number: int, started_ms: int) -> RunSpec:
    """The run number ``number`` of ``symbol``. Raises ValueError where no draw satisfies the strategy."""
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(_entropy(rules, symbol, number))))
    choice = _choose(rules.choices, generator.random())
    parameters = _draw_parameters(choice, generator)
    return RunSpec(
        id=_draw_id(rules, symbol, number, started_ms),
        number=number,
        seed=rules.seed,
        strategy=choice.strategy.name,
        symbol=symbol,
        parameters=parameters,
        start_balance=rules.start_balance,
        leverage=rules.leverage,
        fee_rate=rules.fee_rate,
        started_ms=started_ms,
        ends_ms=started_ms + int(_between(rules.duration_ms, generator)),
        max_loss_usd=rules.start_balance * _between(rules.max_loss, generator),
        target_usd=rules.start_balance * _between(rules.target, generator),
    )


def _entropy(rules: PopulationRules, symbol: str, number: int) -> list[int]:
    name = int.from_bytes(hashlib.sha256(symbol.encode()).digest()[:8], "big")
    return [rules.seed, rules.shards, rules.shard, name, number]


def _draw_id(rules: PopulationRules, symbol: str, number: int, started_ms: int) -> str:
    """Drawn until it falls into this shard. The time of birth is in it, so that a population begun anew never takes an old one's ids."""
    attempt = 0
    while True:
        text = f"{rules.seed}|{rules.shards}|{rules.shard}|{symbol}|{number}|{started_ms}|{attempt}"
        drawn = str(uuid.UUID(bytes=hashlib.sha256(text.encode()).digest()[:16], version=4))
        if shard_of(drawn, rules.shards) == rules.shard:
            return drawn
        attempt += 1


def _choose(choices: tuple[StrategyChoice, ...], at: float) -> StrategyChoice:
    remaining = at * sum(choice.weight for choice in choices)
    for choice in choices:
        remaining -= choice.weight
        if remaining < 0:
            return choice
    return choices[-1]


def _draw_parameters(choice: StrategyChoice, generator: np.random.Generator) -> dict[str, float]:
    for _ in range(_MOST_DRAWS):
        drawn = {p.name: _draw_parameter(p, choice.ranges[p.name], generator) for p in choice.strategy.parameters}
        if choice.strategy.accepts(drawn):
            return drawn
    ranges = dict(choice.ranges)
    raise ValueError(f"expected ranges of {choice.strategy.name} that allow a run, found none in {_MOST_DRAWS} draws from {ranges}")


def _draw_parameter(parameter: Parameter, limits: Range, generator: np.random.Generator) -> float:
    low, high = limits
    if not parameter.whole:
        return _between(limits, generator)
    return float(low + np.floor(generator.random() * (high - low + 1)))


def _between(limits: Range, generator: np.random.Generator) -> float:
    low, high = limits
    return low + (high - low) * generator.random()
