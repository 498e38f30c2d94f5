"""A process of its own that contends for the database: ``python -m tests.integration.sql.contender CONFIG SECRETS WHAT NAME TIMES``.

Waits for a line on stdin, so that all start together; prints one JSON list and ends. WHAT: ``lease`` takes and gives back the lease and
tells its tokens; ``count`` raises a number in platform_state, reading it first; ``intent`` tells which client order ids it committed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sqlalchemy import Connection, Engine
from tests.integration.sql.facts import NOON, order

from threet.adapters.sql import SqlCycleStore, make_engine
from threet.adapters.sql.state import get_state, put_state
from threet.adapters.sql.transactions import write
from threet.application.store import IntentRefused, Lease
from threet.settings import load_secrets, load_settings

COUNTER = "counter"
SHARED = Lease("reconcile", "shared", 1, NOON, NOON)


def take_leases(store: SqlCycleStore, name: str, times: int) -> list[int]:
    """The tokens that it got; between taking and giving back it looks whether the intent's check agrees that it is the holder."""
    tokens: list[int] = []
    while len(tokens) < times:
        lease = store.acquire_lease("reconcile", name, 30)
        if lease is not None:
            store.commit_intent(order(lease.token), lease, lambda _: None)
            tokens.append(lease.token)
            store.release_lease(lease)
    return tokens


def count_up(engine: Engine, times: int) -> list[int]:
    """The numbers that it wrote."""

    def work(connection: Connection) -> int:
        raised = int(get_state(connection, COUNTER) or 0) + 1
        put_state(connection, COUNTER, str(raised))
        return raised

    return [write(engine, work) for _ in range(times)]


def try_intents(store: SqlCycleStore, times: int) -> list[int]:
    """The ids that it won, under one lease that all contenders hold: only the unique index stands between them."""
    won: list[int] = []
    for number in range(1, times + 1):
        try:
            store.commit_intent(order(number), SHARED, lambda _: None)
            won.append(number)
        except IntentRefused:
            continue
    return won


def main() -> None:
    config, secrets, what, name, times = sys.argv[1:]
    settings = load_settings(Path(config))
    engine = make_engine(settings, load_secrets(Path(secrets), settings))
    store = SqlCycleStore(engine)
    store.now()
    print("ready", flush=True)
    sys.stdin.readline()
    if what == "lease":
        print(json.dumps(take_leases(store, name, int(times))))
    elif what == "count":
        print(json.dumps(count_up(engine, int(times))))
    else:
        print(json.dumps(try_intents(store, int(times))))


if __name__ == "__main__":
    main()
