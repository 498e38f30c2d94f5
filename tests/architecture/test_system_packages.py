"""`make deps` installs what is missing, starts nothing, and without root says in one line what is missing and what it means.

The script runs with a PATH of its own and with another folder in the place of /usr/sbin; apt-get is a recorder.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.architecture.tree import ROOT

TOOLS = ("bash", "env", "sh", "cat", "chmod", "mktemp", "rm")


@dataclass(frozen=True)
class Machine:
    """A machine without MariaDB and Redis."""

    folder: Path

    @property
    def policy(self) -> Path:
        """The file that forbids a package to start its server."""
        return self.folder / "sbin" / "policy-rc.d"

    def tool(self, name: str, body: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def apt_calls(self) -> list[str]:
        log = self.folder / "apt.log"
        return log.read_text().splitlines() if log.exists() else []

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        script = self.folder / "system_packages.sh"
        script.write_text((ROOT / "scripts/system_packages.sh").read_text().replace("/usr/sbin", str(self.folder / "sbin")))
        environment = {"PATH": str(self.folder / "bin"), "HOME": str(self.folder)}
        bash = str(self.folder / "bin/bash")
        return subprocess.run([bash, str(script), *arguments], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    for name in ("bin", "sbin"):
        (tmp_path / name).mkdir()
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool) or f"/bin/{tool}")
    made = Machine(tmp_path)
    made.tool("id", "echo 0")
    made.tool("apt-get", f'echo "$DEBIAN_FRONTEND $* policy:$(cat {made.policy} 2>/dev/null | tr -d "\\n")" >> {tmp_path}/apt.log')
    made.tool("tr", f'exec {shutil.which("tr")} "$@"')
    return made


def test_where_both_are_there_nothing_happens(machine: Machine) -> None:
    for name in ("mariadbd", "mariadb-install-db", "redis-server"):
        machine.tool(name, "exit 0")
    result = machine.run("--if-missing")
    assert (result.returncode, result.stdout, result.stderr, machine.apt_calls()) == (0, "", "", [])


def test_as_root_it_installs_what_is_missing_and_forbids_servers_to_start(machine: Machine) -> None:
    machine.tool("redis-server", "exit 0")
    result = machine.run("--if-missing")
    assert result.returncode == 0, result.stderr
    assert "installing mariadb-server" in result.stderr
    install = machine.apt_calls()[-1]
    assert install.startswith("noninteractive")
    assert "install --yes --no-install-recommends mariadb-server policy:" in install
    assert "exit 101" in install
    assert not machine.policy.exists()


def test_for_containers_it_installs_the_other_compose_and_no_server(machine: Machine) -> None:
    assert machine.run("--if-missing", "--containers").returncode == 0
    assert "install --yes --no-install-recommends docker-compose policy:" in machine.apt_calls()[-1]
    machine.tool("docker-compose", "exit 0")
    before = machine.apt_calls()
    result = machine.run("--if-missing", "--containers")
    assert (result.returncode, result.stderr, machine.apt_calls()) == (0, "", before)


def test_a_policy_that_the_machine_has_is_left_as_it_is(machine: Machine) -> None:
    machine.policy.write_text("the machine's own")
    assert machine.run().returncode == 0
    assert machine.policy.read_text() == "the machine's own"


def test_where_apt_fails_its_words_are_shown_and_nothing_is_left_behind(machine: Machine) -> None:
    machine.tool("apt-get", "echo 'no such mirror'; exit 100")
    result = machine.run("--if-missing")
    assert result.returncode == 1
    assert "no such mirror" in result.stderr
    assert not machine.policy.exists()


@pytest.mark.parametrize(("arguments", "code"), [(["--if-missing"], 0), ([], 1)])
def test_without_root_one_line_names_what_is_missing(machine: Machine, arguments: list[str], code: int) -> None:
    machine.tool("id", "echo 1000")
    result = machine.run(*arguments)
    assert result.returncode == code
    assert len(result.stderr.splitlines()) == 1
    assert "mariadb-server redis-server" in result.stderr
    assert ("sudo make deps" in result.stderr) is (code == 0)
    assert machine.apt_calls() == []
