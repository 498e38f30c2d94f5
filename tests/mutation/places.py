"""Every place of the source that yields ``Unknown``, found in its syntax, and what it may be turned into.

A place *makes* one (``Unknown(...)``, ``Rejected(...)``) or *passes one on* (``return view`` under ``isinstance(view, Unknown)``, or
the same in one expression). Each has a mutant **zero**: a known nothing in its stead, such as a price of 0 or an account that is flat.
One that a condition guards has a mutant **skipped** too: the condition is never met.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

MAKERS = ("Unknown", "Rejected")
NEVER_KNOWN = ("Unknown", "None", "Hold")
"""Parts of an annotation that are no value."""


class NoZero(Exception):
    """A place whose known nothing is not written down yet (tests/mutation/zeros.py)."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """``source`` is the whole mutated module. ``shown`` is the place's own text, on one line."""

    module: str
    function: str
    line: int
    how: str
    shown: str
    source: str

    @property
    def name(self) -> str:
        return f"{self.module}:{self.line} {self.function} {self.how}"


def mutants_of(module: str, source: str, zeros: Mapping[str, str], special: Mapping[str, str]) -> list[Mutant]:
    """``zeros``: expressions by annotation; ``special``: by ``module function``, where no annotation says it. Raises NoZero."""
    return list(_Finder(module, source, zeros, special).mutants())


class _Finder:
    def __init__(self, module: str, source: str, zeros: Mapping[str, str], special: Mapping[str, str]) -> None:
        self._module, self._source, self._zeros, self._special = module, source, zeros, special
        self._lines = source.encode().splitlines(keepends=True)
        self._tree = ast.parse(source)
        self._parents = {child: parent for parent in ast.walk(self._tree) for child in ast.iter_child_nodes(parent)}

    def mutants(self) -> Iterator[Mutant]:
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MAKERS:
                yield self._mutant(node, node, "zero", self._zero(node))
                yield from self._skipped(node)
            elif isinstance(node, ast.Name | ast.Attribute) and self._is_passed_on(node):
                text = ast.unparse(node)
                yield self._mutant(node, node, "zero", f"({self._zero(node)} if isinstance({text}, Unknown) else {text})")

    def _skipped(self, made: ast.Call) -> Iterator[Mutant]:
        parent = self._parents[made]
        if isinstance(parent, ast.IfExp) and not _asks_for_unknown(parent.test):
            other = parent.orelse if parent.body is made else parent.body
            yield self._mutant(made, parent, "skipped", ast.unparse(other))
        guard = self._parents[parent]
        if isinstance(parent, ast.Return) and isinstance(guard, ast.If) and parent in guard.body and not _asks_for_unknown(guard.test):
            yield self._mutant(made, guard.test, "skipped", "False")

    def _is_passed_on(self, node: ast.Name | ast.Attribute) -> bool:
        parent = self._parents[node]
        text = ast.unparse(node)
        if isinstance(parent, ast.IfExp):
            return parent.body is node and _asks_for_unknown(parent.test, text)
        guard = self._parents.get(parent)
        return isinstance(parent, ast.Return) and isinstance(guard, ast.If) and parent in guard.body and _asks_for_unknown(guard.test, text)

    def _zero(self, node: ast.expr) -> str:
        function = self._function(node)
        name = f"{self._module} {self._qualified(node)}"
        if name in self._special:
            return self._special[name]
        told = function.returns if function is not None else None
        parts = [ast.unparse(part) for part in _union(told)] if told is not None else []
        known = next((part for part in parts if part not in NEVER_KNOWN), None)
        if known is None or known not in self._zeros:
            raise NoZero(f"{name}: expected a known nothing for {known or 'what it yields'} in tests/mutation/zeros.py")
        return self._zeros[known]

    def _function(self, node: ast.AST) -> ast.FunctionDef | None:
        above: ast.AST | None = node
        while above is not None and not isinstance(above, ast.FunctionDef):
            above = self._parents.get(above)
        return above

    def _qualified(self, node: ast.AST) -> str:
        names: list[str] = []
        above: ast.AST | None = node
        while above is not None:
            if isinstance(above, ast.FunctionDef | ast.ClassDef):
                names.insert(0, above.name)
            above = self._parents.get(above)
        return ".".join(names)

    def _mutant(self, place: ast.expr, replaced: ast.expr, how: str, text: str) -> Mutant:
        start, end = self._offset(replaced.lineno, replaced.col_offset), self._offset(replaced.end_lineno, replaced.end_col_offset)
        whole = self._source.encode()
        changed = (whole[:start] + text.encode() + whole[end:]).decode()
        ast.parse(changed)
        return Mutant(self._module, self._qualified(place), place.lineno, how, " ".join(ast.unparse(place).split()), changed)

    def _offset(self, line: int | None, column: int | None) -> int:
        if line is None or column is None:
            raise ValueError("expected a node with its place")
        return sum(len(one) for one in self._lines[: line - 1]) + column


def _union(told: ast.expr) -> Iterator[ast.expr]:
    if isinstance(told, ast.BinOp) and isinstance(told.op, ast.BitOr):
        yield from _union(told.left)
        yield from _union(told.right)
    else:
        yield told


def _asks_for_unknown(test: ast.expr, of: str | None = None) -> bool:
    """Whether ``isinstance(x, Unknown)`` stands in ``test``; with ``of``, for that ``x``."""
    for node in ast.walk(test):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance" and ast.unparse(node.args[1]) == "Unknown"):
            continue
        if of is None or ast.unparse(node.args[0]) == of:
            return True
    return False


def modules(package: Path) -> Iterator[tuple[str, str]]:
    """Name and text of each module that speaks of Unknown, relative to the package's parent."""
    for path in sorted(package.rglob("*.py")):
        text = path.read_text()
        if "Unknown" in text:
            yield str(path.relative_to(package.parent)), text
