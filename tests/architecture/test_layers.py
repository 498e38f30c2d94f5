"""The import contracts of pyproject.toml hold (make check runs them), and each would break if its rule were broken."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.architecture.tree import ROOT

PACKAGE_FOLDERS = ("src", "celery-workers", "providence")

# contract → modules with an import that it must refuse
OFFENDERS: dict[str, dict[str, str]] = {
    "layers": {
        "src/threet/domain/plant_a.py": "import threet.engine",
        "src/threet/engine/plant_a.py": "import threet.application",
        "src/threet/application/plant_a.py": "def f():\n    from threet import settings",
        "src/threet/settings/plant_a.py": "import threet.adapters",
        "src/threet/adapters/plant_a.py": "import threet.bootstrap",
        "src/threet/adapters/plant_b.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import threet.simulator",
        "src/threet/observer/plant_a.py": "import threet.adapters",
        "src/threet/simulator/plant_a.py": "import threet.adapters",
        "src/threet/simulator/plant_b.py": "import threet.observer",
        "src/threet/cli/plant_a.py": "import threet_workers",
        "celery-workers/threet_workers/plant_a.py": "import threet_providence",
        "providence/threet_providence/plant_a.py": "import threet.cli",
    },
    "celery-only-in-workers": {
        "src/threet/adapters/plant_celery.py": "import celery",
        "src/threet/cli/plant_celery.py": "import eventlet",
        "providence/threet_providence/plant_celery.py": "from kombu import Queue",
    },
    "ccxt-only-in-venue": {
        "src/threet/observer/plant_ccxt.py": "import ccxt",
        "src/threet/adapters/plant_ccxt.py": "from ccxt.base import errors",
        "celery-workers/threet_workers/plant_ccxt.py": "import ccxt",
    },
    "sqlalchemy-only-in-sql": {
        "src/threet/application/plant_sql.py": "import sqlalchemy",
        "src/threet/cli/plant_sql.py": "import sqlite3",
        "providence/threet_providence/plant_sql.py": "import pymysql",
    },
    "redis-only-in-adapters": {
        "src/threet/cli/plant_redis.py": "import redis",
        "providence/threet_providence/plant_redis.py": "import redis",
    },
    "pure-core": {
        "src/threet/domain/plant_pure.py": "import rich",
        "src/threet/application/plant_pure.py": "import requests",
    },
    "rules-without-schemas": {
        "src/threet/domain/plant_schema.py": "import pydantic",
        "src/threet/engine/plant_schema.py": "from threet import settings",
    },
}


def lint(root: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    script = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    path = os.pathsep.join(str(root / folder) for folder in PACKAGE_FOLDERS)
    arguments = [argument for contract in contracts for argument in ("--contract", contract)]
    return subprocess.run(
        [sys.executable, "-c", script, "--no-cache", "--no-logo", *arguments],
        cwd=root,
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "400"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for folder in PACKAGE_FOLDERS:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "saved_runs"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_project_keeps_its_layers(copy: Path) -> None:
    result = lint(copy)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("contract", OFFENDERS)
def test_a_planted_import_breaks_its_contract(copy: Path, contract: str) -> None:
    for path, text in OFFENDERS[contract].items():
        (copy / path).write_text(f"{text}\n")
    result = lint(copy, contract)
    assert result.returncode != 0
    missed = [path for path in OFFENDERS[contract] if module_name(path) not in result.stdout]
    assert not missed, f"not objected to: {missed}\n{result.stdout}{result.stderr}"


def module_name(path: str) -> str:
    return path.split("/", 1)[1].removesuffix(".py").replace("/", ".")


def test_every_contract_has_planted_offenders() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert {contract["id"] for contract in contracts} == set(OFFENDERS)


def test_every_part_of_the_project_has_its_layer() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["id"] == "layers")
    named = {name.strip(" ()") for layer in layers for name in layer.split("|")}
    parts = {f"threet.{path.stem}" for path in (ROOT / "src/threet").iterdir() if path.stem not in {"__init__", "__pycache__"}}
    assert parts <= named, f"expected a layer in pyproject.toml for {sorted(parts - named)}"
