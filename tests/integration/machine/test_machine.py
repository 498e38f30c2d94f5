"""Prices, votes, faults, transfers, liquidations, crashes, restarts, lying observers, people: I1 to I5 after every step (D19)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings
from tests.support.cycle import BTC
from tests.support.machine.databases import on_mariadb, on_sqlite
from tests.support.machine.run import logged, run
from tests.support.machine.steps import ORDER_FAULTS, READING_FAULTS
from tests.support.machine.world import POINTS, SOL, World
from tests.support.mariadb import MariaDb
from tests.support.properties import examples
from tests.support.settings import ROOT

from threet.simulator.faults import KINDS

STEPS = 30
SEED, WORLDS, SEEDED_STEPS = 7, 2, 20


@pytest.mark.hypothesis
@pytest.mark.timeout(7200)  # a backstop: make proof plays 600 and 300 of them
def test_the_invariants_hold_after_every_step_on_sqlite() -> None:
    worlds = run(on_sqlite, settings(max_examples=max(4, examples(0.03)), stateful_step_count=STEPS))
    seen = sum((Counter(world.audit.counts) for world in worlds), Counter())
    assert seen["open"] > 0 < seen["reduce"], "a machine that never trades proves nothing"


@pytest.mark.hypothesis
@pytest.mark.timeout(7200)  # a backstop: make proof plays 600 and 300 of them
def test_the_invariants_hold_after_every_step_on_mariadb(mariadb: MariaDb) -> None:
    run(on_mariadb(mariadb), settings(max_examples=max(2, examples(0.015)), stateful_step_count=STEPS))


@pytest.fixture(scope="module")
def here() -> str:
    return logged(on_sqlite, SEED, WORLDS, SEEDED_STEPS)


@pytest.mark.timeout(300)
def test_the_same_seed_gives_the_same_log_byte_for_byte(here: str) -> None:
    """In this process and in another, in which sets and dictionaries have another order."""
    hashes = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    command = [sys.executable, "-m", "tests.support.machine.run", str(SEED), str(WORLDS), str(SEEDED_STEPS)]
    there = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": hashes}, capture_output=True, check=True)
    assert there.stdout.decode() == here + "\n"
    assert here.count('"signed"') > 5, "nothing was sent: this proves nothing"
    assert here != logged(on_sqlite, SEED + 1, 1, 3)


@pytest.mark.timeout(300)
def test_the_log_is_the_same_on_both_databases(mariadb: MariaDb, here: str) -> None:
    assert logged(on_mariadb(mariadb), SEED, WORLDS, SEEDED_STEPS) == here


def test_every_kind_of_fault_that_the_simulator_has_is_among_the_steps() -> None:
    assert {kind for kind, _ in (*ORDER_FAULTS, *READING_FAULTS)} == set(KINDS)


def test_every_point_at_which_the_worker_dies_is_one_that_a_cycle_reaches(tmp_path: Path) -> None:
    """A reduction and an opening in one cycle; a cycle that has points of another name would never die at these."""
    world = World(tmp_path, on_sqlite)
    try:
        world.vote(SOL, 8)
        for _ in range(4):
            world.cycle()
        world.vote(SOL, 0)
        world.vote(BTC, 8)
        world.cycle()
        assert sorted(set(POINTS) - set(world.points.trace)) == []
    finally:
        world.close()
