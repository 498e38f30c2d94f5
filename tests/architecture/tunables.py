"""Every tunable lives in config.yml (A6): finds numbers in code that say how long, how often, how many."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.architecture.tree import Source

RUNNING_CODE = ("src/threet", "celery-workers/threet_workers", "providence/threet_providence")
NOT_LOOKED_AT = {
    "src/threet/cli/demo": "the show's own pace; what it changes of the platform, it changes in the config.yml that it writes",
    "src/threet/settings": "the bounds of what a value may be, not values",
}

_MEASURE = r"seconds|secs|minutes|hours|days|ms|millis|milliseconds|percent|bps|bytes|mb|rows|entries|messages"
_ROLE = r"timeout|interval|patience|delay|pause|retries|attempts|tries|keepalive|limit|maxsize|maxlen|port|every|workers|backoff"
_NAMES_A_TUNABLE = re.compile(rf"(?:^|_)(?:{_MEASURE}|{_ROLE})$|^_?(?:max|most|min|least|kept)_", re.IGNORECASE)
_WAITS = {"sleep", "wait", "join", "result"}

_UNIT = "a unit of measure"
_VENUE = "the venue's own limit or pace"
_FORMAT = "a format: what is longer is cut off, or is no answer"
_SIMULATED = "how far back the simulated venue remembers: part of what it imitates"
_BY_FLAGS = "for a start by flags alone, as in tests; with --config each value is of config.yml (held by a test)"
_THOROUGHNESS = "of a check that a person asks for; its command line names what may differ, and nothing trades by it"

ALLOWED: dict[tuple[str, str], str] = {
    ("celery-workers/threet_workers/flower.py", "the default of '--port'"): "Flower's well-known port; the command line names another",
    ("celery-workers/threet_workers/restore.py", "interval"): "kombu's: at each call, not at each tenth",
    ("celery-workers/threet_workers/task.py", "_MOST_CHARACTERS"): _FORMAT,
    ("providence/threet_providence/rules.py", "_MS"): _UNIT,
    ("providence/threet_providence/rules.py", "_BPS"): _UNIT,
    ("providence/threet_providence/rules.py", "_UNIT_MS"): _UNIT,
    ("src/threet/adapters/market_feed.py", "_HELD_BACK_SECONDS"): "the step of Redis's clock",
    ("src/threet/adapters/observers.py", "MAX_REPORT_BYTES"): _FORMAT,
    ("src/threet/adapters/observers.py", "MAX_REPORT_BRACKETS"): _FORMAT,
    ("src/threet/adapters/observers.py", "MAX_SEQUENCE"): "the largest whole number of the database's column",
    ("src/threet/adapters/venue/client.py", "CONNECT_SECONDS"): "the one second of I7: an invariant, not a choice",
    ("src/threet/adapters/venue/errors.py", "RETRY_SECONDS"): _VENUE,
    (
        "src/threet/adapters/venue/turns.py",
        "_POLL_SECONDS",
    ): "how soon a turn given back is seen; how long to wait is the caller's",
    ("src/threet/application/update_candles.py", "_UNITS_MS"): _UNIT,
    ("src/threet/engine/engine.py", "HOUR_MS"): _UNIT,
    ("src/threet/cli/status/reading.py", "_MOST_BYTES"): _FORMAT,
    ("src/threet/adapters/sql/orders.py", "hours"): "the hour of limits.max_orders_per_hour",
    ("providence/threet_providence/calm.py", "_SWITCH_SECONDS"): "Python's own; no result depends on it",
    ("providence/threet_providence/tails.py", "LONG_BYTES"): "from when on appending pays; what a file holds does not depend on it",
    (
        "src/threet/adapters/sql/runs.py",
        "_MOST_UPDATES",
    ): "rows of one statement, below the server's longest packet; no result depends on it",
    ("src/threet/adapters/sql/runs.py", "_MOST_UPSERTS"): "the same",
    ("src/threet/cli/lock/duration.py", "_SECONDS"): _UNIT,
    ("src/threet/cli/decision/command.py", "the default of '--last'"): "how much one command shows; its own line names another",
    ("src/threet/cli/strategy/checking.py", "_MOST_BARS_BACK"): _THOROUGHNESS,
    ("src/threet/cli/strategy/checking.py", "_SECOND_PROCESS_SECONDS"): _THOROUGHNESS,
    ("src/threet/cli/strategy/command.py", "the default of '--bars'"): _THOROUGHNESS,
    ("src/threet/cli/strategy/command.py", "the default of '--seed'"): _THOROUGHNESS,
    ("src/threet/engine/strategy_check.py", "_MOST_TRIES"): _THOROUGHNESS,
    ("src/threet/engine/columns.py", "_LEAST_SLOTS"): "where the doubling of arrays begins; no result depends on it",
    ("src/threet/engine/columns.py", "_MOST_WAITING"): "of entries on their way into the histories; no result depends on it",
    ("src/threet/engine/population.py", "_MOST_DRAWS"): "so many failures prove that the ranges allow no run; no result depends on it",
    ("src/threet/observer/__main__.py", "limit"): "one connection: the reader asks one thing at a time",
    ("src/threet/observer/reader.py", "MAX_ANSWER_BYTES"): _FORMAT,
    ("src/threet/simulator/account_views.py", "MAX_FILLS"): _VENUE,
    ("src/threet/simulator/account_views.py", "MAX_ROWS"): _VENUE,
    ("src/threet/simulator/actions.py", "DAY_MS"): _UNIT,
    ("src/threet/simulator/bars.py", "MINUTE_MS"): _UNIT,
    ("src/threet/simulator/faults.py", "MAX_SECONDS"): "of the protocol by which a test asks for faults (docs/simulator.md)",
    ("src/threet/simulator/faults.py", "_DEFAULT_SECONDS"): "of the same protocol",
    ("src/threet/simulator/info.py", "MAX_FUNDING_ROWS"): _VENUE,
    ("src/threet/simulator/info.py", "limit"): "the best level of the book",
    ("src/threet/simulator/spot.py", "limit"): "the best level of the book",
    ("src/threet/simulator/journal.py", "ROTATE_BYTES"): "of its own file format; what it holds does not depend on it",
    ("src/threet/simulator/ledger.py", "MAX_ROWS"): _SIMULATED,
    ("src/threet/simulator/limits.py", "MINUTE_MS"): _UNIT,
    ("src/threet/simulator/limits.py", "_PACE_MS"): _VENUE,
    ("src/threet/simulator/market.py", "MAX_CANDLES"): _VENUE,
    ("src/threet/simulator/options.py", "tick_seconds"): _BY_FLAGS,
    ("src/threet/simulator/options.py", "half_spread_bps"): _BY_FLAGS,
    ("src/threet/simulator/options.py", "level_step_bps"): _BY_FLAGS,
    ("src/threet/simulator/options.py", "refill_seconds"): _BY_FLAGS,
    ("src/threet/simulator/state.py", "KEPT_FILLS"): _VENUE,
    ("src/threet/simulator/state.py", "KEPT_HISTORY"): _SIMULATED,
    ("src/threet/simulator/state.py", "KEPT_CLOSED_ORDERS"): _SIMULATED,
    ("src/threet/simulator/state.py", "KEPT_ACTIONS"): _SIMULATED,
    ("src/threet/simulator/state.py", "KEPT_NONCES"): _VENUE,
    ("src/threet/simulator/venue.py", "CLOCK_RESERVE_SECONDS"): "of its own file format: a restart never shows an earlier market time",
}
"""(file, name) and why the number is no tunable. ``test_rules.py`` refuses one that is not needed any more."""


def tunables_live_in_config(source: Source) -> Iterator[str]:
    """No number stands in the code for a time, a count or a size that a person could want to change."""
    if not source.path.endswith(".py") or not source.is_under(*RUNNING_CODE) or source.is_under(*NOT_LOOKED_AT):
        return
    for name, value, line in found_numbers(source.tree):
        if (source.path, name) not in ALLOWED:
            yield f"{source.path}:{line}: expected {name} to come from config.yml, was {value}"


def found_numbers(tree: ast.Module) -> Iterator[tuple[str, str, int]]:
    """(name, the number as it stands there, line) of constants, defaults, arguments and waits."""
    for node in ast.walk(tree):
        for name, value in [*_assigned(node), *_defaults(node), *_arguments(node)]:
            if _is_number(value):
                yield name, ast.unparse(value), value.lineno


def _assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """``_JOIN_SECONDS = 3.0``, also as a class's field, or as one of several names at once."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    for target in targets:
        for one, given in _pairs(target, value):
            if isinstance(one, ast.Name) and given is not None and _NAMES_A_TUNABLE.search(one.id):
                yield one.id, given


