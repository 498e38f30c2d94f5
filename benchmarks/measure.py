"""How a figure is measured and said: the median of several rounds, both sides in the same run, one JSON object per line."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """``ours`` against ``reference`` (None where the goal is absolute). The goal is an upper bound, unless ``goal_is_minimum``."""

    name: str
    ours: float
    reference: float | None
    unit: str
    goal: float
    goal_is_minimum: bool = False
    note: str = ""  # what was measured, where the name does not say it

    @property
    def ratio(self) -> float | None:
        return None if self.reference is None else self.ours / self.reference

    @property
    def met(self) -> bool:
        measured = self.ours if self.ratio is None else self.ratio
        return measured >= self.goal if self.goal_is_minimum else measured <= self.goal

    def line(self) -> str:
        said = {"name": self.name, "ours": self.ours, "reference": self.reference, "ratio": self.ratio, "unit": self.unit}
        return json.dumps({**said, "goal": self.goal, "met": self.met, **({"note": self.note} if self.note else {})})


Measured = Callable[[], Figure]
"""Measures one figure; ``FIGURES`` of a module has each by its name."""


def named(*measured: Measured) -> dict[str, Measured]:
    """The functions by their names, which are those of their figures."""
    return {each.__name__: each for each in measured}


def median_seconds(work: Callable[[], object], rounds: int = 7) -> float:
    """Median wall time of ``work`` over ``rounds``, after one that warms up."""
    work()
    return statistics.median(timed(work) for _ in range(rounds))


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds by the clock, and of this thread's processor time: on a busy machine the second says more about the code."""

    seconds: float
    processor: float


def by_turns(ours: Callable[[], Callable[[], object]], reference: Callable[[], Callable[[], object]], rounds: int) -> tuple[Took, Took]:
    """The medians of both, each making its next work ready unmeasured; by turns, so that both meet the same machine. The first of each
    warms up."""
    pairs = [(took(ours()), took(reference())) for _ in range(rounds + 1)][1:]
    mine, theirs = zip(*pairs, strict=True)
    return _median(mine), _median(theirs)


def _median(many: Sequence[Took]) -> Took:
    return Took(statistics.median(one.seconds for one in many), statistics.median(one.processor for one in many))


def took(work: Callable[[], object]) -> Took:
    """One call."""
    started, processor = time.perf_counter(), time.thread_time()
    work()
    return Took(time.perf_counter() - started, time.thread_time() - processor)


def timed(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    return took(work).seconds
