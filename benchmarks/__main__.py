"""Runs every benchmark of this folder, or those named by module or by figure: ``python -m benchmarks voms``. 1 where a goal is not met."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import benchmarks
from benchmarks.measure import Measured

HELPERS = {"__main__", "files", "measure", "population", "servers"}


def main(wanted: list[str]) -> int:
    """The exit code: 0 where every goal is met, 1 where one is not, 2 where a name is unknown."""
    by_module = _all()
    by_name = {name: [measured] for figures in by_module.values() for name, measured in figures.items()}
    known = {module: list(figures.values()) for module, figures in by_module.items()} | by_name
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        sys.stderr.write(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(sorted(known))}\n")
        return 2
    met = True
    for name in wanted or sorted(by_module):
        for measured in known[name]:
            figure = measured()
            print(figure.line(), flush=True)
            met = met and figure.met
    return 0 if met else 1


def _all() -> dict[str, dict[str, Measured]]:
    """What each module of this folder measures, by the figure's name."""
    modules = sorted({module.name for module in pkgutil.iter_modules(benchmarks.__path__)} - HELPERS)
    return {module: importlib.import_module(f"benchmarks.{module}").FIGURES for module in modules}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
