"""Descent: a share of new runs takes its parameters from one of the best finished runs of its symbol, a little changed.

The ancestors are part of the engine's state: journal and snapshots hold them, so that a restart draws the same descendants.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from threet.engine.strategy import Parameter, Strategy

Range = tuple[float, float]
"""Low and high, both included."""


@dataclass(frozen=True, slots=True)
class DescentRules:
    """``share`` of the new runs descends; ``mutation`` is how far a parameter may move, as a fraction of its range."""

    share: float = 0.0
    mutation: float = 0.0
    best: int = 1  # ancestors of each symbol


NO_DESCENT = DescentRules()


@dataclass(frozen=True, slots=True)
class Ancestor:
    """A run that finished with a gain: ``gain`` is its live_pnl as a fraction of the start balance."""

    run_id: str
    symbol: str
    strategy: str
    gain: float
    parameters: Mapping[str, float]


class Ancestors:
    """The best finished runs of each symbol, at most ``most`` of each: the same ones in whatever order they finished."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._best: dict[str, tuple[Ancestor, ...]] = {}

    def take(self, ancestor: Ancestor) -> bool:
        """False where it gained nothing, or too little to be one of them."""
        before = self._best.get(ancestor.symbol, ())
        if ancestor.gain <= 0 or ancestor in before:
            return False
        best = sorted((*before, ancestor), key=lambda one: (-one.gain, one.run_id))[: self._most]
        self._best[ancestor.symbol] = tuple(best)
        return ancestor in best

    def of(self, symbol: str) -> tuple[Ancestor, ...]:
        """The best first."""
        return self._best.get(symbol, ())

    def all(self) -> tuple[Ancestor, ...]:
        return tuple(one for symbol in sorted(self._best) for one in self._best[symbol])

    def load(self, saved: Iterable[Ancestor]) -> None:
        """Takes what was saved instead of what is there."""
        self._best = {}
        for ancestor in saved:
            self.take(ancestor)


def choose(ancestors: Sequence[Ancestor], rules: DescentRules, generator: np.random.Generator) -> Ancestor | None:
    """One of them, each as likely; None where the next run does not descend."""
    at, which = generator.random(), generator.random()
    return ancestors[int(which * len(ancestors))] if ancestors and at < rules.share else None


def mutated(
    ancestor: Ancestor, strategy: Strategy, ranges: Mapping[str, Range], mutation: float, draws: int, generator: np.random.Generator
) -> dict[str, float] | None:
    """The ancestor's parameters, each moved by up to ``mutation`` of its range and kept inside it; None where no draw is accepted."""
    for _ in range(draws):
        drawn = {p.name: _moved(p, ancestor.parameters.get(p.name), ranges[p.name], mutation, generator) for p in strategy.parameters}
        if strategy.accepts(drawn):
            return drawn
    return None


def _moved(parameter: Parameter, value: float | None, limits: Range, mutation: float, generator: np.random.Generator) -> float:
    low, high = limits
    start = (low + high) / 2 if value is None else value  # the strategy has a new parameter since
    moved = start + (high - low) * mutation * (2.0 * generator.random() - 1.0)
    return min(max(float(np.rint(moved)) if parameter.whole else moved, low), high)
