"""The platform in containers, for tests: a fresh clone with secrets of its own, installed as a person would, removed whatever happens."""

from __future__ import annotations

import copy
import json
import os
import re
import secrets as random_secrets
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from eth_account import Account
from tests.support.books import decided, traded, wrong_trades
from tests.support.redis import free_port
from tests.support.secret_search import WEB_USER
from tests.support.settings import ROOT

SKIPPED = "grafana tempo otel-collector"  # images that not every machine can have
OURS = (
    *("simulator", "observer_a", "observer_b", "observer_c"),
    *("celery_beat", "celery_worker", "celery_worker_reconcile", "providence", "flower"),
)
STOCK = ("mariadb", "redis", "prometheus", "alertmanager")

QUICK: Mapping[str, Mapping[str, Any]] = {
    "exchange": {"requests_per_minute": 60_000},
    "schedule": {
        "update_prices_seconds": 1,
        "update_candles_seconds": 1,
        "update_balance_seconds": 2,
        "reconcile_positions_seconds": 4,
        "canary_seconds": 5,
    },
    "freshness": {"max_price_age_seconds": 12, "max_balance_age_seconds": 15, "max_position_age_seconds": 15},
    "observers": {"interval_seconds": 1},
    "simulator": {"speed": 60},
}
"""What makes a short test out of the project's config.yml."""

_STARTED = '{{index .Config.Labels "com.docker.compose.service"}} {{.State.StartedAt}}'
_ASK = """
import http.client, json, sys
path, body = sys.argv[1], sys.stdin.read()
connection = http.client.HTTPConnection("127.0.0.1", 8900, timeout=10)
connection.request("POST" if body else "GET", path, body or None, {"Content-Type": "application/json"})
answer = connection.getresponse()
text = answer.read().decode()
sys.exit(f"{path}: {answer.status} {text}") if answer.status != 200 else print(text)
"""


