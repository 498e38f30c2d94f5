"""A second project joins as another host would, by docs/scale-out.md: one more worker, over TLS, without the signing key. The last file."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pymysql
import pytest
import redis
import yaml
from tests.compose.conftest import Figures
from tests.support.stack import OURS, STOCK, Stack, wait_for

DATABASE = "mysql+pymysql://threet@mariadb:3306/3t?ssl_ca=/3t/config/ca.pem"
REDIS = "rediss://redis:6380/0?ssl_ca_certs=/3t/config/ca.pem"
SIMULATOR_PUBLISHED = 'services:\n  simulator:\n    ports: ["${CLUSTER_ADDRESS}:8900:8900"]\n'
SIMULATOR_KNOWN = 'services:\n  celery_worker:\n    extra_hosts: ["simulator:${CLUSTER_ADDRESS}"]\n'


def _address() -> str:
    """Of this machine as containers of any project reach it: the engine's own bridge, whose first address it has unless told otherwise."""
    command = ["docker", "network", "inspect", "bridge", "--format", "{{json (index .IPAM.Config 0)}}"]
    bridge = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout)
    return str(bridge.get("Gateway") or next(ip_network(bridge["Subnet"]).hosts()))


def _add(folder: Path, compose_file: str, more: str) -> None:
    (folder / "more.yml").write_text(more)
    with (folder / ".env").open("a") as file:
        file.write(f"\nCOMPOSE_FILE={compose_file}:more.yml\nCLUSTER_ADDRESS={_address()}\n")


@pytest.fixture(scope="module")
def first(stack: Stack) -> Stack:
    """The first host, reachable over TLS. A new platform: after a restore or a reset the venue has orders that no database knows."""
    stack.make("clean")
    stack.compose("down", "--volumes")
    stack.saved_runs.rename(stack.saved_runs.with_name("before_scale_out"))
    stack.saved_runs.mkdir()
    stack.run("scripts/cluster_certificates.sh")
    stack.change_config({"database": {"url": DATABASE}, "redis": {"url": REDIS}})
    _add(stack.folder, "docker-compose.yml:docker-compose.cluster.yml", SIMULATOR_PUBLISHED)
    stack.install()
    return stack


@pytest.fixture(scope="module")
def joined(first: Stack, tmp_path_factory: pytest.TempPathFactory, figures: Figures) -> Iterator[Stack]:
    """The host that joins: a clone with the three files, and nothing else of the first one's."""
    made = Stack(tmp_path_factory.mktemp("joins"), f"{first.name}_joins", {})
    shutil.copy(first.folder / "config.yml", made.folder / "config.yml")
    (made.folder / "cluster").mkdir()
    shutil.copy(first.folder / "cluster/ca.pem", made.folder / "cluster/ca.pem")
    known = first.secrets
    made.secrets = {
        "exchange": {"walletAddress": known["exchange"]["walletAddress"]},
        "database": {"password": known["database"]["password"]},
        "redis": known["redis"],
        "set_names": [*(f"exchange.{name}" for name in known["exchange"]), "database.password", "redis.password"],
    }
    made.write_secrets(made.secrets)
    _add(made.folder, "docker-compose.worker.yml", SIMULATOR_KNOWN)
    try:
        made.compose("up", "--detach", "--build", seconds=300)
        made.wait_until_well("celery_worker")
        yield made
    finally:
        made.remove()


def _workers(first: Stack) -> list[str]:
    """Those of the queues market and account that have reported lately."""
    here = "name LIKE 'celery_worker/%' AND seen_at > UTC_TIMESTAMP(6) - INTERVAL 30 SECOND"
    return [row[0] for row in first.sql(f"SELECT name FROM services WHERE {here}")]


def _prices_done(host: Stack) -> int:
    return host.compose("logs", "--no-color", "celery_worker").count("update_prices ok")


def test_the_stores_are_published_on_the_clusters_address_alone(first: Stack) -> None:
    published = {}
    for service in ("mariadb", "redis"):
        for port, places in (first.inspect(service)["NetworkSettings"]["Ports"] or {}).items():
            for place in places or []:
                published[service, port] = (place["HostIp"], place["HostPort"])
    assert published == {("mariadb", "3306/tcp"): (_address(), "3306"), ("redis", "6380/tcp"): (_address(), "6380")}


