"""The scripts around the containers say what is missing, and name what docker-compose.yml has."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.architecture.tree import ROOT

STACK = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
INSTALL = (ROOT / "scripts/stack/install.sh").read_text(encoding="utf-8")
TOOLS = (
    *("bash", "env", "dirname", "git", "grep", "tail", "sed", "id", "awk"),
    *("sort", "cat", "head", "basename", "date", "mktemp", "rm", "flock"),
)


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    """A PATH with what every Linux has, and no Docker."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in TOOLS:
        (folder / name).symlink_to(shutil.which(name) or pytest.fail(f"{name} is not on the PATH"))
    return folder


def command(folder: Path, name: str, body: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    (folder / name).chmod(0o755)


def run(script: str, folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / script), *arguments],
        env={"PATH": str(folder), "HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("script", ["install", "restart", "status", "command", "logs", "backup"])
def test_without_docker_each_says_how_to_get_it(bin_folder: Path, script: str) -> None:
    result = run(f"scripts/stack/{script}.sh", bin_folder)
    assert result.returncode != 0
    assert "Docker is not installed. Cure: " in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("permission denied while trying to connect to the Docker daemon socket", "usermod -aG docker"),
        ("Cannot connect to the Docker daemon. Is the docker daemon running?", "systemctl start docker"),
    ],
)
def test_an_engine_that_does_not_answer_is_told_with_the_cure(bin_folder: Path, answer: str, expected: str) -> None:
    command(bin_folder, "docker", f"echo '{answer}' >&2; exit 1")
    result = run("scripts/compose.sh", bin_folder, "ps")
    assert result.returncode != 0
    assert expected in result.stderr


# `docker compose` answers with these words where its plugin is missing, and docker itself goes on working.
_NO_PLUGIN = '[ "$1" != compose ] || { echo "docker: \'compose\' is not a docker command." >&2; exit 1; }; [ "$1" != version ] || echo 28.0'


def test_docker_compose_is_taken_where_the_plugin_is_missing(bin_folder: Path) -> None:
    command(bin_folder, "docker", _NO_PLUGIN)
    result = run("scripts/compose.sh", bin_folder, "ps")
    assert "Neither `docker compose` nor `docker-compose` is installed. Cure: " in result.stderr
    command(bin_folder, "docker-compose", 'echo "old compose: $*, build $BUILD_ID"')
    result = run("scripts/compose.sh", bin_folder, "ps", "-a", BUILD_ID="v7")
    assert result.stdout == "old compose: ps -a, build v7\n", result.stderr


@pytest.mark.parametrize("script", ["install", "restart", "backup", "restore"])
def test_a_second_one_waits_for_nobody_and_says_that_the_first_is_at_work(bin_folder: Path, script: str) -> None:
    command(bin_folder, "docker", '[ "$1" != ps ] || { echo docker was asked >&2; exit 1; }')
    with (ROOT / "docker-compose.yml").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        result = run(f"scripts/stack/{script}.sh", bin_folder, *([str(ROOT / "README.md")] if script == "restore" else []))
    assert result.returncode != 0
    assert result.stderr.startswith("Another make of this folder is at work")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(("script", "argument"), [("status", "--json"), ("command", "halt"), ("command", "resume")])
def test_before_the_first_start_nothing_is_made_only_to_be_asked(bin_folder: Path, script: str, argument: str) -> None:
    answers = 'case "$*" in version*|"compose version") ;; "volume inspect 3t_config") exit 1 ;; *) echo "made: $*" >&2 ;; esac'
    command(bin_folder, "docker", answers)
    result = run(f"scripts/stack/{script}.sh", bin_folder, argument, COMPOSE_PROJECT_NAME="3t")
    assert result.returncode != 0
    assert result.stderr == "3t was never started on this machine. Cure: make install\n"


def test_clean_needs_no_docker(bin_folder: Path) -> None:
    result = run("scripts/stack/down.sh", bin_folder)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("", "Expected a file"), ("migrations/0099_gone.sql", "There is no file"), ("README.md", "Expected a name like NNNN_what.sql")],
)
def test_a_migration_that_is_none_is_refused_before_the_database_is_asked(bin_folder: Path, name: str, expected: str) -> None:
    command(bin_folder, "docker", "echo docker was called; exit 1")
    result = run("scripts/stack/migrate.sh", bin_folder, *([str(ROOT / name)] if name else []))
    assert result.returncode != 0
    assert expected in result.stderr
    assert "docker was called" not in result.stderr


def names(pattern: str) -> list[str]:
    found = re.search(pattern, INSTALL, re.MULTILINE)
    assert found, pattern
    return found.group(1).split()


def needed_by(service: dict[str, Any]) -> set[str]:
    return set(service.get("depends_on", {}))


def test_install_builds_every_image_of_ours_once() -> None:
    images = {name: service["image"] for name, service in STACK.items() if "build" in service}
    built = [images[name] for name in names(r"^built=\(([^)]*)\)")]
    assert sorted(built) == sorted(set(images.values()))


def test_nothing_needs_what_may_be_left_out() -> None:
    optional = set(names(r'^optional="([^"]*)"'))
    assert optional <= set(STACK)
    assert {name for name, service in STACK.items() if needed_by(service) & optional} == set()


def test_a_published_port_has_its_key_in_env() -> None:
    """What `make install` says of a port that is in use is true: NAME_PORT of .env moves it."""
    ports = {name: service["ports"] for name, service in STACK.items() if "ports" in service}
    checked = set(names(r"^  for name in ((?:\w+ ?)+); do\n    skipped"))
    assert set(ports) == checked
    env = (ROOT / ".env").read_text(encoding="utf-8")
    for name, published in ports.items():
        key = f"{name.upper()}_PORT"
        assert [port for port in published if f"${{{key}" in port] == published
        assert re.search(rf"^{key}=\d+$", env, re.MULTILINE)


def test_every_script_may_be_run_and_is_no_riddle_to_bash() -> None:
    scripts = sorted([*(ROOT / "scripts").glob("*.sh"), *(ROOT / "scripts/stack").glob("*.sh")])
    sourced = {"common.sh", "waiting.sh", "parts.sh"}
    assert [path.name for path in scripts if not os.access(path, os.X_OK)] == sorted(sourced)
    for path in scripts:
        assert subprocess.run(["bash", "-n", str(path)], check=False).returncode == 0, path
