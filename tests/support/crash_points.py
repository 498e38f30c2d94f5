"""Cycles that end themselves with SIGKILL at a named point (points.py): a server that forks one process for each line of standard input."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select
from tests.support import children
from tests.support.cycle import Desk
from tests.support.databases import open_engine
from tests.support.points import Points
from tests.support.simulator import SimulatorProcess, make_wallet

from threet.adapters.sql import create_schema
from threet.adapters.sql.tables import leases
from threet.adapters.venue import nonces

CHANGES = {
    "reconciliation": {"order_expires_seconds": 3, "lease_seconds": 6, "lease_margin_seconds": 1},
    "symbol_defaults": {"max_notional_usd": 1000},  # below what full votes want: the target does not follow the account's fees
}


@dataclass(frozen=True, slots=True)
class Job:
    """One account with its database; the cycle of it is killed ``when`` (before or after) ``point``, or runs to its end where that is
    empty. ``trace`` names each point that was reached. ``sends_first``: an offender is run instead, see ``SendsFirst``."""

    folder: str
    simulator_url: str
    database_url: str
    wallet: int
    trace: str
    point: str = ""
    when: str = ""
    sends_first: bool = False


def open_desk(
    job: Job, simulator: SimulatorProcess, *, is_new: bool = False, changes: dict[str, dict[str, Any]] = CHANGES
) -> tuple[Desk, Engine]:
    """The desk of this account, as the process before left it."""
    folder = Path(job.folder) / "database"
    folder.mkdir(parents=True, exist_ok=True)
    engine = open_engine(folder, job.database_url)
    if is_new:
        create_schema(engine)
    return Desk(Path(job.folder), simulator, lambda _: engine, changes, make_wallet(job.wallet), make_wallet(job.wallet + 1)), engine


class ProcessPoints(Points):
    """Writes down each point that is reached, and kills the process at the one that is wanted."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job
        self._trace = os.open(job.trace, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)

    def reached(self, point: str) -> None:
        os.write(self._trace, f"{point}\n".encode())

    def pass_or_die(self, when: str, point: str) -> None:
        if (self._job.when, self._job.point) == (when, point):
            os.kill(os.getpid(), signal.SIGKILL)

    def arm(self, desk: Desk, engine: Engine) -> None:
        self.arm_commits(engine)
        self.arm_session(desk.venue.connection.client.session)
        module: Any = nonces
        write = module.write_durably
        module.write_durably = lambda path, text: self.around("nonce", lambda: write(path, text))
        desk.store = self.named(desk.store)


class SendsFirst:
    """The real store of an offender: an intent is committed with the order's outcome, once it was sent."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self._intents: dict[str, Callable[[], None]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def commit_intent(self, order: Any, lease: Any, check: Any) -> None:
        self._intents[order.client_order_id] = lambda: self._real.commit_intent(order, lease, check)

    def record_outcome(self, client_order_id: str, *rest: Any, **named: Any) -> None:
        self._intents.pop(client_order_id, lambda: None)()
        self._real.record_outcome(client_order_id, *rest, **named)


def wait_for_lease(engine: Engine, desk: Desk) -> None:
    """Until that of a killed cycle is over: the cycle of this process is to be one that works."""
    while True:
        with engine.connect() as connection:
            ends = connection.execute(select(leases.c.expires_at)).scalars().all()
        if all(end <= desk.store.now() for end in ends):
            return
        time.sleep(0.05)


def run(job: Job) -> None:
    simulator = SimulatorProcess(Path(job.folder) / "not-mine")  # another process has started it
    simulator.url = job.simulator_url
    desk, engine = open_desk(job, simulator)
    desk.store = SendsFirst(desk.store) if job.sends_first else desk.store  # type: ignore[assignment]
    wait_for_lease(engine, desk)
    ProcessPoints(job).arm(desk, engine)
    result = desk.cycle()
    Path(job.trace).with_suffix(".result").write_text(f"{result.status}: {result.reason}\n")


class CrashServer:
    """Forks the cycles, so that not each of them has to load the exchange's library."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] = children.start(
            [sys.executable, "-m", "tests.support.crash_points"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def run(self, job: Job) -> tuple[int, Sequence[str]]:
        """How the process ended (-9: killed), and the points that it reached."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(job)) + "\n")
        status = int(self._process.stdout.readline())
        return status, Path(job.trace).read_text().splitlines()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def serve() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            run(Job(**json.loads(line)))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve()
