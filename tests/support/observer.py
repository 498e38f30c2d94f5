"""A real observer node for tests, and the keys of one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.support import children

START_SECONDS = 30
SEEDS = {"a": "0a" * 32, "b": "0b" * 32, "c": "0c" * 32}


def public_key(seed: str) -> str:
    """Of an Ed25519 seed of 64 hex digits."""
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)).public_key().public_bytes_raw().hex()


def node_entries(urls: dict[str, str]) -> list[dict[str, str]]:
    """``observers.nodes`` of config.yml for nodes a, b, c."""
    return [
        {"name": name, "url": urls.get(name, f"http://127.0.0.1:{port}"), "public_key": public_key(seed)}
        for port, (name, seed) in enumerate(SEEDS.items(), start=9)  # nobody listens there: such a node is read by the url of its process
    ]


def write_secrets(folder: Path, name: str, wallet_address: str) -> Path:
    """The secrets of one node: the account's address and its own key."""
    path = folder / f"secrets-{name}.yml"
    path.write_text(yaml.safe_dump({"exchange": {"walletAddress": wallet_address}, "observers": {name: {"private_key": SEEDS[name]}}}))
    path.chmod(0o600)
    return path


class ObserverProcess:
    """`python -m threet.observer` as a child of the test, on a port of its own choice that it keeps over restarts."""

    def __init__(self, name: str, config: Path, secrets: Path, state: Path) -> None:
        self.name = name
        self.state = state
        self.port = 0
        self.url = ""
        self._command = [sys.executable, "-m", "threet.observer", "--config", str(config), "--secrets", str(secrets), "--name", name]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> ObserverProcess:
        return self.start()

    def __exit__(self, *unused: object) -> None:
        self.stop()

    @property
    def process(self) -> subprocess.Popen[str]:
        assert self._process is not None, "the observer was not started"
        return self._process

    def start(self) -> ObserverProcess:
        """Waits for the line that names its address."""
        self.state.mkdir(parents=True, exist_ok=True)
        with (self.state / f"observer_{self.name}.log").open("a") as log:
            command = [*self._command, "--state", str(self.state), "--port", str(self.port)]
            self._process = children.start(command, stdout=subprocess.PIPE, stderr=log, text=True)
        guard = threading.Timer(START_SECONDS, self.process.kill)
        guard.start()
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        guard.cancel()
        if not line.startswith(f"observer {self.name} ready http://127.0.0.1:"):
            self.stop(signal.SIGKILL)
            raise AssertionError(f"observer did not start: {line!r}\n{self.log()}")
        self.url = line.split()[-1]
        self.port = int(self.url.rpartition(":")[2])
        return self

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Its exit status; killed after ten seconds."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            status = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait(10)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return status

    def log(self) -> str:
        return (self.state / f"observer_{self.name}.log").read_text()

    def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON body."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def positions(self, nonce: str = "0123456789abcdef") -> tuple[int, Any]:
        return self.get(f"/v1/positions?nonce={nonce}")
