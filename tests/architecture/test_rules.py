"""Each house rule holds, and each would object if it did not."""

from __future__ import annotations

import pytest
from tests.architecture import rules
from tests.architecture.rules import DEMO_ALLOWED, FLOAT_COLUMNS, FLOAT_RECORDS, RULES, Rule
from tests.architecture.tree import ROOT, Source, project_files
from tests.architecture.tunables import ALLOWED, NOT_LOOKED_AT, found_numbers

# This folder's own tests hold the offenders that are planted below.
PLANTS = "tests/architecture/test_rules.py"


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    return [source for source in project_files() if source.path != PLANTS]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_project_keeps_the_rule(rule: Rule, sources: list[Source]) -> None:
    offences = [offence for source in sources for offence in rule(source)]
    assert not offences, "\n".join(offences)


OFFENDERS: dict[str, list[tuple[str, str]]] = {
    "module_size": [("src/threet/domain/long.py", "x = 1\n" * 401)],
    "function_size": [("src/threet/cli/long.py", "def long():\n" + "    x = 1\n" * 60)],
    "word_demo": [
        ("src/threet/adapters/x.py", "IS_DEMO = True"),
        ("config.yml", "mode: demo"),
        ("src/threet/cli/status.py", "from threet.cli import demo"),
    ],
    "machine_names": [
        ("docs/x.md", "see /work/" + "main/config.yml"),
        ("Makefile", "cp /home/" + "somebody/x ."),
    ],
    "pure_imports": [
        ("src/threet/domain/x.py", "import time"),
        ("src/threet/domain/x.py", "from os import environ"),
        ("src/threet/domain/x.py", "def f():\n    import random"),
        ("src/threet/domain/x.py", "import numpy"),
        ("src/threet/domain/x.py", "import logging"),
        ("src/threet/engine/x.py", "import socket"),
        ("src/threet/application/x.py", "from pathlib import Path"),
        ("src/threet/application/x.py", "import requests"),
    ],
    "impure_calls": [
        ("src/threet/domain/x.py", "now = datetime.now(UTC)"),
        ("src/threet/domain/x.py", "import datetime\nnow = datetime.datetime.now(tz)"),
        ("src/threet/domain/x.py", "print('x')"),
        ("src/threet/engine/x.py", "import random\nx = random.random()"),
        ("src/threet/engine/x.py", "import numpy as np\nx = np.random.seed(1)"),
        ("src/threet/application/x.py", "import uuid\nx = uuid.uuid4()"),
        ("src/threet/application/x.py", "text = open('x').read()"),
    ],
    "money_is_decimal": [
        ("src/threet/domain/x.py", "def f(limit_price: float) -> None: ..."),
        ("src/threet/domain/x.py", "def notional(x: int) -> float: ..."),
        ("src/threet/application/x.py", "class A:\n    account_value: float | None"),
        ("src/threet/application/x.py", "class A:\n    prices: dict[str, float]"),
        ("src/threet/adapters/x.py", "Decimal(0.1)"),
        ("src/threet/adapters/x.py", "Decimal(float(text))"),
    ],
    "money_columns": [
        ("src/threet/adapters/sql/tables.py", '_required("price", Float64)'),
        ("src/threet/adapters/sql/tables.py", 'Column("fee", sqlalchemy.Double(), nullable=False)'),
    ],
    "blind_except_says_why": [("src/threet/observer/x.py", "except Exception:  # noqa: BLE001")],
    "venue_is_not_mocked": [
        ("tests/unit/x.py", 'with patch("ccxt.hyperliquid.fetch_balance"):'),
        ("tests/unit/x.py", "venue = Mock(spec=ccxt.hyperliquid)"),
    ],
    "tunables_live_in_config": [
        ("src/threet/adapters/x.py", "urlopen(url, timeout=2.0)"),
        ("src/threet/adapters/x.py", "_JOIN_SECONDS = 3.0"),
        ("src/threet/adapters/x.py", "class A:\n    poll_ms: int = 50"),
        ("src/threet/adapters/x.py", "_FIRST_MS, _LAST_MS = 5, later"),
        ("src/threet/adapters/x.py", "ROTATE_BYTES = 64 * 1024 * 1024"),
        ("src/threet/adapters/x.py", "_MOST_WAITING = 5_000"),
        ("src/threet/adapters/x.py", "def f(url: str, timeout_seconds: float = 3) -> None: ..."),
        ("src/threet/adapters/x.py", "def f(*, retries: int = 3) -> None: ..."),
        ("src/threet/adapters/x.py", "queue = Queue(maxsize=64)"),
        ("src/threet/cli/x.py", '@click.option("--timeout", "timeout_seconds", default=120.0)\ndef f(): ...'),
        ("src/threet/application/x.py", "least = timedelta(seconds=1)"),
        ("src/threet/domain/x.py", 'max_percent = Decimal("20")'),
        ("src/threet/observer/x.py", "await asyncio.sleep(max(0.05, rest))"),
        ("celery-workers/threet_workers/x.py", '_RETRIES = {"max_retries": 1, "interval_step": 0.2}'),
        ("celery-workers/threet_workers/x.py", 'settings = {"broker_connection_timeout": 4}'),
        ("providence/threet_providence/x.py", "self.stop.wait(0.5)"),
    ],
}


