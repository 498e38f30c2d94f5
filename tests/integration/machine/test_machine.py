"""Prices, votes, faults, transfers, liquidations, crashes, restarts, lying observers, people: I1 to I5 after every step (D19)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import settings
from tests.support.machine.databases import on_mariadb, on_sqlite
from tests.support.machine.run import logged, run
from tests.support.mariadb import MariaDb
from tests.support.properties import examples
from tests.support.settings import ROOT

STEPS = 30
SEED, WORLDS, SEEDED_STEPS = 7, 2, 20


@pytest.mark.hypothesis
@pytest.mark.timeout(7200)  # a backstop: make proof plays 800 and 400 of them
def test_the_invariants_hold_after_every_step_on_sqlite() -> None:
    worlds = run(on_sqlite, settings(max_examples=max(4, examples(0.04)), stateful_step_count=STEPS))
    seen = sum((Counter(world.audit.counts) for world in worlds), Counter())
    assert seen["open"] > 0 < seen["reduce"], "a machine that never trades proves nothing"


@pytest.mark.hypothesis
@pytest.mark.timeout(7200)  # a backstop: make proof plays 800 and 400 of them
def test_the_invariants_hold_after_every_step_on_mariadb(mariadb: MariaDb) -> None:
    run(on_mariadb(mariadb), settings(max_examples=max(2, examples(0.02)), stateful_step_count=STEPS))


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
