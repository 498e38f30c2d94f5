"""Runs the state machine with one seed and gives what was logged: ``python -m tests.support.machine.run SEED EXAMPLES STEPS`` prints it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.support.machine.databases import MakeEngine, on_sqlite
from tests.support.machine.steps import Machine
from tests.support.machine.world import World


def run(
    make: MakeEngine,
    chosen: settings,
    number: int | None = None,
    offend: Callable[[dict[str, Any]], dict[str, Any]] = lambda parts: parts,
) -> list[World]:
    """Every world that was played through, closed. Raises AssertionError at the first one in which something was violated."""
    worlds: list[World] = []

    class Chosen(Machine):
        make_engine = staticmethod(make)
        offends = staticmethod(offend)
        finished = staticmethod(worlds.append)

    run_state_machine_as_test(Chosen if number is None else seed(number)(Chosen), settings=chosen)
    return worlds


def short(examples: int, steps: int) -> settings:
    """For a run that is to be repeated, or to fail: nothing is remembered of others, and nothing is made shorter."""
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def logged(make: MakeEngine, number: int, examples: int, steps: int) -> str:
    return "\n".join(line for world in run(make, short(examples, steps), number) for line in ["a new world", *world.log])


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    print(logged(on_sqlite, *(int(argument) for argument in sys.argv[1:4])))
