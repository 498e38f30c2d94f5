"""The configuration of the stock images: readable, and every address in it is that of a service in docker-compose.yml."""

from __future__ import annotations

import configparser
import json
import re
from pathlib import Path

import pytest
import yaml
from tests.support.settings import ROOT

FOLDERS = ("prometheus", "grafana", "tempo", "otel-collector", "redis-server", "mariadb")
YAML = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.y*ml"))
_ADDRESS = re.compile(r"(?<![\w.-])([a-z][a-z0-9_-]*):(\d{4,5})\b")
_HERE = {"localhost"}


def _services() -> set[str]:
    return set(yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"])


def strangers(text: str, services: set[str]) -> list[str]:
    """Hosts with a port that are no service."""
    return sorted({host for host, _ in _ADDRESS.findall(text) if host not in services | _HERE})


@pytest.mark.parametrize("path", YAML, ids=lambda path: str(path.relative_to(ROOT)))
def test_yaml_is_readable_and_names_services_alone(path: Path) -> None:
    assert isinstance(yaml.safe_load(path.read_text()), dict)
    assert strangers(path.read_text(), _services()) == []


def test_a_host_that_is_no_service_would_be_seen() -> None:
    assert strangers("targets: [celery-worker:9101]", _services()) == ["celery-worker"]


def test_there_is_something_to_look_at() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in YAML} == {"prometheus", "grafana", "tempo", "otel-collector"}


def test_the_dashboard_asks_sources_that_are_provisioned() -> None:
    dashboard = json.loads((ROOT / "grafana/dashboards/platform.json").read_text())
    sources = yaml.safe_load((ROOT / "grafana/provisioning/datasources/datasources.yml").read_text())["datasources"]
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} <= {source["uid"] for source in sources}


def test_grafana_is_closed_and_reads_its_password_from_a_file() -> None:
    ini = configparser.ConfigParser(interpolation=None)
    ini.read(ROOT / "grafana/grafana.ini")
    assert ini["security"]["admin_password"] == "$__file{/run/secrets/grafana.password}"
    assert ini["auth.anonymous"]["enabled"] == "false"


def test_redis_keeps_what_it_was_given() -> None:
    text = (ROOT / "redis-server/redis.conf").read_text()
    for line in ("maxmemory-policy noeviction", "appendonly yes", "include /run/secrets/redis.conf", "protected-mode yes"):
        assert line in text.splitlines()
    assert re.search(r"^maxmemory \d+mb$", text, re.MULTILINE)


def test_prometheus_asks_the_workers_where_the_config_lets_them_answer() -> None:
    port = yaml.safe_load((ROOT / "config.yml").read_text())["telemetry"]["metrics_port"]
    assert f'"celery_worker:{port}"' in (ROOT / "prometheus/prometheus.yml").read_text()
