"""The scripts behind make: which Python is taken, what is said where none serves, and what `make clean` may remove."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.architecture.tree import ROOT


def run(command: list[str], path: Path | None = None, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in {"PYTHON", "MAKEFLAGS", "MAKELEVEL"}}
    if path is not None:
        inherited["PATH"] = str(path)
    return subprocess.run(command, cwd=cwd, env={**inherited, **environment}, capture_output=True, text=True, check=False)


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    """A PATH with nothing on it but a shell."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("bash", "env", "sh"):
        (folder / tool).symlink_to(shutil.which(tool) or f"/bin/{tool}")
    return folder


def python(folder: Path, name: str, answer: str | None) -> None:
    """A Python that answers the probe so; None: a shim that is there and does not start."""
    body = f"echo '{answer}'" if answer else "exit 127"
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)


def find_python(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return run([str(ROOT / "scripts/find_python.sh")], folder, ROOT, **environment)


def test_the_first_python_that_serves_is_taken(bin_folder: Path) -> None:
    python(bin_folder, "python3", "3.9 pip /old/python3")
    python(bin_folder, "python3.12", None)
    python(bin_folder, "python3.11", "3.11 pip /good/python3.11")
    assert find_python(bin_folder).stdout == "/good/python3.11\n"


def test_python_3_13_is_taken_last_where_no_redis_server_is_installed(bin_folder: Path) -> None:
    python(bin_folder, "python3", "3.13 pip /new/python3")
    assert find_python(bin_folder).stdout == "/new/python3\n"
    python(bin_folder, "python3.12", "3.12 pip /good/python3.12")
    assert find_python(bin_folder).stdout == "/good/python3.12\n"
    python(bin_folder, "redis-server", "")
    assert find_python(bin_folder).stdout == "/new/python3\n"


def test_a_python_with_spaces_in_its_path_is_kept_whole(bin_folder: Path) -> None:
    python(bin_folder, "python3", "3.12 pip /my programs/python3")
    assert find_python(bin_folder).stdout == "/my programs/python3\n"


def test_where_none_serves_each_is_named_with_what_is_wrong_and_the_cure(bin_folder: Path) -> None:
    python(bin_folder, "python3", "3.14 pip /new/python3")
    python(bin_folder, "python3.12", "3.12 no-pip /debian/python3.12")
    python(bin_folder, "python3.13", None)
    result = find_python(bin_folder)
    assert result.returncode != 0
    assert result.stdout == ""
    for expected in ("/new/python3): version 3.14", "without ensurepip", "python3.12-venv", "does not start", "PYTHON="):
        assert expected in result.stderr


def test_without_any_python_it_says_so(bin_folder: Path) -> None:
    result = find_python(bin_folder)
    assert result.returncode != 0
    assert "no python3 on the PATH" in result.stderr


@pytest.mark.parametrize(("answer", "expected"), [("3.10 pip /x", "version 3.10"), (None, "does not start")])
def test_a_python_that_was_asked_for_is_not_silently_replaced(bin_folder: Path, answer: str | None, expected: str) -> None:
    python(bin_folder, "python3", "3.11 pip /good/python3")
    python(bin_folder, "mine", answer)
    result = find_python(bin_folder, PYTHON="mine")
    assert result.returncode != 0
    assert expected in result.stderr
    assert "no such command" in find_python(bin_folder, PYTHON="absent").stderr


def test_clean_removes_the_demo_and_nothing_that_is_worth_something(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/clean.sh", tmp_path / "scripts")
    kept = [
        "providence/saved_runs/run_1.json",
        "secrets.yml",
        "state/HALT",
        "state/nonce",
        ".venv/lib/x/__pycache__/x.pyc",
        "state/demolition",
    ]
    gone = ["state/demo-seeded/3t.db", "state/demo-candles/saved_runs/run_2.json", ".mypy_cache/x", "src/threet/__pycache__/x.pyc"]
    for name in kept + gone:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    for _ in range(2):  # the second time there is nothing to do, and that is no error
        result = run([str(tmp_path / "scripts/clean.sh")], cwd=tmp_path)
        assert result.returncode == 0, result.stderr
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {*kept, "scripts/clean.sh"}


def test_clean_removes_nothing_while_a_demo_runs(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/clean.sh", tmp_path / "scripts")
    for market in ("candles", "seeded"):
        (tmp_path / f"state/demo-{market}").mkdir(parents=True)
        (tmp_path / f"state/demo-{market}/supervisor.lock").write_text(f"process 1 of {market}")
    with (tmp_path / "state/demo-seeded/supervisor.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = run([str(tmp_path / "scripts/clean.sh")], cwd=tmp_path)
    assert result.returncode == 1
    assert "process 1 of seeded" in result.stderr
    assert (tmp_path / "state/demo-candles").exists()
    assert run([str(tmp_path / "scripts/clean.sh")], cwd=tmp_path).returncode == 0
    assert not (tmp_path / "state").exists()


def test_make_alone_lists_every_command() -> None:
    help_text = run(["make", "--no-print-directory"]).stdout
    for name in ("demo", "test", "test-faults", "test-compose", "check", "fix", "deps", "lock", "bench", "clean"):
        assert re.search(rf"^  make {name} +\S", help_text, re.MULTILINE), name
    for name in ("install", "restart", "logs", "status", "migrate", "backup", "restore", "halt", "resume"):
        assert re.search(rf"^  make {name} +\S", help_text, re.MULTILINE), name


def test_the_commit_hook_runs_the_tests() -> None:
    assert "entry: make test\n" in (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")


def test_the_demos_options_are_handed_on() -> None:
    printed = run(["make", "--no-print-directory", "-n", "demo", "CANDLES=../some folder", "DEMO_SPEED=60", "DEMO_SECONDS=90"]).stdout
    assert '3t demo --seconds 90 --candles "../some folder" --speed 60' in printed
    assert re.search(r"3t demo *$", run(["make", "--no-print-directory", "-n", "demo"]).stdout, re.MULTILINE)