def has_engine() -> bool:
    """Whether a Docker engine answers."""
    try:
        return subprocess.run(["docker", "version"], capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def wait_for(what: str, condition: Callable[[], Any], seconds: float = 60) -> Any:
    """The first answer that is true. What the last look raised or gave is told where none came in time."""
    end, last = time.monotonic() + seconds, "nothing"
    while time.monotonic() < end:
        try:
            if found := condition():
                return found
            last = repr(found)
        except (AssertionError, LookupError, ValueError) as error:
            last = f"{type(error).__name__}: {error}"
        time.sleep(0.5)
    raise AssertionError(f"not within {seconds:g} s: {what}; last seen: {last[:2000]}")


class Stack:
    """One clone and its containers. Every method that asks raises AssertionError with the words of what failed."""

    def __init__(self, folder: Path, name: str, changes: Mapping[str, Mapping[str, Any]] = QUICK) -> None:
        self.folder, self.name = folder / "main", name
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(self.folder)], check=True, timeout=120)
        self.images: set[str] = set()
        self.written_secrets: list[dict[str, Any]] = []
        self.saved_runs = self.folder / "providence" / "saved_runs"
        self.ports = {key: free_port() for key in ("GRAFANA_PORT", "FLOWER_PORT", "PROMETHEUS_PORT")}
        self._write_env()
        self.secrets = _draw_secrets()
        self.write_secrets(self.secrets)
        self.change_config(changes)

    def _write_env(self) -> None:
        text = (self.folder / ".env").read_text()
        for key, value in {"COMPOSE_PROJECT_NAME": self.name, **self.ports}.items():
            text, found = re.subn(rf"^{key}=.*$", f"{key}={value}", text, flags=re.MULTILINE)
            assert found == 1, key
        (self.folder / ".env").write_text(text)

    def write_secrets(self, values: Mapping[str, Any]) -> None:
        path = self.folder / "secrets.yml"
        self.written_secrets.append(copy.deepcopy(dict(values)))
        path.write_text(yaml.safe_dump(dict(values)))
        path.chmod(0o600)

    def change_config(self, changes: Mapping[str, Mapping[str, Any]]) -> None:
        """Writes config.yml anew; observers get the public keys of the drawn secrets."""
        path = self.folder / "config.yml"
        config = yaml.safe_load(path.read_text())
        for section, values in changes.items():
            config[section].update(values)
        for node in config["observers"]["nodes"]:
            node["public_key"] = _public_key(self.secrets["observers"][node["name"]]["private_key"])
        path.write_text(yaml.safe_dump(config, sort_keys=False))

    # Commands

    def run(self, *command: str, stdin: str | None = None, seconds: float = 120, fails: bool = False) -> str:
        """What it wrote, both streams. Fails where the exit code is not as expected."""
        done = subprocess.run(
            command, cwd=self.folder, input=stdin, env=_environment(), capture_output=True, text=True, timeout=seconds, check=False
        )
        output = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, f"{' '.join(command)}: exit code {done.returncode}\n{output[-4000:]}"
        return output

    def make(self, *arguments: str, seconds: float = 300, fails: bool = False) -> str:
        return self.run("make", "--no-print-directory", *arguments, seconds=seconds, fails=fails)

    def install(self, *arguments: str, seconds: float = 900, fails: bool = False) -> str:
        try:
            return self.make("install", f"SKIP={SKIPPED}", *arguments, seconds=seconds, fails=fails)
        finally:
            self.note_images()

    def note_images(self) -> None:
        """After each build: an image that a later one replaces has no name any more, and is removed at the end all the same."""
        self.images |= set(self.run("docker", "images", "--quiet", "--no-trunc", f"{self.name}/*").split())

    def compose(self, *arguments: str, seconds: float = 180) -> str:
        return self.run("docker", "compose", *arguments, seconds=seconds)

    def containers(self, *filters: str) -> list[str]:
        """Of this project, also stopped ones, but none that ``run`` made."""
        labels = (f"project={self.name}", "oneoff=False", *filters)
        options = [word for label in labels for word in ("--filter", f"label=com.docker.compose.{label}")]
        return self.run("docker", "ps", "--all", "--quiet", "--no-trunc", *options).split()

    def container(self, service: str) -> str:
        found = self.containers(f"service={service}")
        assert len(found) == 1, f"{service}: {found}"
        return found[0]

    def inspect(self, service: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("docker", "inspect", self.container(service)))[0]
        return found

    def started(self) -> dict[str, str]:
        """When each long-running service was started last."""
        lines = self.run("docker", "inspect", "--format", _STARTED, *self.containers()).splitlines()
        return {service: at for service, at in map(str.split, lines) if service != "preflight"}

    def in_container(self, service: str, *command: str, stdin: str | None = None) -> str:
        """Its standard output alone."""
        done = subprocess.run(
            ["docker", "exec", "-i", self.container(service), *command], input=stdin or "", capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"{service}: {' '.join(command)}: {done.stdout}{done.stderr}"
        return done.stdout

    def processes(self, service: str) -> list[int]:
        """Their numbers on the host."""
        return [int(pid) for pid in self.run("docker", "top", self.container(service), "-eo", "pid").split()[1:]]

    # What there is to see

    def is_well(self, service: str) -> bool:
        state = self.inspect(service)["State"]
        return bool(state["Running"] and state.get("Health", {}).get("Status", "healthy") == "healthy")

    def wait_until_well(self, *services: str, seconds: float = 120) -> None:
        for service in services or (*OURS, *STOCK):
            wait_for(f"{service} is well", lambda service=service: self.is_well(service), seconds)  # type: ignore[misc]

    def status(self) -> dict[str, Any]:
        """`make status ARGS=--json`."""
        output = self.run("make", "--no-print-directory", "status", "ARGS=--json")
        line = next(line for line in output.splitlines() if line.startswith("{"))
        found: dict[str, Any] = json.loads(line)
        return found

    def sql(self, statement: str) -> list[list[str]]:
        """Rows of texts, by root inside of MariaDB's container."""
        login = "--defaults-extra-file=/run/secrets/root.cnf"
        output = self.in_container("mariadb", "mariadb", login, "--batch", "--skip-column-names", "3t", stdin=statement)
        return [line.split("\t") for line in output.splitlines()]

    def simulator(self, path: str, body: Any = None) -> Any:
        """The simulator's own API, asked inside of its container."""
        text = json.dumps(body) if body is not None else ""
        return json.loads(self.in_container("simulator", "python", "-IS", "-c", _ASK, path, stdin=text))

    def ledger(self) -> dict[str, Any]:
        """The simulator's own books."""
        found: dict[str, Any] = self.simulator("/sim/ledger")
        return found

    def held(self) -> dict[str, Decimal]:
        """Contracts by coin, by the simulator's own books."""
        account = self.ledger()["accounts"][self.secrets["exchange"]["walletAddress"].lower()]
        return {coin: Decimal(held["contracts"]) for coin, held in account["positions"].items() if Decimal(held["contracts"])}

    def orders_sent(self) -> list[dict[str, Any]]:
        """The signed orders that reached the simulator."""
        return [action for action in self.ledger()["actions"] if action["type"] == "order"]

    def fills(self) -> int:
        account = self.ledger()["accounts"][self.secrets["exchange"]["walletAddress"].lower()]
        return int(account["fills"])

    def last_cycle(self) -> int:
        return int(self.sql("SELECT COALESCE(MAX(cycle_id), 0) FROM decisions")[0][0])

    def wait_for_a_cycle_that_works(self, seconds: float = 120) -> None:
        """One that began after this call, was not blocked, and found sources that agree."""
        now = self.sql("SELECT UTC_TIMESTAMP(6)")[0][0]
        works = f"SELECT cycle_id FROM decisions WHERE at > '{now}' AND status <> 'blocked' AND consensus_symbols > 0 LIMIT 1"
        wait_for("a cycle that works", lambda: self.sql(works), seconds)

    def wait_until_trading(self, seconds: float = 240) -> None:
        """Cycles are recorded, sources agree, and an order is filled that was not there before."""
        cycle, fills = self.last_cycle(), self.fills()
        try:
            wait_for("two more cycles", lambda: self.last_cycle() >= cycle + 2, seconds)
            wait_for("another fill", lambda: self.fills() > fills, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{json.dumps(self.status(), indent=1)[:20_000]}") from error

    def unresolved(self) -> list[list[str]]:
        """Orders whose end is not known and that are older than any order may live."""
        old = "created_at < UTC_TIMESTAMP(6) - INTERVAL 60 SECOND"
        return self.sql(f"SELECT client_order_id, state, created_at FROM orders WHERE settled_at IS NULL AND {old}")

    def prove_books_agree(self) -> None:
        """Every order that the venue saw is in the database, once; what our fills sum to is what the venue holds; nothing is unresolved."""
        sent = [order["c"].lower() for action in self.orders_sent() for order in action["action"]["orders"]]
        assert len(sent) == len(set(sent)), "an order was sent twice"
        known = {row[0].lower() for row in self.sql("SELECT client_order_id FROM orders")}
        assert set(sent) <= known, f"sent and not in the database: {set(sent) - known}"
        fills = self.simulator("/info", {"type": "userFills", "user": self.secrets["exchange"]["walletAddress"]})
        assert wrong_trades(traded(fills), decided(self.sql)) == []
        wait_for("nothing is unresolved", lambda: not self.unresolved())
        wait_for("the local positions are those of the venue", self._positions_agree, 60)

    def _positions_agree(self) -> bool:
        newest = "(SELECT MAX(id) FROM position_snapshots WHERE complete)"
        rows = self.sql(f"SELECT symbol, contracts FROM positions WHERE snapshot_id = {newest} AND contracts <> 0")
        return {symbol.partition("/")[0]: Decimal(contracts) for symbol, contracts in rows} == self.held()

    # Harm

    def kill(self, service: str) -> None:
        """SIGKILL to the service's own process, seen from the host: what no restart policy takes for a person's wish."""
        pid = int(self.inspect(service)["State"]["Pid"])
        children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()
        os.kill(int(children[0]) if children else pid, signal.SIGKILL)

    def kill_all(self, *services: str) -> None:
        """SIGKILL to the first process of each container, all within a moment: what a machine out of memory or power does."""
        for pid in [int(self.inspect(service)["State"]["Pid"]) for service in services]:
            os.kill(pid, signal.SIGKILL)

    def remove(self) -> None:
        """Containers, networks, volumes and images of this project name, and nothing else."""
        here = f"label=com.docker.compose.project={self.name}"
        self._each(["docker", "ps", "-aq", "--filter", here], ["docker", "rm", "-f", "-v"])
        self._each(["docker", "network", "ls", "-q", "--filter", here], ["docker", "network", "rm"])
        self._each(["docker", "volume", "ls", "-q", "--filter", here], ["docker", "volume", "rm", "-f"])
        self._each(["docker", "images", "-q", "--no-trunc", f"{self.name}/*"], ["docker", "rmi", "-f"], self.images)

    @staticmethod
    def _each(listing: Sequence[str], removal: Sequence[str], known: Collection[str] = ()) -> None:
        found = {*subprocess.run(listing, capture_output=True, text=True, timeout=60).stdout.split(), *known}
        if found:
            subprocess.run([*removal, *sorted(found)], capture_output=True, timeout=120)


def _environment() -> dict[str, str]:
    """Without what this test run was started with: a person has none of it."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("THREET_", "COMPOSE_", "MAKE", "MFLAGS"))}


def _draw_secrets() -> dict[str, Any]:
    """All of its own, so that a search for a value finds that value and nothing else."""
    master, agent = Account.create(), Account.create()
    return {
        "exchange": {"apiKey": agent.address, "walletAddress": master.address, "privateKey": "0x" + agent.key.hex().removeprefix("0x")},
        "database": {name: random_secrets.token_hex(12) for name in ("password", "root_password", "readonly_password")},
        "redis": {"password": random_secrets.token_hex(12)},
        "flower": {"user": WEB_USER, "password": random_secrets.token_hex(12)},
        "grafana": {"password": random_secrets.token_hex(12)},
        "observers": {name: {"private_key": random_secrets.token_hex(32)} for name in "abc"},
    }


def _public_key(seed_hex: str) -> str:
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed_hex)).public_key().public_bytes_raw().hex()
