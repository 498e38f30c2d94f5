"""Signs of life: what was done can be seen from outside, and the health check tells old from new."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from threet.adapters.signs_of_life import SignsOfLife

CHECK = Path(__file__).parents[3] / "celery-workers" / "bin" / "alive"


def _alive(folder: Path, *names: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "THREET_ALIVE_FOLDER": str(folder)}
    return subprocess.run(["sh", str(CHECK), *names], env=environment, capture_output=True, text=True, timeout=10)


def test_without_a_folder_nothing_is_written(tmp_path: Path) -> None:
    SignsOfLife.from_environment({}).show("work", 30)
    assert list(tmp_path.iterdir()) == []


def test_work_is_seen_by_the_health_check(tmp_path: Path) -> None:
    SignsOfLife.from_environment({"THREET_ALIVE_FOLDER": str(tmp_path)}).show("canary-market", 30)
    assert _alive(tmp_path, "canary-market").returncode == 0


@pytest.mark.parametrize(("age", "code"), [(29, 0), (32, 1)])
def test_the_age_counts_on_both_sides_of_the_limit_that_came_with_it(tmp_path: Path, age: int, code: int) -> None:
    SignsOfLife(tmp_path).show("sent", 29.5)
    done_at = int(time.time()) - age
    os.utime(tmp_path / "sent", (done_at, done_at))
    found = _alive(tmp_path, "sent")
    assert found.returncode == code, found.stdout
    assert code == 0 or "expected at most 30 s" in found.stdout


def test_one_kind_of_work_that_was_never_done_is_named(tmp_path: Path) -> None:
    SignsOfLife(tmp_path).show("canary-market", 30)
    found = _alive(tmp_path, "canary-market", "canary-account")
    assert found.returncode == 1
    assert (found.stdout.strip(), found.stderr) == ("canary-account: not once since the start", "")


def test_nothing_else_is_left_in_the_folder(tmp_path: Path) -> None:
    SignsOfLife(tmp_path).show("sent", 30)
    assert [path.name for path in tmp_path.iterdir()] == ["sent"]


def test_a_folder_that_refuses_costs_one_line_and_nothing_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    signs = SignsOfLife(tmp_path / "gone")
    signs.show("sent", 30)
    signs.show("sent", 30)
    assert [record.message.split(":")[0] for record in caplog.records] == ["sign of life sent could not be written"]
