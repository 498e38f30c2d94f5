"""What tests start does not outlive them: the check at the end of a run sees a planted offender, and pytest's own death ends the rest."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tests.support import children
from tests.support.settings import ROOT

SLEEP = "import time; time.sleep(600)"
ORPHAN = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEP!r}], start_new_session=True)"
CONFTEST = """
import pytest
from tests.support.leftovers import Leftovers

def pytest_configure(config):
    config.pluginmanager.register(Leftovers(config))
"""
OFFENDERS = {
    "child": f"subprocess.Popen([sys.executable, '-c', {SLEEP!r}])",
    "bare": f"subprocess.Popen([sys.executable, '-c', {SLEEP!r}], env={{}})",
    "orphan": f"subprocess.run([sys.executable, '-c', {ORPHAN!r}])",
    "helped": f"children.start([sys.executable, '-c', {SLEEP!r}])",
}
HEAD = "import signal, subprocess, sys, time\nfrom pathlib import Path\nfrom tests.support import children\n"


@pytest.fixture
def pytest_on(tmp_path: Path) -> Callable[[str], list[str]]:
    """The command of a pytest that runs one file with this text, under the check."""

    def command(text: str) -> list[str]:
        (tmp_path / "conftest.py").write_text(CONFTEST)
        (tmp_path / "test_it.py").write_text(HEAD + text)
        configuration = ["-c", "/dev/null", f"--rootdir={tmp_path}", "-p", "no:cacheprovider"]
        return [sys.executable, "-m", "pytest", "-q", *configuration, str(tmp_path / "test_it.py")]

    return command


@pytest.mark.parametrize("processes", ["0", "1"])
def test_a_process_that_is_left_fails_the_run_and_is_named_with_its_test(pytest_on: Callable[[str], list[str]], processes: str) -> None:
    text = "".join(f"def test_{name}():\n    {code}\n" for name, code in OFFENDERS.items())
    done = children.run([*pytest_on(text), "-n", processes], cwd=ROOT, timeout=60)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    assert f"{len(OFFENDERS)} passed, {len(OFFENDERS)} errors" in done.stdout
    told = [line for line in done.stdout.splitlines() if line.startswith("expected no process")]
    assert len(told) == len(OFFENDERS)
    assert all(SLEEP in line for line in told)
    assert not any(psutil.pid_exists(int(line.split("was ")[1].partition(":")[0])) for line in told)
    assert all(f"ERROR at teardown of test_it.py::test_{name} " in done.stdout for name in OFFENDERS if name != "bare")


def test_one_that_ends_by_itself_or_is_ended_is_no_offender(pytest_on: Callable[[str], list[str]]) -> None:
    text = f"""
def test_ends():
    children.start([sys.executable, "-c", ""])
    children.start([sys.executable, "-c", {SLEEP!r}]).kill()
"""
    done = children.run(pytest_on(text), cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stdout


@pytest.mark.faults
@pytest.mark.parametrize("processes", ["0", "1"])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_pytest_ends_what_its_tests_started(
    pytest_on: Callable[[str], list[str]], tmp_path: Path, how: signal.Signals, processes: str
) -> None:
    text = f"""
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores Ctrl-C, and so do its children

def test_waits(tmp_path):
    child = children.start([sys.executable, "-c", {SLEEP!r}])
    Path({str(tmp_path)!r}, "made").write_text(str(child.pid))
    Path({str(tmp_path)!r}, "made").rename(Path({str(tmp_path)!r}, "pid"))
    time.sleep(600)
"""
    with (tmp_path / "log").open("w") as log:
        run = children.start([*pytest_on(text), "-n", processes], cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
    child = psutil.Process(_number(tmp_path / "pid"))
    if how is signal.SIGINT:
        os.killpg(run.pid, how)  # as a keyboard does it
    else:
        run.send_signal(how)
    run.wait(60)
    psutil.wait_procs([child], timeout=10)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, (tmp_path / "log").read_text()


@pytest.mark.faults
def test_a_time_out_that_ends_pytest_at_once_leaves_nothing(pytest_on: Callable[[str], list[str]], tmp_path: Path) -> None:
    text = f"""
def test_hangs():
    child = children.start([sys.executable, "-c", {SLEEP!r}])
    Path({str(tmp_path)!r}, "pid").write_text(str(child.pid))
    time.sleep(600)
"""
    options = ["-p", "no:xdist", "-o", "timeout=2", "-o", "timeout_method=thread"]
    assert children.run([*pytest_on(text), *options], cwd=ROOT, timeout=60).returncode == 1
    gone = _number(tmp_path / "pid")
    end = time.monotonic() + 10
    while psutil.pid_exists(gone) and psutil.Process(gone).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.faults
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a process as another user")
def test_a_process_of_another_user_ends_with_its_parent_too(pytest_on: Callable[[str], list[str]], tmp_path: Path) -> None:
    text = f"""
def test_waits():
    child = children.start(children.as_user("nobody", ["/bin/sleep", "600"]))
    Path({str(tmp_path)!r}, "made").write_text(str(child.pid))
    Path({str(tmp_path)!r}, "made").rename(Path({str(tmp_path)!r}, "pid"))
    time.sleep(600)
"""
    run = children.start(pytest_on(text), cwd=ROOT)
    child = psutil.Process(_number(tmp_path / "pid"))
    end = time.monotonic() + 10
    while child.username() != "nobody" or child.name() != "sleep":
        assert time.monotonic() < end
        time.sleep(0.02)
    run.kill()
    run.wait(10)
    psutil.wait_procs([child], timeout=10)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def _number(path: Path) -> int:
    """What the file holds, once it is there."""
    end = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < end, f"{path.name} did not come"
        time.sleep(0.02)
    return int(path.read_text())
