"""Real Providence managers as processes, over a real Redis and SQLite, fed with a seeded market."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import select
from tests.support import children
from tests.support.market_steps import WARMUP, MarketStep, Prices
from tests.support.redis import RedisServer
from tests.support.settings import ROOT, write_config

from threet.adapters.sql import SqlCycleStore, create_schema, make_engine
from threet.adapters.sql.tables import providence_shards, runs
from threet.application.facts import Votes
from threet.settings import load_secrets, load_settings
from threet_providence.files import read_plain

SCRIPT = ROOT / "providence" / "3T-PROVIDENCE-v2.py"
SYMBOLS = ("BTC/USDC:USDC", "DOGE/USDC:USDC", "ETH/USDC:USDC", "SOL/USDC:USDC")
"""The products that a fresh database has."""

LIVELY = {
    "providence.saved_runs": "saved_runs",
    "providence.warmup_bars": WARMUP,
    "providence.duration_market_seconds": [900, 3600],
    "providence.max_loss_percent": [0.3, 1],
    "providence.target_percent": [0.3, 1.2],
    "providence.vote_min_age_market_seconds": 300,
    "providence.publish_interval_seconds": 0.2,
    "providence.snapshot_interval_seconds": 0.3,
    "providence.products_interval_seconds": 0.3,
    "providence.strategies": {
        "trend": {"weight": 1, "parameters": {"fast_bars": [1, 4], "slow_bars": [5, WARMUP], "band_bps": [0, 4]}},
    },
}
"""Short lives, close stops and quick votes, so that much happens in few bars."""


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 30) -> Any:
    """The condition's first true value. Raises TimeoutError naming what was waited for."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"expected {what} within {seconds} s")
        time.sleep(0.02)
    return found


class ManagerProcess:
    """One shard in a folder of its own, with its own database."""

    def __init__(self, folder: Path, redis: RedisServer, **changes: Any) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        database = {"database.url": f"sqlite:///{folder}/3t.db", "redis.url": redis.url}
        self.config = write_config(folder, {**database, **LIVELY, **changes})
        secrets = yaml.safe_load((ROOT / "secrets.example.yml").read_text())
        secrets["redis"]["password"] = redis.password
        path = folder / "secrets.yml"
        path.write_text(yaml.safe_dump(secrets))
        path.chmod(0o600)
        self.settings = load_settings(self.config)
        self.engine = make_engine(self.settings, load_secrets(path, self.settings))
        create_schema(self.engine)
        self.store = SqlCycleStore(self.engine)
        self.saved_runs = folder / "saved_runs"
        self.process: subprocess.Popen[bytes] | None = None
        self.script: list[str | Path] = [SCRIPT]
        self._started: list[subprocess.Popen[bytes]] = []
        self._log = folder / "log.txt"

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            command = [sys.executable, *self.script, "--config", str(self.config), *arguments]
            self.process = children.start(command, stdout=log, stderr=subprocess.STDOUT)
        self._started.append(self.process)
        return self.process

    def begin(self) -> None:
        """Starts it and waits until its own first segment of the journal is there."""
        before = self.log().count("population") + self.log().count("resumed ")
        self.start()
        wait_for(lambda: self.log().count("population") + self.log().count("resumed ") > before, f"a start in {self._log}", 90)

    def kill(self) -> None:
        """Every one that was started: a second one that was refused does not hide the first."""
        for process in self._started:
            process.kill()
        for process in self._started:
            process.wait(10)

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(40)

    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def votes(self) -> Votes | None:
        found = self.store.votes(1, datetime.now(UTC) - timedelta(seconds=30))
        return found if isinstance(found, Votes) else None

    def rows(self) -> dict[str, dict[str, Any]]:
        with self.engine.connect() as connection:
            found = connection.execute(select(runs)).mappings().all()
        return {row["id"]: {name: value for name, value in row.items() if name != "updated_at"} for row in found}

    def market_time(self) -> datetime | None:
        with self.engine.connect() as connection:
            return connection.execute(select(providence_shards.c.market_time)).scalar()

    def files(self) -> dict[str, dict[str, Any]]:
        """Every run's file that there is, wherever it lies, without what depends on when it was written."""
        paths = [p for folder in (".", "ending", "ended") for p in (self.saved_runs / folder).glob("run_*.json*")]
        bodies = [json.loads(read_plain(path)) for path in paths]
        volatile = {"checksum", "journal_tick", "live_pnl", "last_price"}
        return {body["run_id"]: {name: value for name, value in body.items() if name not in volatile} for body in bodies}


class Feeder:
    """Publishes the steps of a session as the workers would, ``pause_seconds`` apart, in a thread until ``stop``."""

    def __init__(self, redis: RedisServer, steps: Sequence[MarketStep], pause_seconds: float) -> None:
        self._redis, self._steps, self._pause = redis, iter(steps), pause_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.last_market_ms = 0
        self.sent = 0

    def __enter__(self) -> Feeder:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        client = self._redis.client()
        for step in self._steps:
            if self._stop.wait(self._pause):
                return
            publish(client, step)
            self.sent += 1
            if isinstance(step, Prices):
                self.last_market_ms = step.market_ms


def publish(client: Any, step: MarketStep) -> None:
    """One entry, in the form of the contract."""
    if isinstance(step, Prices):
        prices = json.dumps({symbol: repr(mark) for symbol, mark in step.marks.items()})
        funding = json.dumps({symbol: repr(rate) for symbol, rate in step.funding.items()})
        client.xadd("prices", {"market_time_ms": step.market_ms, "observed_at_ms": 0, "prices": prices, "funding": funding})
    else:
        fields = {"symbol": step.symbol, "interval": "1m", "observed_at_ms": 0, "candles": json.dumps(step.rows)}
        client.xadd("candles", fields)
