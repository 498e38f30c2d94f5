"""Runs every benchmark of this folder, or those whose module is named: ``python -m benchmarks voms``. Fails where a goal is not met."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import benchmarks

NOT_BENCHMARKS = {"__main__", "measure"}


def main(wanted: list[str]) -> int:
    modules = sorted({module.name for module in pkgutil.iter_modules(benchmarks.__path__)} - NOT_BENCHMARKS)
    unknown = sorted(set(wanted) - set(modules))
    if unknown:
        sys.stderr.write(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(modules)}\n")
        return 2
    met = True
    for name in wanted or modules:
        for figure in importlib.import_module(f"benchmarks.{name}").figures():
            print(figure.line(), flush=True)
            met = met and figure.met
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
