"""The supervisor keeps real, tiny children running: waits for health, restarts what dies, leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from tests.support import children

from threet.cli.demo.fleet import Fleet, Part, StartFailed, State
from threet.cli.demo.health import CannotTell, lives, log_says
from threet.cli.demo.process import Child, Command, LogFile

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
PARENT = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]); time.sleep(600)"


def part(name: str, code: str, tmp_path: Path, needs: tuple[str, ...] = (), start_seconds: float = 20, stop_seconds: float = 5) -> Part:
    command = Command((sys.executable, "-S", "-c", code), dict(os.environ), tmp_path)
    return Part(name, command, needs, log_says("up"), lives, start_seconds, stop_seconds)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def fleet_of(tmp_path: Path, said: list[str]) -> Iterator[Callable[..., Fleet]]:
    made: list[Fleet] = []

    def make(*parts: Part) -> Fleet:
        made.append(Fleet(parts, tmp_path / "logs", 1_000_000, said.append))
        return made[-1]

    yield make
    for fleet in made:
        fleet.kill()
        fleet.watch.stop()


def tick_until(fleet: Fleet, condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {fleet.views()}"
        fleet.tick()
        time.sleep(0.01)


def pid_of(fleet: Fleet, name: str) -> int | None:
    return next(view.pid for view in fleet.views() if view.name == name)


def state_of(fleet: Fleet, name: str) -> State:
    return next(view.state for view in fleet.views() if view.name == name)


def test_a_part_is_started_only_once_what_it_needs_is_well(tmp_path: Path, fleet_of: Callable[..., Fleet]) -> None:
    gate = tmp_path / "gate"
    slow = f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.01)\nprint('up', flush=True); time.sleep(600)"
    fleet = fleet_of(part("second", SLEEPER, tmp_path, ("first",)), part("first", slow, tmp_path))
    tick_until(fleet, lambda: state_of(fleet, "first") is State.STARTING)
    fleet.tick()
    assert state_of(fleet, "second") is State.WAITING
    gate.touch()
    tick_until(fleet, fleet.all_well_once)
    assert state_of(fleet, "second") is State.WELL


def test_a_part_that_dies_is_started_again_and_that_is_said(tmp_path: Path, fleet_of: Callable[..., Fleet], said: list[str]) -> None:
    fleet = fleet_of(part("one", SLEEPER, tmp_path))
    tick_until(fleet, fleet.all_well_once)
    first = pid_of(fleet, "one")
    assert first is not None
    os.kill(first, 9)
    tick_until(fleet, lambda: state_of(fleet, "one") is State.WELL and pid_of(fleet, "one") != first)
    assert any("one died of SIGKILL; it is started again in 0.5 s" in line for line in said)
    assert said[-1] == "one is up again"


def test_the_pause_before_a_restart_doubles(tmp_path: Path, fleet_of: Callable[..., Fleet], said: list[str]) -> None:
    once = tmp_path / "once"
    code = f"import os, sys, time\nif os.path.exists({str(once)!r}): sys.exit(3)\nopen({str(once)!r}, 'w'); {SLEEPER}"
    fleet = fleet_of(part("one", code, tmp_path))
    tick_until(fleet, fleet.all_well_once)
    os.kill(pid_of(fleet, "one") or 0, 9)
    tick_until(fleet, lambda: sum("died" in line for line in said) == 3)
    pauses = [line.split("started again in ")[1].split(" s")[0] for line in said if "died" in line]
    assert pauses == ["0.5", "1", "2"]


def test_a_part_that_gives_up_is_said_with_its_last_words(tmp_path: Path, fleet_of: Callable[..., Fleet], said: list[str]) -> None:
    once = tmp_path / "once"
    code = f"import os, sys, time\nif os.path.exists({str(once)!r}): sys.exit('no space left')\nopen({str(once)!r}, 'w'); {SLEEPER}"
    fleet = fleet_of(part("one", code, tmp_path))
    tick_until(fleet, fleet.all_well_once)
    os.kill(pid_of(fleet, "one") or 0, 9)
    tick_until(fleet, lambda: any("exit code 1" in line for line in said))
    assert next(line for line in said if "exit code 1" in line).endswith("it last wrote: no space left")
    assert not any("last wrote" in line for line in said if "SIGKILL" in line)


def test_a_part_that_cannot_start_ends_the_show_with_the_end_of_its_log(tmp_path: Path, fleet_of: Callable[..., Fleet]) -> None:
    fleet = fleet_of(part("broken", "import sys; sys.exit('config.yml: no such key')", tmp_path))
    with pytest.raises(StartFailed, match=r"(?s)broken died with exit code 1.*config\.yml: no such key"):
        tick_until(fleet, fleet.all_well_once)


def test_a_part_that_never_gets_well_is_killed_and_named(tmp_path: Path, fleet_of: Callable[..., Fleet], said: list[str]) -> None:
    fleet = fleet_of(part("mute", "import time; time.sleep(600)", tmp_path, start_seconds=0.3))
    with pytest.raises(StartFailed, match=r"mute was not up within 0 s \(has not said 'up' yet\) and was killed"):
        tick_until(fleet, fleet.all_well_once)


def test_a_stubborn_child_is_killed(tmp_path: Path, fleet_of: Callable[..., Fleet], said: list[str]) -> None:
    fleet = fleet_of(part("stubborn", STUBBORN, tmp_path, stop_seconds=0.5))
    tick_until(fleet, fleet.all_well_once)
    pid = pid_of(fleet, "stubborn")
    fleet.stop()
    assert not psutil.pid_exists(pid or 0)
    assert said[-1] == "stubborn did not stop within 0.5 s and is killed"


def test_a_part_that_hangs_is_killed_and_started_again_unless_what_it_needs_is_away(
    tmp_path: Path, fleet_of: Callable[..., Fleet], said: list[str]
) -> None:
    ill: set[str] = set()

    def named(name: str, *needs: str) -> Part:
        made = part(name, SLEEPER, tmp_path, needs)
        return replace(made, well=lambda _: "does not answer" if name in ill else None, ill_seconds=0.3 if name == "worker" else 600)

    fleet = fleet_of(named("redis"), named("worker", "redis"))
    tick_until(fleet, fleet.all_well_once)
    first = pid_of(fleet, "worker")
    ill |= {"redis", "worker"}
    tick_until(fleet, lambda: any(v.name == "worker" and v.state is State.ILL and v.since_seconds > 1.5 for v in fleet.views()))
    assert pid_of(fleet, "worker") == first
    ill.discard("redis")
    fleet.tick()
    assert pid_of(fleet, "worker") == first  # the time in which it could not be well does not count
    tick_until(fleet, lambda: any("worker was not well for 0.3 s (does not answer) and was killed" in line for line in said))
    ill.clear()
    tick_until(fleet, lambda: state_of(fleet, "worker") is State.WELL)
    assert pid_of(fleet, "worker") != first


def test_a_part_of_which_nobody_can_tell_is_left_alone(tmp_path: Path, fleet_of: Callable[..., Fleet], said: list[str]) -> None:
    made = replace(part("worker", SLEEPER, tmp_path), well=lambda _: CannotTell("no database"), ill_seconds=0.1)
    fleet = fleet_of(made)
    tick_until(fleet, lambda: any(v.state is State.ILL and v.since_seconds > 1.5 for v in fleet.views()))
    assert not any("killed" in line for line in said)


def test_those_that_need_others_are_stopped_first(tmp_path: Path, fleet_of: Callable[..., Fleet]) -> None:
    order = tmp_path / "order"
    code = (
        "import os, signal, sys, time\n"
        f"def end(*_):\n    f = open({str(order)!r}, 'a'); f.write(sys.argv[1] + ' '); f.close(); os._exit(0)\n"
        "signal.signal(signal.SIGTERM, end); print('up', flush=True); time.sleep(600)"
    )

    def named(name: str, *needs: str) -> Part:
        made = part(name, code, tmp_path, needs)
        return Part(name, Command((*made.command.argv, name), made.command.env, tmp_path), needs, made.ready, made.well)

    fleet = fleet_of(named("redis"), named("worker", "redis"), named("beat", "worker"))
    tick_until(fleet, fleet.all_well_once)
    fleet.stop()
    assert order.read_text().split() == ["beat", "worker", "redis"]


def test_grandchildren_do_not_outlive_a_killed_child(tmp_path: Path) -> None:
    child = Child(Command((sys.executable, "-S", "-c", PARENT), dict(os.environ), tmp_path), LogFile(tmp_path / "log", 1000))
    process = psutil.Process(child.pid)
    end = time.monotonic() + 20
    while not process.children() and time.monotonic() < end:
        time.sleep(0.01)
    (grandchild,) = process.children()
    child.kill()
    psutil.wait_procs([grandchild], timeout=10)
    assert not grandchild.is_running()


def test_children_of_a_killed_supervisor_die(tmp_path: Path) -> None:
    code = (
        "import os, sys, time\nfrom pathlib import Path\nfrom threet.cli.demo.process import Child, Command, LogFile\n"
        f"c = Child(Command((sys.executable, '-S', '-c', {STUBBORN!r}), dict(os.environ), Path('.')), LogFile(Path('log'), 1000))\n"
        "print(c.pid, flush=True); time.sleep(600)"
    )
    supervisor = children.start([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    assert supervisor.stdout is not None
    child = psutil.Process(int(supervisor.stdout.readline()))
    supervisor.kill()
    supervisor.wait()
    supervisor.stdout.close()
    psutil.wait_procs([child], timeout=10)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_log_stays_below_twice_its_limit_and_keeps_the_newest_lines(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "part.log", 1000)
    descriptor = log.open()
    for number in range(400):
        os.write(descriptor, f"line {number}\n".encode())
        if number % 50 == 0:
            log.keep_small()
    log.keep_small()
    os.write(descriptor, b"the last one\n")
    os.close(descriptor)
    assert log.path.stat().st_size <= 1000
    assert (tmp_path / "part.log.1").stat().st_size <= 1000
    assert log.tail(1) == ["the last one"]