def test_the_first_host_trades_over_tls(first: Stack) -> None:
    assert [service for service in (*OURS, *STOCK) if not first.is_well(service)] == []
    first.wait_until_trading()
    users = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'threet'"
    assert int(first.sql(users)[0][0]) > 0  # and none of them without TLS, as the next test shows


def test_nobody_is_let_in_without_tls(first: Stack) -> None:
    """With the right passwords: it is the missing TLS that is refused."""
    for user, name in (("threet", "password"), ("grafana", "readonly_password")):
        password = first.secrets["database"][name]
        authority = {"ca": str(first.folder / "cluster/ca.pem"), "check_hostname": False}
        pymysql.connect(host=_address(), user=user, password=password, ssl=authority, connect_timeout=10).close()
        with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
            pymysql.connect(host=_address(), user=user, password=password, ssl_disabled=True, connect_timeout=10)
    broker = {"host": _address(), "port": 6380, "password": first.secrets["redis"]["password"], "socket_timeout": 10}
    authority_file = str(first.folder / "cluster/ca.pem")
    assert redis.Redis(ssl=True, ssl_ca_certs=authority_file, ssl_check_hostname=False, **broker).ping()
    with pytest.raises(redis.ConnectionError):
        redis.Redis(**broker).ping()


def test_the_host_that_joined_is_seen_and_runs_the_same_config(first: Stack, joined: Stack) -> None:
    wait_for("two workers", lambda: len(_workers(first)) == 2)
    services = [view for view in first.status()["services"].values() if view["role"] == "celery_worker" and view["fresh"]]
    assert len(services) == 2
    assert all(service["same_config"] for service in services)


def test_it_holds_three_secrets_and_not_the_key(first: Stack, joined: Stack) -> None:
    there = joined.in_container("celery_worker", "ls", "/run/secrets").split()
    assert sorted(there) == ["database.password", "exchange.walletAddress", "redis.password", "set_names"]
    everything = (joined.folder / "secrets.yml").read_text() + joined.run("docker", "inspect", joined.container("celery_worker"))
    everything += joined.in_container("celery_worker", "sh", "-c", "cat /run/secrets/* /3t/config/*")
    assert first.secrets["exchange"]["walletAddress"] in everything
    assert first.secrets["exchange"]["privateKey"].removeprefix("0x") not in everything
    assert "PRIVATE KEY" not in everything


def test_trading_goes_on_with_the_worker_that_joined_alone(first: Stack, joined: Stack) -> None:
    first.compose("stop", "celery_worker")
    try:
        before = _prices_done(joined)
        wait_for("it does the market's tasks", lambda: _prices_done(joined) >= before + 5)
        first.wait_until_trading()
        assert joined.is_well("celery_worker")
    finally:
        first.compose("start", "celery_worker")
    first.wait_until_well("celery_worker")
    first.prove_books_agree()


def test_both_are_well_though_they_share_the_canaries(first: Stack, joined: Stack) -> None:
    before = _prices_done(first), _prices_done(joined)
    wait_for("each does its part", lambda: _prices_done(first) > before[0] and _prices_done(joined) > before[1])
    assert first.is_well("celery_worker")
    assert joined.is_well("celery_worker")


def test_while_it_runs_another_config_nothing_is_traded(first: Stack, joined: Stack) -> None:
    path = joined.folder / "config.yml"
    kept = path.read_text()
    config = yaml.safe_load(kept)
    config["reconciliation"]["max_hold_seconds"] += 1
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    joined.make("restart")

    def blocked() -> bool:
        rows = first.sql("SELECT status, reason FROM decisions ORDER BY cycle_id DESC LIMIT 1")
        return rows[0][0] == "blocked" and "runs another config" in rows[0][1]

    wait_for("a cycle that saw it", blocked)
    path.write_text(kept)
    joined.make("restart")
    first.wait_until_trading()


def test_it_leaves_and_nothing_waits_for_it(first: Stack, joined: Stack) -> None:
    joined.compose("down", "--volumes")
    wait_for("its report is gone", lambda: len(_workers(first)) == 1, 10)
    volumes = joined.run("docker", "volume", "ls", "--quiet", "--filter", f"label=com.docker.compose.project={joined.name}")
    assert volumes == ""
    first.wait_until_trading()
