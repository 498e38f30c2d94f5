"""Drawing a new run: a function of (seed, shard, symbol, number); its id also of its time of birth, and a descendant of its parent."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from threet.engine.descent import NO_DESCENT, Ancestor, DescentRules, Range, choose, mutated
from threet.engine.runs import RunSpec, id_number
from threet.engine.strategy import Parameter, Strategy

_MOST_DRAWS = 1_000
_OF_DESCENT = 1


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
    symbol_weights: Mapping[str, float] = field(default_factory=dict)  # 1 where nothing stands
    descent: DescentRules = NO_DESCENT

    def runs_here(self, symbol: str) -> int:
        """This shard's part of the runs of a symbol; over all shards the parts sum to ``runs_per_symbol`` times its weight."""
        whole, rest = divmod(runs_of(self.runs_per_symbol, self.symbol_weights.get(symbol, 1.0)), self.shards)
        return whole + (self.shard < rest)


def runs_of(runs_per_symbol: int, weight: float) -> int:
    """The runs of a symbol in all shards, one at least."""
    return max(1, round(runs_per_symbol * weight))


def shard_of(run_id: str, shards: int) -> int:
    return id_number(run_id) % shards


def is_of_shard(run_id: str, shard: int, shards: int) -> bool:
    """What is no run's id falls to shard 0, so that it is counted once."""
    try:
        return shard_of(run_id, shards) == shard
    except ValueError:
        return shard == 0


def draw_run(rules: PopulationRules, symbol: str, number: int, started_ms: int, ancestors: Sequence[Ancestor] = ()) -> RunSpec:
    """The run number ``number`` of ``symbol``. Raises ValueError where no draw satisfies the strategy."""
    generator = _generator(rules, symbol, number)
    choice = _choose(rules.choices, generator.random())
    strategy, parameters, parent = choice.strategy.name, _draw_parameters(choice, generator), None
    if inherited := _inherited(rules, symbol, number, ancestors):
        strategy, parameters, parent = inherited
    return RunSpec(
        id=_draw_id(rules, symbol, number, started_ms),
        number=number,
        seed=rules.seed,
        strategy=strategy,
        symbol=symbol,
        parameters=parameters,
        start_balance=rules.start_balance,
        leverage=rules.leverage,
        fee_rate=rules.fee_rate,
        started_ms=started_ms,
        ends_ms=started_ms + int(_between(rules.duration_ms, generator)),
        max_loss_usd=rules.start_balance * _between(rules.max_loss, generator),
        target_usd=rules.start_balance * _between(rules.target, generator),
        parent=parent,
    )


def _inherited(rules: PopulationRules, symbol: str, number: int, ancestors: Sequence[Ancestor]) -> tuple[str, dict[str, float], str] | None:
    """Strategy, parameters and parent of a descendant. It has chance of its own: without descent all other draws are the same."""
    known = {choice.strategy.name: choice for choice in rules.choices}
    generator = _generator(rules, symbol, number, _OF_DESCENT)
    ancestor = choose([one for one in ancestors if one.strategy in known], rules.descent, generator)
    if ancestor is None:
        return None
    choice = known[ancestor.strategy]
    parameters = mutated(ancestor, choice.strategy, choice.ranges, rules.descent.mutation, _MOST_DRAWS, generator)
    return None if parameters is None else (ancestor.strategy, parameters, ancestor.run_id)


def _generator(rules: PopulationRules, symbol: str, number: int, *purpose: int) -> np.random.Generator:
    name = int.from_bytes(hashlib.sha256(symbol.encode()).digest()[:8], "big")
    entropy = [rules.seed, rules.shards, rules.shard, name, number, *purpose]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))


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