@pytest.mark.parametrize(("name", "path", "text"), [(name, *plant) for name, plants in OFFENDERS.items() for plant in plants])
def test_a_planted_offender_is_found(name: str, path: str, text: str) -> None:
    assert list(getattr(rules, name)(Source(path, text)))


def test_every_rule_has_a_planted_offender() -> None:
    assert {rule.__name__ for rule in RULES} == set(OFFENDERS)


@pytest.mark.parametrize(
    ("name", "path", "text"),
    [
        ("module_size", "src/threet/domain/x.py", "x = 1\n" * 400),
        ("function_size", "src/threet/cli/x.py", "def f():\n" + "    x = 1\n" * 59),
        ("word_demo", "src/threet/cli/demo/x.py", "the demo"),
        ("word_demo", "src/threet/adapters/x.py", "democracy, demonstrably, demoted"),
        ("machine_names", "docker-compose.yml", "./work/x:/run/secrets, ${HOME}/home/x"),
        ("pure_imports", "src/threet/adapters/x.py", "import time"),
        ("impure_calls", "src/threet/application/x.py", "now = clock.now()"),
        ("impure_calls", "src/threet/adapters/x.py", "now = datetime.now(UTC)"),
        ("money_is_decimal", "src/threet/domain/x.py", "def f(price: Decimal, age_seconds: float) -> None: ..."),
        ("money_is_decimal", "src/threet/application/facts.py", "class Candle:\n    closing_price: float"),
        ("money_is_decimal", "src/threet/adapters/x.py", 'Decimal("0.1")'),
        ("money_columns", "src/threet/adapters/sql/tables.py", '_required("live_pnl", Float64)\n_required("price", Money)'),
        ("blind_except_says_why", "src/threet/observer/x.py", "except Exception:  # noqa: BLE001 - the edge of the node's process"),
        ("venue_is_not_mocked", "tests/unit/x.py", "import ccxt"),
        ("tunables_live_in_config", "src/threet/adapters/x.py", "urlopen(url, timeout=settings.request_timeout_seconds)"),
        ("tunables_live_in_config", "src/threet/adapters/x.py", "started_ms, retries = 0, 0\nsleep(0)\nsleep(max(1, seconds))"),
        ("tunables_live_in_config", "src/threet/adapters/x.py", "_MILLISECOND = timedelta(milliseconds=1)"),
        ("tunables_live_in_config", "src/threet/cli/demo/x.py", "_LOOK_SECONDS = 1.0"),
        ("tunables_live_in_config", "tests/support/x.py", "WAIT_SECONDS = 20"),
    ],
)
def test_what_is_allowed_is_not_found(name: str, path: str, text: str) -> None:
    assert not list(getattr(rules, name)(Source(path, text)))


def test_every_exception_is_still_needed(sources: list[Source]) -> None:
    texts = {source.path: source.text for source in sources}
    for path in DEMO_ALLOWED:
        assert any("demo" in source.text for source in sources if source.is_under(path)), f"DEMO_ALLOWED names {path} without need"
    for column in FLOAT_COLUMNS:
        assert f'("{column}", Float64)' in texts["src/threet/adapters/sql/tables.py"], f"FLOAT_COLUMNS names {column} without need"
    for path, record in FLOAT_RECORDS:
        assert f"class {record}:" in texts.get(path, ""), f"FLOAT_RECORDS names {record} of {path}, which is gone"
    for folder in NOT_LOOKED_AT:
        assert any(source.is_under(folder) for source in sources), f"NOT_LOOKED_AT names {folder}, which is gone"
    numbers = {(source.path, name) for source in sources if source.path.endswith(".py") for name, _, _ in found_numbers(source.tree)}
    assert set(ALLOWED) <= numbers, f"ALLOWED names without need: {set(ALLOWED) - numbers}"
    assert (ROOT / PLANTS).exists()
