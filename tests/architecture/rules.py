"""House rules that no ready-made linter knows. A rule yields what it objects to in a file; exceptions stand beside it, with reasons."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

from tests.architecture.tree import Source
from tests.architecture.tunables import tunables_live_in_config

Rule = Callable[[Source], Iterator[str]]

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60


def module_size(source: Source) -> Iterator[str]:
    """A file that outgrows this usually holds two ideas (STYLE: modules at most 400 lines)."""
    if source.path.endswith(".py") and len(source.lines) > MAX_MODULE_LINES:
        yield f"{source.path}: expected at most {MAX_MODULE_LINES} lines, was {len(source.lines)}"


def function_size(source: Source) -> Iterator[str]:
    if not source.path.endswith(".py"):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                yield f"{source.path}:{node.lineno}: expected {node.name} to have at most {MAX_FUNCTION_LINES} lines, was {length}"


# Only the supervisor knows that this is a show (the simulator may, and has no need to); everything else runs as in production.
DEMO_ALLOWED = {
    "src/threet/cli/demo": "the supervisor",
    "Makefile": "its command",
    "README.md": "explains it",
    "docs": "explains it",
    "tests": "tests it",
    ".ci/run": "runs it",
    "scripts/clean.sh": "removes its state",
}
_DEMO = re.compile(r"demo(?![a-rt-z])", re.IGNORECASE)  # not democracy, demonstrated, demoted


def word_demo(source: Source) -> Iterator[str]:
    if source.is_under(*DEMO_ALLOWED):
        return
    for number, line in enumerate(source.lines, 1):
        if _DEMO.search(line):
            yield f"{source.path}:{number}: expected only the supervisor to know the word demo: {line.strip()[:100]}"


# Written in parts, so that this file does not object to itself. Addresses in the lock files are test_lock.py's business.
_MACHINE = re.compile(r"(?<![\w.}])/" + r"(?:work|root|home|Users)/\w")


def machine_names(source: Source) -> Iterator[str]:
    """No path of somebody's machine: it differs from place to place."""
    for number, line in enumerate(source.lines, 1):
        if match := _MACHINE.search(line):
            yield f"{source.path}:{number}: names a machine's path: {match.group()}"


PURE_FOLDERS = ("src/threet/domain", "src/threet/engine", "src/threet/application")
PURE_STDLIB = {
    "__future__", "abc", "array", "bisect", "collections", "contextlib", "dataclasses", "datetime", "decimal", "enum", "fractions",
    "functools", "hashlib", "heapq", "itertools", "json", "math", "operator", "re", "string", "struct", "types", "typing", "uuid",
}  # fmt: skip
PURE_EXTRA = {
    "src/threet/domain": {"threet"},
    "src/threet/engine": {"threet", "numpy", "numba", "random"},  # random.Random(seed) only: see impure_calls
    "src/threet/application": {
        "threet",
        "logging",
        "pydantic",
        "threading",
    },  # says what it did; records are schemas; sources are asked at once
}


def pure_imports(source: Source) -> Iterator[str]:
    """The rules, the engine and the use cases import no clock, file or network: an allow list, for what is new is not pure by default."""
    if not source.path.endswith(".py") or not source.is_under(*PURE_FOLDERS):
        return
    allowed = PURE_STDLIB.union(*(names for folder, names in PURE_EXTRA.items() if source.is_under(folder)))
    for node in ast.walk(source.tree):
        for name in _imported(node):
            if name.split(".")[0] not in allowed:
                yield f"{source.path}:{node.lineno}: expected only pure imports here, was {name}"  # type: ignore[attr-defined]


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or "."]
    return []


_IMPURE_NAMES = {"open", "print", "input", "exec", "eval", "breakpoint"}
_IMPURE_ATTRIBUTES = {
    ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"),
    ("uuid", "uuid1"), ("uuid", "uuid4"), ("random", "random"), ("random", "seed"), ("random", "choice"), ("random", "randint"),
    ("random", "uniform"), ("random", "shuffle"), ("random", "SystemRandom"),
}  # fmt: skip


def impure_calls(source: Source) -> Iterator[str]:
    """Time is an argument, chance a seeded generator: neither is taken from the machine."""
    if not source.path.endswith(".py") or not source.is_under(*PURE_FOLDERS):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and (name := _impure(node.func)):
            yield f"{source.path}:{node.lineno}: expected time, chance and files as arguments, was a call of {name}"


def _impure(called: ast.expr) -> str | None:
    if isinstance(called, ast.Name):
        return called.id if called.id in _IMPURE_NAMES or called.id in {"uuid1", "uuid4"} else None
    if isinstance(called, ast.Attribute):
        owner = called.value
        name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
        return f"{name}.{called.attr}" if (name, called.attr) in _IMPURE_ATTRIBUTES else None
    return None


