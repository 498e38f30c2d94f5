"""The whole platform with MariaDB, Redis, observers hung, alone and at once: `3t flatten --emergency` closes, and then all is in order."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from decimal import Decimal

import psutil
import pytest
from tests.support.databases import open_engine
from tests.support.mariadb import PASSWORD, MariaDb, running_mariadb
from tests.support.platform import Platform

from threet.adapters.sql import create_schema

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]
DRILLS = [("mariadb",), ("redis",), ("observer_a", "observer_b", "observer_c")]


@pytest.fixture(scope="module")
def mariadb() -> Iterator[MariaDb]:
    with running_mariadb() as server:
        server.client("CREATE DATABASE drill CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
        yield server


@pytest.fixture(scope="module")
def platform(mariadb: MariaDb, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with pytest.MonkeyPatch.context() as patch:
        create_schema(open_engine(tmp_path_factory.mktemp("tables"), mariadb.url("drill")))  # else the first look would find none
        patch.setenv("DATABASE_URL", mariadb.url("drill").replace("threet@", f"threet:{PASSWORD}@"))
        with Platform(tmp_path_factory.mktemp("drill") / "state", ["--speed", "60"]) as running:
            yield running


def positions(platform: Platform) -> dict[str, Decimal]:
    held = [account["positions"] for account in platform.ledger()["accounts"].values()]
    return {coin: Decimal(position["contracts"]) for each in held for coin, position in each.items()}


@contextlib.contextmanager
def hung(platform: Platform, mariadb: MariaDb, names: tuple[str, ...]) -> Iterator[None]:
    """They keep their sockets and answer nothing."""
    assert mariadb._process is not None
    found = [psutil.Process(mariadb._process.pid) if name == "mariadb" else platform.part(name) for name in names]
    for process in found:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in found:
            process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("names", [*DRILLS, tuple(name for drill in DRILLS for name in drill)], ids="+".join)
def test_drill(platform, mariadb, names, record_property):
    platform.wait(lambda: platform.is_well() and bool(positions(platform)), 150, "a position to close")
    secrets = platform.folder / "secrets" / "celery_worker_reconcile.yml"
    with hung(platform, mariadb, names):
        if names != ("mariadb",):  # its time-outs are waited for once, in the drill with all of them
            halted = platform.command("halt", "drill", timeout=60)
            assert halted.returncode == 0, halted.stderr
            assert (platform.folder / "platform" / "HALT").exists()
        done = platform.command("flatten", "--emergency", "drill", "--secrets", str(secrets), timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        assert positions(platform) == {}
    record_property("seconds_to_flat", done.stdout.partition("Flat after ")[2].partition(" s")[0])
    platform.wait(lambda: not list((platform.folder / "platform" / "emergency").glob("*.jsonl")), 60, "the cycle to import what was sent")
    platform.wait(lambda: not platform.store.unsettled_orders(), 60, "every order to be settled")
    closing = [order for order in platform.store.orders(50) if "flatten --emergency: drill" in order.reason]
    assert closing
    assert all(order.reduce_only and order.state.is_final for order in closing)
    assert positions(platform) == {}
    assert platform.command("resume").returncode == 0
    platform.wait(platform.is_well, 120, "trading to go on")
    assert all(state.lock_reason is None for state in platform.store.symbol_states().values())
