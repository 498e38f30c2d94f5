"""A person's own strategies: files ``NAME.py`` in a folder, each with ``STRATEGY = SomeClass()`` at its end.

They run with all rights of Providence: a person's own code, to be read before it is put there.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from threet.engine.strategies import built_in
from threet.engine.strategy import Parameter, Strategy

_ATTRIBUTES = ("name", "parameters", "state", "accepts", "bars_needed", "decide")


class StrategyFileError(Exception):
    """A file that holds no strategy; the message names it, what was expected and what was found."""


def load_strategy(path: Path) -> Strategy:
    """Runs the file and takes its ``STRATEGY``. Raises StrategyFileError."""
    if not path.is_file():
        raise StrategyFileError(f"{path}: expected a Python file, found none; name a file of your strategies' folder")
    name = f"threet_own_strategy_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise StrategyFileError(f"{path}: expected a name that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # somebody else's code: whatever it raises is what is to be told
        raise StrategyFileError(f"{path}: {type(error).__name__}: {error}") from error
    return _checked(path, getattr(module, "STRATEGY", None))


def _checked(path: Path, found: Any) -> Strategy:
    if found is None:
        raise StrategyFileError(f"{path}: expected STRATEGY = YourClass() at its end, found no STRATEGY")
    missing = [name for name in _ATTRIBUTES if not hasattr(found, name)]
    if missing:
        raise StrategyFileError(f"{path}: expected STRATEGY to have {', '.join(_ATTRIBUTES)}, missing: {', '.join(missing)}")
    if found.name != path.stem:
        raise StrategyFileError(f"{path}: expected the name {path.stem!r}, as the file's, found {found.name!r}")
    if not all(isinstance(parameter, Parameter) for parameter in found.parameters):
        raise StrategyFileError(f"{path}: expected parameters to be Parameter(name, low, high), found {found.parameters!r}")
    strategy: Strategy = found
    return strategy


def known_strategies(folder: Path | None) -> Mapping[str, Strategy]:
    """Those that come with 3T and those of the folder (None: none). Raises StrategyFileError, also where a name is taken twice."""
    known = built_in()
    for path in sorted(folder.glob("*.py")) if folder is not None else ():
        if path.stem in known:
            raise StrategyFileError(f"{path}: expected a name of its own, {path.stem!r} comes with 3T; rename the file and its strategy")
        known[path.stem] = load_strategy(path)
    return known
