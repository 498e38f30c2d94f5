"""A project's folder and the volumes that preflight fills, in a folder of the test's own; the command runs as a process."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from tests.support import children
from tests.support.settings import ROOT

from threet.cli.main import main

OURS = ("celery_beat", "celery_worker", "celery_worker_reconcile", "providence", "flower", "simulator", "cli")
SERVICES = (*OURS, "observer_a", "observer_b", "observer_c", "mariadb", "redis", "grafana")
OWNER = (10001, 10001) if os.geteuid() == 0 else (os.geteuid(), os.getegid())


class Place:
    """``project``, ``handover`` and ``saved_runs`` of one test."""

    def __init__(self, root: Path) -> None:
        self.project, self.handover, self.saved_runs = root / "project", root / "handover", root / "saved_runs"
        for folder in (self.project, self.saved_runs, *(self.secrets_of(service) for service in SERVICES)):
            folder.mkdir(parents=True)
        for name in ("config.yml", "init.sql"):
            shutil.copy(ROOT / name, self.project / name)
        shutil.copy(ROOT / "secrets.example.yml", self.project / "secrets.yml")
        (self.project / "secrets.yml").chmod(0o600)

    def secrets_of(self, service: str) -> Path:
        return self.handover / "secrets" / service

    def edit(self, name: str, change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        path = self.project / name
        values: dict[str, Any] = yaml.safe_load(path.read_text())
        change(values)
        path.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True))
        return values

    def run(self, *more: str) -> subprocess.CompletedProcess[str]:
        """As a process of its own."""
        return children.run([sys.executable, "-m", "threet.cli.main", *self._arguments(), *more], timeout=60)

    def run_here(self) -> None:
        """In this process, which takes no second to start; it must end well."""
        done = CliRunner().invoke(main, self._arguments())
        assert done.exit_code == 0, done.output

    def _arguments(self) -> list[str]:
        folders = ["--project", str(self.project), "--handover", str(self.handover), "--saved-runs", str(self.saved_runs)]
        return ["preflight", *folders, "--owner", f"{OWNER[0]}:{OWNER[1]}"]

    def handed_over(self) -> dict[str, tuple[str, int]]:
        """Each file's text and permissions."""
        return {
            str(path.relative_to(self.handover)): (path.read_text(), stat.S_IMODE(path.stat().st_mode))
            for path in sorted(self.handover.rglob("*"))
            if path.is_file()
        }

    def values(self) -> list[str]:
        """Every secret of secrets.yml."""
        return _texts(yaml.safe_load((self.project / "secrets.yml").read_text()))


def _texts(found: Any) -> list[str]:
    return [text for inner in found.values() for text in _texts(inner)] if isinstance(found, dict) else [found]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)