_MONEY = re.compile(
    r"(?:^|_)(?:price|prices|contracts|notional|account_value|withdrawable|balance|fee|fees|pnl|margin|exposure|usd|mark|cash|equity)(?:_|$)"
)
# Virtual money is float64 and indicators are fed with floats (I8); these records carry them.
FLOAT_RECORDS = {
    ("src/threet/application/facts.py", "Candle"): "feeds indicators only",
    ("src/threet/application/facts.py", "RunRow"): "money of virtual runs",
    ("src/threet/application/facts.py", "RunNumbers"): "the same",
}


def money_is_decimal(source: Source) -> Iterator[str]:
    """In the rules and the use cases no name of money is annotated with float; nowhere is a Decimal made of a float's digits."""
    if not source.path.endswith(".py"):
        return
    if source.is_under("src/threet/domain", "src/threet/application"):
        for owner, name, annotation, line in _annotations(source.tree):
            if (source.path, owner) not in FLOAT_RECORDS and _MONEY.search(name) and _mentions_float(annotation):
                yield f"{source.path}:{line}: expected {name} to be a Decimal, was {ast.unparse(annotation)}"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Decimal" and _float_argument(node):
            yield f'{source.path}:{node.lineno}: expected Decimal("text"), was {ast.unparse(node)}'


def _annotations(tree: ast.Module) -> Iterator[tuple[str, str, ast.expr, int]]:
    """(class or "", name, annotation, line) of every field, argument and answer."""
    owners = {child: node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for child in ast.walk(node)}
    for node in ast.walk(tree):
        owner = owners.get(node, "")
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name | ast.Attribute):
            yield owner, node.target.id if isinstance(node.target, ast.Name) else node.target.attr, node.annotation, node.lineno
        elif isinstance(node, ast.arg) and node.annotation:
            yield owner, node.arg, node.annotation, node.lineno
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns:
            yield owner, node.name, node.returns, node.lineno


def _mentions_float(annotation: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "float" for node in ast.walk(annotation))


def _float_argument(call: ast.Call) -> bool:
    first = call.args[0] if call.args else None
    return (isinstance(first, ast.Constant) and isinstance(first.value, float)) or (
        isinstance(first, ast.Call) and isinstance(first.func, ast.Name) and first.func.id == "float"
    )


# Columns of float64, all of them money of virtual runs (I8).
FLOAT_COLUMNS = {"live_pnl", "start_balance"}
_FLOAT_TYPES = {"Float64", "Float", "Double", "REAL"}


def money_columns(source: Source) -> Iterator[str]:
    """In the database, too, money is Decimal: a column of floats is one of the few of the virtual runs."""
    if source.path != "src/threet/adapters/sql/tables.py":
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and any(_names_float_type(argument) for argument in node.args):
            column = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
            if column not in FLOAT_COLUMNS:
                yield f"{source.path}:{node.lineno}: expected Money, was {ast.unparse(node)}"


def _names_float_type(argument: ast.expr) -> bool:
    called = argument.func if isinstance(argument, ast.Call) else argument
    return isinstance(called, ast.Name | ast.Attribute) and ast.unparse(called).split(".")[-1] in _FLOAT_TYPES


_NOQA_BLIND = re.compile(r"#\s*noqa:.*\bBLE001\b(?P<reason>.*)")


def blind_except_says_why(source: Source) -> Iterator[str]:
    """``except Exception`` stands at a process's edge only, and there it says so: ``# noqa: BLE001 - the edge of ...``."""
    for number, line in enumerate(source.lines, 1):
        match = _NOQA_BLIND.search(line)
        if match and len(match.group("reason").strip(" -:,.")) < 10:
            yield f"{source.path}:{number}: expected the reason behind BLE001, was {line.strip()[:100]}"


_MOCKED_VENUE = re.compile(r"""(?:patch|setattr)\(\s*["']?ccxt|Mock\([^)]*(?:ccxt|hyperliquid)""")


def venue_is_not_mocked(source: Source) -> Iterator[str]:
    """The exchange is the simulator, over its own protocol."""
    if source.path.endswith(".py"):
        for number, line in enumerate(source.lines, 1):
            if _MOCKED_VENUE.search(line):
                yield f"{source.path}:{number}: expected the simulator, was a mock of the exchange: {line.strip()[:100]}"


RULES: tuple[Rule, ...] = (
    module_size,
    function_size,
    word_demo,
    machine_names,
    pure_imports,
    impure_calls,
    money_is_decimal,
    money_columns,
    blind_except_says_why,
    venue_is_not_mocked,
    tunables_live_in_config,
)
