"""A real simulator process for tests: started on a free port, read by its control API, stopped or killed by its own id.

In a test module: `from tests.support.simulator import SimulatorProcess, make_wallet, simulator` (the last one is a fixture: a fresh,
seeded, paused-off simulator per test). `SimulatorProcess(folder, ...)` gives others.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from eth_keys.datatypes import PrivateKey
from tests.support import children

from threet.simulator.ledger import read_ledger

START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Wallet:
    """A key that exists in tests only."""

    address: str  # lower case, 0x
    private_key: str  # 0x and 64 hex digits


def make_wallet(number: int = 1) -> Wallet:
    """The same number gives the same wallet."""
    key = PrivateKey(number.to_bytes(32, "big"))
    return Wallet(key.public_key.to_address(), key.to_hex())


class SimulatorProcess:
    """`python -m threet.simulator` as a child of the test. As a context manager it starts and stops."""

    def __init__(self, folder: Path, flags: Sequence[str] = (), port: int = 0) -> None:
        """`folder` is its state folder; a second process with the same one goes on where the first one ended."""
        self.folder = folder
        self.flags = list(flags)
        self.port = port
        self.url = ""
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> SimulatorProcess:
        return self.start()

    def __exit__(self, *unused: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None, "the simulator was not started"
        return self._process.pid

    @property
    def log(self) -> Path:
        """What it wrote to its standard error, of all starts."""
        return self.folder / "simulator.log"

    def start(self) -> SimulatorProcess:
        """Waits for the line that names its address. The port stays the same over restarts."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "threet.simulator", "--state", str(self.folder), "--port", str(self.port), *self.flags]
        with self.log.open("a") as log:
            self._process = children.start(command, stdout=subprocess.PIPE, stderr=log, text=True)
        line = self._ready_line()
        if not line.startswith("simulator ready http"):
            self.kill()
            raise AssertionError(f"simulator did not start: {line!r}\n{self.log.read_text()}")
        self.url = line.split()[-1]
        self.port = int(self.url.rpartition(":")[2])
        return self

    def stop(self) -> int:
        """SIGTERM, then the exit status; kills it after ten seconds."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """SIGKILL: nothing is saved that was not saved before."""
        return self._end(signal.SIGKILL)

    def restart(self) -> SimulatorProcess:
        """Starts again on the same folder and port."""
        self.stop()
        return self.start()

    # Control API

    def health(self) -> dict[str, Any]:
        return self.get("/sim/health")

    def ledger(self) -> dict[str, Any]:
        """The simulator's own books; of a dead process out of its files, without marks."""
        if self._process is None or self._process.poll() is not None:
            return read_ledger(self.folder)
        return self.get("/sim/ledger")

    def account(self, address: str) -> dict[str, Any]:
        """One account out of the ledger."""
        found: dict[str, Any] = self.ledger()["accounts"][address.lower()]
        return found

    def actions(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The log of signed actions, all or of one type."""
        return [action for action in self.ledger()["actions"] if kind is None or action["type"] == kind]

    def market(self) -> dict[str, Any]:
        return self.get("/sim/market")

    def mark(self, coin: str) -> str:
        """A coin's mark of now, as a decimal string."""
        return next(str(each["mark"]) for each in self.market()["coins"] if each["name"] == coin)

    def fund(self, address: str, usd: str = "10000") -> None:
        """Makes the account where it does not exist, and adds to it."""
        self.post("/sim/accounts", {"address": address, "deposit_usd": usd})

    def approve_agent(self, master: str, agent: str) -> None:
        self.post("/sim/agents", {"master": master, "agent": agent})

    def transfer(self, address: str, usd: str) -> None:
        """A deposit, or a withdrawal where negative."""
        self.post("/sim/transfer", {"address": address, "amount_usd": usd})

    def pause(self) -> None:
        self.post("/sim/market", {"action": "pause"})

    def resume(self) -> None:
        self.post("/sim/market", {"action": "resume"})

    def set_speed(self, speed: float) -> None:
        self.post("/sim/market", {"action": "set_speed", "speed": speed})

    def set_price(self, coin: str, price: str) -> None:
        self.post("/sim/market", {"action": "set_price", "coin": coin, "price": price})

    def list_coin(self, coin: str, price: str) -> None:
        self.post("/sim/market", {"action": "list_coin", "coin": coin, "price": price})

    def fault(self, kind: str, **values: Any) -> int:
        """Sets a fault (match, count, rate, seed, seconds) and returns its id."""
        return int(self.post("/sim/faults", {"action": "set", "kind": kind, **values})["id"])

    def hits(self, fault: int) -> int:
        """How many calls a fault that is set has met."""
        return next(int(each["hits"]) for each in self.get("/sim/faults")["faults"] if each["id"] == fault)

    def clear_faults(self) -> None:
        self.post("/sim/faults", {"action": "clear"})

    def get(self, path: str) -> dict[str, Any]:
        return self._ask(path, None)

    def post(self, path: str, body: Any) -> dict[str, Any]:
        """Any path, the venue's ones too. A refusal is an AssertionError with the server's text."""
        return self._ask(path, body)

    def info(self, body: Any) -> Any:
        """A public request to the venue."""
        return self._ask("/info", body)

    def _ask(self, path: str, body: Any) -> Any:
        return _request(self.url + path, body)

    def _ready_line(self) -> str:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        guard = threading.Timer(START_SECONDS, process.kill)
        guard.start()
        try:
            return process.stdout.readline()
        finally:
            guard.cancel()

    def _end(self, how: signal.Signals) -> int:
        process = self._process
        assert process is not None, "the simulator was not started"
        if process.poll() is None:
            os.kill(process.pid, how)
        try:
            status = process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait(10)
        if process.stdout is not None:
            process.stdout.close()
        return status


def _request(url: str, body: Any) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", "User-Agent": "3t-tests"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{url}: status {error.code}: {error.read().decode()}") from error


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[SimulatorProcess]:
    """A seeded simulator of its own for one test, market time running at wall speed."""
    with SimulatorProcess(tmp_path / "simulator") as process:
        yield process
