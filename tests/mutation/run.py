"""Runs the tests against one mutant after the other, each in a copy of its package, and says which test met it.

The source itself is never touched: the copy comes first on the path of the tests and of every process that they start.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.mutation.places import Mutant, modules, mutants_of
from tests.mutation.zeros import NOTHING, SPECIAL, ZEROS
from tests.support.settings import ROOT

PACKAGES = ("src/threet", "celery-workers/threet_workers", "providence/threet_providence")
NO_MARIADB = ("-k", "not mariadb")  # the same tests over SQLite; a start of MariaDB for each mutant is not worth its seconds
_SOURCES = ("tests/integration/cycle/test_cycle.py", "tests/integration/cycle/test_sources.py", *NO_MARIADB)
_TIME = (
    "tests/integration/cycle/test_time.py",
    "tests/integration/cycle/test_settling.py",
    "tests/integration/cycle/test_foreign.py",
    *NO_MARIADB,
)
_RISK = ("tests/integration/cycle/test_risk.py", *NO_MARIADB)
TESTS: Mapping[str, Sequence[Sequence[str]]] = {
    "threet/domain/": [("tests/unit/domain",), _RISK, _SOURCES],
    "threet/application/": [("tests/unit/application",), _SOURCES, _TIME, _RISK],
    "threet/adapters/observers.py": [("tests/integration/observers",)],
    "threet/adapters/redis/": [("tests/integration/workers/test_redis_adapter.py",)],
    "threet/adapters/run_files.py": [
        ("tests/integration/providence/test_run_files.py",),
        ("tests/integration/providence/test_run_commands.py",),
    ],
    "threet/adapters/sql/": [("tests/integration/sql/test_votes.py", "tests/integration/sql/test_records.py", *NO_MARIADB)],
    "threet/adapters/venue/": [
        ("tests/unit/adapters",),
        ("tests/contracts/venue_adapter/test_market_data.py",),
        ("tests/contracts/venue_adapter",),
    ],
    "threet/cli/": [("tests/unit/cli",), ("tests/integration/cli", *NO_MARIADB), ("tests/integration/providence/test_run_commands.py",)],
}
"""By the beginning of a module's name: what is run, the cheap first; the next only where a mutant survived."""

TIMEOUT_SECONDS = 400


@dataclass(frozen=True, slots=True)
class Result:
    """``killed_by`` is the first test that failed; None where the mutant survived all of them."""

    mutant: Mutant
    killed_by: str | None
    seconds: float


class Untestable(Exception):
    """The tests themselves fail without a mutant, or could not be run."""


def all_mutants() -> list[Mutant]:
    found = [one for package in PACKAGES for module, text in modules(ROOT / package) for one in mutants_of(module, text, ZEROS, SPECIAL)]
    return sorted(found, key=lambda one: (one.module, one.line, one.how))


def stages_of(module: str) -> Sequence[Sequence[str]]:
    """Raises Untestable where nobody said which tests know a module."""
    found = [stages for beginning, stages in TESTS.items() if module.startswith(beginning)]
    if len(found) != 1:
        raise Untestable(f"{module}: expected to stand once in TESTS of tests/mutation/run.py, was {len(found)} times")
    return found[0]


def try_out(mutant: Mutant, package: Path, stages: Sequence[Sequence[str]], root: Path = ROOT) -> Result:
    """``package`` is the folder of the package that the mutant's module belongs to.

    Raises Untestable where the tests cannot be run, or the one that failed does so without the mutant too.
    """
    started = time.monotonic()
    with _copied(package, {mutant.module: mutant.source}) as first:
        failed = next(filter(None, (run_tests(first, stage, root) for stage in stages)), None)
    if failed is not None:
        check_unmutated(failed, package, root)
    return Result(mutant, failed, time.monotonic() - started)


_sound: set[tuple[str, Path]] = set()


def check_unmutated(test: str, package: Path, root: Path) -> None:
    """Raises Untestable where the test fails although nothing was changed. Each is looked at once."""
    if (test, root) in _sound:
        return
    with _copied(package, {}) as first:
        if run_tests(first, [test], root) is not None:
            raise Untestable(f"{test} fails without a mutant")
    _sound.add((test, root))


@contextmanager
def _copied(package: Path, changed: Mapping[str, str]) -> Iterator[Path]:
    with TemporaryDirectory(prefix="3t-mutant-") as folder:
        first = Path(folder)
        shutil.copytree(package, first / package.name, ignore=shutil.ignore_patterns("__pycache__"))
        if package.name == "threet":
            (first / "threet" / "nothing.py").write_text(NOTHING)
        for module, source in changed.items():
            (first / module).write_text(source)
        yield first


def run_tests(first: Path, arguments: Sequence[str], root: Path) -> str | None:
    """The first test that failed, or None where all passed. ``first`` comes first on the path."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not faults", *arguments]
    path = os.pathsep.join([str(first), *filter(None, [os.environ.get("PYTHONPATH")])])
    told = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "HYPOTHESIS_STORAGE_DIRECTORY": str(first / "hypothesis")}
    done = subprocess.run(command, cwd=root, env=told, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    if done.returncode == 0:
        return None
    failed = re.search(r"^(?:FAILED|ERROR) (\S.*?)(?: - .*)?$", done.stdout, re.MULTILINE)
    if done.returncode != 1 or failed is None:
        raise Untestable(f"pytest ended with {done.returncode}: {(done.stdout + done.stderr)[-1500:]}")
    return failed.group(1)