def _pairs(target: ast.expr, value: ast.expr | None) -> list[tuple[ast.expr, ast.expr | None]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        return list(zip(target.elts, value.elts, strict=False))
    return [(target, value)]


def _defaults(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """``def f(timeout_seconds: float = 3)``."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        given = node.args
        positional = [*given.posonlyargs, *given.args]
        pairs = [*zip(positional[len(positional) - len(given.defaults) :], given.defaults, strict=True)]
        pairs += [(argument, value) for argument, value in zip(given.kwonlyargs, given.kw_defaults, strict=True) if value is not None]
        for argument, value in pairs:
            if _NAMES_A_TUNABLE.search(argument.arg):
                yield argument.arg, value


def _arguments(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """``urlopen(url, timeout=2)``, ``sleep(0.5)``, ``{"max_retries": 1}``, and the default of a command's option."""
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str) and _NAMES_A_TUNABLE.search(key.value):
                yield key.value, value
    if not isinstance(node, ast.Call):
        return
    called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id if isinstance(node.func, ast.Name) else ""
    if called in _WAITS and len(node.args) == 1:
        yield called, node.args[0]
    for keyword in node.keywords:
        if keyword.arg in ("milliseconds", "microseconds") and ast.unparse(keyword.value) == "1":
            continue  # timedelta(milliseconds=1): a unit of measure
        if keyword.arg is not None and _NAMES_A_TUNABLE.search(keyword.arg):
            yield keyword.arg, keyword.value
        elif keyword.arg == "default" and called in ("option", "add_argument"):
            yield f"the default of {ast.unparse(node.args[0])}", keyword.value


def _is_number(value: ast.expr) -> bool:
    """A number other than 0, which turns something off; also as a sum or product of numbers, as Decimal("1"), or several of them."""
    if isinstance(value, ast.Constant):
        return isinstance(value.value, int | float) and not isinstance(value.value, bool) and value.value != 0
    if isinstance(value, ast.UnaryOp):
        return _is_number(value.operand)
    if isinstance(value, ast.BinOp):
        return _is_number(value.left) and _is_number(value.right)
    if isinstance(value, ast.Tuple | ast.List):
        return any(_is_number(element) for element in value.elts)
    if isinstance(value, ast.Dict):
        return any(_is_number(element) for element in value.values)
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        if value.func.id in ("max", "min"):  # max(0.05, rest): a floor is a number, too; max(1, count) only says "at least one"
            return any(_is_number(argument) and ast.unparse(argument) != "1" for argument in value.args)
        return value.func.id == "Decimal" and bool(value.args) and isinstance(value.args[0], ast.Constant)
    return False
