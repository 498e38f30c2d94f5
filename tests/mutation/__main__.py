"""``python -m tests.mutation [--every N] [--only PART] [--cheap] [--report FILE]``: exit code 1 where a mutant survived."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.mutation.run import PACKAGES, Result, all_mutants, stages_of, try_out
from tests.support.settings import ROOT


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.mutation")
    parser.add_argument("--every", type=int, default=1, help="each Nth mutant alone")
    parser.add_argument("--only", default="", help="mutants with this in their name")
    parser.add_argument("--cheap", action="store_true", help="the first tests of each module alone")
    parser.add_argument("--report", type=Path)
    told = parser.parse_args()
    started, results = time.monotonic(), []
    mutants = [one for one in all_mutants() if told.only in one.name][:: told.every]
    packages = {Path(package).name: ROOT / package for package in PACKAGES}
    for one in mutants:
        result = try_out(one, packages[one.module.partition("/")[0]], stages_of(one.module)[: 1 if told.cheap else None])
        results.append(result)
        print(f"{result.seconds:6.1f} s  {one.name}: {result.killed_by or 'SURVIVED'}", flush=True)
    if told.report is not None:
        told.report.write_text(report(results, time.monotonic() - started))
    survived = [result for result in results if result.killed_by is None]
    print(f"{len(results)} mutants, {len(survived)} survived")
    return 1 if survived else 0


def report(results: Sequence[Result], seconds: float) -> str:
    survived = sum(result.killed_by is None for result in results)
    places = {(result.mutant.module, result.mutant.line, result.mutant.shown) for result in results}
    lines = [
        "# Unknown is never zero: the mutants",
        "",
        "Written by `make proof`: each place of the source that yields `Unknown` (found in its syntax), turned into a known nothing",
        "(zero) or, where a condition guards it, skipped; for each mutant the first test that fails. Tests over SQLite.",
        "",
        "| what | |",
        "|---|---|",
        f"| places | {len(places)} |",
        f"| mutants | {len(results)} |",
        f"| survived | {survived} |",
        f"| seconds | {seconds:.0f} |",
        "",
        "| module | function | place | mutant | killed by |",
        "|---|---|---|---|---|",
    ]
    for result in results:
        mutant = result.mutant
        shown = mutant.shown if len(mutant.shown) <= 70 else f"{mutant.shown[:67]}..."
        cells = [mutant.module, mutant.function, f"`{shown}`", mutant.how, f"`{result.killed_by}`" if result.killed_by else "**survived**"]
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.exit(main())
