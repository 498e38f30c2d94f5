"""However a show ends, it leaves no process behind; and one state folder has one supervisor."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from tests.e2e.demo.show import PROJECT, THREET, Show
from tests.support import children

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def show(tmp_path: Path) -> Iterator[Callable[..., Show]]:
    made: list[Show] = []

    def start(*flags: str) -> Show:
        made.append(Show(tmp_path / "state", *flags))
        return made[-1]

    yield start
    for one in made:
        one.close()


def test_ctrl_c_stops_everything_also_a_part_that_hangs_and_a_second_supervisor_is_refused(show: Callable[..., Show]) -> None:
    first = show()
    first.wait_until_up()
    _flatten_closes_everything_and_says_so(first)
    second = children.run([*THREET, "demo", "--config", str(PROJECT / "config.yml"), "--state", str(first.state)], timeout=60)
    assert second.returncode == 1
    assert f"another demo runs in {first.state}: process {first.process.pid}, since" in second.stderr
    first.child("threet.observer", "--name c").send_signal(signal.SIGSTOP)  # it will not hear SIGTERM
    first.process.send_signal(signal.SIGINT)
    assert first.end(60) == 0
    assert "observer_c did not stop within 8 s and is killed" in first.said
    assert first.left_over() == []


def _flatten_closes_everything_and_says_so(show: Show) -> None:
    def held() -> list[str]:
        actual = {name: view["actual"] for name, view in show.status()["symbols"].items()}
        return [name for name, size in actual.items() if isinstance(size, str) and Decimal(size) != 0]  # an unknown one is a mapping

    show.wait_until(held, 60, "a position")
    done = show.command("flatten", "for", "tonight", seconds=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Flat after " in done.stdout
    assert " s. Nothing is opened again until `3t resume`." in done.stdout
    assert held() == []
    assert any(problem["what"].startswith("flattening: for tonight") for problem in show.status()["problems"])
    assert show.command("resume").returncode == 0
    show.wait_until(held, 60, "a position again")


def test_a_killed_supervisor_takes_its_parts_with_it(show: Callable[..., Show]) -> None:
    one = show()
    one.wait_until(lambda: "simulator is up" in one.said, 60, "the simulator is up")
    one.process.kill()
    one.end(10)
    assert one.left_over() == []


def test_a_show_that_is_interrupted_has_no_summary(show: Callable[..., Show]) -> None:
    one = show("--seconds", "600")
    one.wait_until(lambda: "redis is up" in one.said, 60, "Redis is up")
    one.process.send_signal(signal.SIGTERM)
    assert one.end(60) == 130
    assert one.printed == ""
    assert one.left_over() == []
