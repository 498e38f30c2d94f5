"""docker-compose.cluster.yml and docker-compose.worker.yml: what is published, and what a host that joins has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.architecture.test_compose_file import (
    files_mounted,
    of_strangers,
    with_others_secrets,
    without_bounds,
    without_health,
    without_privileges,
)
from tests.support.settings import ROOT, settings_with

from threet.cli.preflight.cluster import CA_INSIDE
from threet.settings import load_secrets
from threet.settings.secrets import may_have

MONEY = ("exchange.apiKey", "exchange.walletAddress", "exchange.privateKey")
"""What update_balance asks to be set somewhere."""

Services = dict[str, dict[str, Any]]


def _read(name: str) -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return parsed


def _services(name: str) -> Services:
    found: Services = _read(name)["services"]
    return found


def test_only_the_two_stores_are_published_and_on_the_chosen_address_alone() -> None:
    published = {name: service["ports"] for name, service in _services("docker-compose.cluster.yml").items() if "ports" in service}
    assert set(published) == {"mariadb", "redis"}
    for ports, port in ((published["mariadb"], "3306:3306"), (published["redis"], "6380:6380")):
        assert len(ports) == 1
        assert re.fullmatch(r"\$\{CLUSTER_ADDRESS:\?[^}]+\}:" + port, ports[0])


def test_redis_plain_port_is_not_among_them_and_mariadb_has_its_certificate() -> None:
    services = _services("docker-compose.cluster.yml")
    assert "6379" not in str(services["redis"])
    alone, cluster = _services("docker-compose.yml")["mariadb"]["command"], services["mariadb"]["command"]
    assert cluster[: len(alone)] == alone
    assert {option.split("=")[0] for option in cluster[len(alone) :]} == {"--ssl-cert", "--ssl-key"}


@pytest.mark.parametrize("rule", [without_privileges, without_bounds, of_strangers, without_health, with_others_secrets, files_mounted])
def test_a_host_that_joins_keeps_the_rules_of_every_service(rule: Any) -> None:
    assert rule(_read("docker-compose.worker.yml")) == []


def test_a_host_that_joins_has_one_worker_and_never_the_signing_key() -> None:
    services = _services("docker-compose.worker.yml")
    assert set(services) == {"preflight", "celery_worker"}
    handed_over = [volume.split("/secrets/")[1] for volume in services["preflight"]["volumes"] if "/secrets/" in volume]
    assert handed_over == ["celery_worker"]
    assert "exchange.privateKey" not in may_have("celery_worker")
    assert "-Q market,account " in services["celery_worker"]["command"]


def test_it_is_the_same_worker_as_on_the_first_host() -> None:
    there = _services("docker-compose.yml")
    joining = _services("docker-compose.worker.yml")
    for name in joining:
        placed = {"volumes", "depends_on", "networks", "extra_hosts", "profiles", "command" if name == "preflight" else ""}
        first = {key: value for key, value in there[name].items() if key not in placed}
        assert {key: value for key, value in joining[name].items() if key not in placed} == first


def test_the_names_that_it_knows_are_those_of_the_certificates() -> None:
    script = (ROOT / "scripts/cluster_certificates.sh").read_text()
    hosts = [line.split(":")[0] for line in _services("docker-compose.worker.yml")["celery_worker"]["extra_hosts"]]
    assert hosts == ["mariadb", "redis"]
    assert "for name in mariadb redis; do" in script


def _sources(folder: str) -> dict[str, dict[str, Any]]:
    found = yaml.safe_load((ROOT / "grafana" / folder / "datasources/datasources.yml").read_text())["datasources"]
    return {source["uid"]: source for source in found}


def test_grafana_differs_in_tls_to_mariadb_alone() -> None:
    plain, cluster = _sources("provisioning"), _sources("cluster")
    assert cluster["mariadb"]["jsonData"].pop("tlsAuthWithCACert") is True
    assert cluster["mariadb"]["secureJsonData"].pop("tlsCACert") == "$__file{/run/secrets/ca.pem}"
    assert cluster == plain
    dashboards = [(ROOT / "grafana" / folder / "dashboards/dashboards.yml").read_text() for folder in ("cluster", "provisioning")]
    assert dashboards[0] == dashboards[1]


def test_git_and_the_images_never_see_the_keys() -> None:
    assert "/cluster/" in (ROOT / ".gitignore").read_text().splitlines()
    allowed = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert "*" in (ROOT / ".dockerignore").read_text().splitlines()
    assert not any("cluster" in line for line in allowed)


def test_the_page_about_it_shows_what_works(tmp_path: Path) -> None:
    """The addresses, the .env and the secrets of docs/scale-out.md, read by what reads them."""
    page = (ROOT / "docs/scale-out.md").read_text()
    database, redis = re.findall(r"^ +url: (\S+)$", page, re.MULTILINE)
    settings = settings_with(tmp_path, {"database.url": database, "redis.url": redis})
    assert settings.database.ca_file == settings.redis.ca_file == CA_INSIDE
    for files in re.findall(r"COMPOSE_FILE=(\S+)", page):
        assert all((ROOT / name).exists() for name in files.split(":"))
    block = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert block is not None
    (tmp_path / "secrets.yml").write_text(block[1])
    secrets = load_secrets(tmp_path / "secrets.yml", settings)
    assert set(secrets.values()) == set(may_have("celery_worker"))
    assert all(secrets.is_set(name) for name in MONEY)
