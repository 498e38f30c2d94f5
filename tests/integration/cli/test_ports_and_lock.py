"""The supervisor's claims on the machine: ports, and a folder of its own."""

from __future__ import annotations

import multiprocessing
import socket
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from threet.cli.demo.folder import FolderInUse, StateFolder
from threet.cli.demo.free_ports import choose_ports, is_free


def test_a_port_in_use_is_named_and_another_is_taken() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        wanted = busy.getsockname()[1]
        said: list[str] = []
        chosen = choose_ports({"redis": wanted, "flower": wanted}, said.append)
    assert wanted not in chosen.values()
    assert len(set(chosen.values())) == 2
    assert said[0] == f"redis: port {wanted} is in use, {chosen['redis']} is taken instead"


def test_a_free_port_is_kept() -> None:
    port = next(port for port in range(23000, 24000) if is_free(port))
    said: list[str] = []
    assert choose_ports({"redis": port}, said.append) == {"redis": port}
    assert said == []


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
