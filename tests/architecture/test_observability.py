"""Tempo, the collector and Grafana: only documented keys, values of their kind, and the files fit each other and what runs beside them.

What can be asked of a running program is asked in tests/compose/test_1_dashboards.py: every query of every panel and alert.
"""

from __future__ import annotations

import configparser
import copy
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from tests.architecture import documented_keys as documented
from tests.support.settings import ROOT


def _yaml(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def _ini() -> dict[str, dict[str, str]]:
    found = configparser.ConfigParser(interpolation=None)
    found.read(ROOT / "grafana/grafana.ini")
    return {name: dict(found[name]) for name in found.sections()}


FILES: dict[str, tuple[Callable[[], Any], Any]] = {
    "tempo": (lambda: _yaml("tempo/tempo.yaml"), documented.TEMPO),
    "collector": (lambda: _yaml("otel-collector/config.yaml"), documented.COLLECTOR),
    "datasources": (lambda: _yaml("grafana/provisioning/datasources/datasources.yml"), documented.DATASOURCES),
    "cluster datasources": (lambda: _yaml("grafana/cluster/datasources/datasources.yml"), documented.DATASOURCES),
    "providers": (lambda: _yaml("grafana/provisioning/dashboards/dashboards.yml"), documented.DASHBOARD_PROVIDERS),
    "cluster providers": (lambda: _yaml("grafana/cluster/dashboards/dashboards.yml"), documented.DASHBOARD_PROVIDERS),
    "dashboard": (lambda: json.loads((ROOT / "grafana/dashboards/platform.json").read_text()), documented.DASHBOARD),
    "grafana.ini": (_ini, documented.GRAFANA_INI),
}


def undocumented(found: Any, known: Any, where: str = "") -> Iterator[str]:
    """What no documentation has: unknown keys, and values that are of another kind than the key wants."""
    if isinstance(known, dict):
        if not isinstance(found, dict):
            yield f"{where}: expected keys, was {found!r}"
            return
        for key, value in found.items():
            at = f"{where}.{key}".lstrip(".")
            if key in known:
                yield from undocumented(value, known[key], at)
            else:
                yield f"{at}: unknown"
    elif isinstance(known, list):
        if not isinstance(found, list):
            yield f"{where}: expected a list, was {found!r}"
            return
        for number, value in enumerate(found):
            yield from undocumented(value, known[0], f"{where}[{number}]")
    elif isinstance(known, re.Pattern):
        if known.fullmatch(str(found)) is None:
            yield f"{where}: expected {known.pattern}, was {found!r}"
    elif not isinstance(found, known) or (known is int and isinstance(found, bool)):
        yield f"{where}: expected {known.__name__}, was {found!r}"


@pytest.mark.parametrize("name", FILES)
def test_every_key_is_documented_and_every_value_is_of_its_kind(name: str) -> None:
    read, known = FILES[name]
    assert list(undocumented(read(), known)) == []


PLANTED: list[tuple[str, Callable[[Any], object], str]] = [
    ("tempo", lambda file: file["compactor"].update(retention="48h"), "compactor.retention: unknown"),
    ("tempo", lambda file: file["compactor"]["compaction"].update(block_retention="2 days"), "compactor.compaction.block_retention"),
    ("tempo", lambda file: file["storage"]["trace"].update(backend="disk"), "storage.trace.backend"),
    ("collector", lambda file: file["exporters"].update(otlphttp={"endpoint": "tempo:4318"}), "exporters.otlphttp: unknown"),
    ("collector", lambda file: file["exporters"]["otlp"].update(url="tempo:4317"), "exporters.otlp.url: unknown"),
    (
        "collector",
        lambda file: file["service"]["telemetry"]["metrics"].update(address=":8888"),
        "service.telemetry.metrics.address: unknown",
    ),
    ("collector", lambda file: file["processors"]["memory_limiter"].update(limit_mib="192MiB"), "processors.memory_limiter.limit_mib"),
    ("datasources", lambda file: file["datasources"][2].update(database="3t"), "datasources[2].database: unknown"),
    (
        "datasources",
        lambda file: file["datasources"][2]["secureJsonData"].update(password="plain"),
        "datasources[2].secureJsonData.password",
    ),
    ("cluster datasources", lambda file: file["datasources"][2]["jsonData"].update(tlsAuthWithCaCert=True), "tlsAuthWithCaCert: unknown"),
    ("providers", lambda file: file["providers"][0]["options"].update(folder="/x"), "providers[0].options.folder: unknown"),
    ("dashboard", lambda file: file["panels"][0].update(type="graph"), "panels[0].type"),
    ("dashboard", lambda file: file["panels"][3]["targets"][0].update(query="up"), "panels[3].targets[0].query: unknown"),
    ("grafana.ini", lambda file: file["users"].update(allow_signup="false"), "users.allow_signup: unknown"),
    ("grafana.ini", lambda file: file["auth.anonymous"].update(enabled="no"), "auth.anonymous.enabled"),
]


@pytest.mark.parametrize(("name", "change", "expected"), PLANTED)
def test_an_offender_is_caught(name: str, change: Callable[[Any], object], expected: str) -> None:
    read, known = FILES[name]
    file = copy.deepcopy(read())
    change(file)
    found = list(undocumented(file, known))
    assert len(found) == 1
    assert expected in found[0]


def components_astray(collector: Any) -> list[str]:
    """What a pipeline names and nobody defines, which it refuses, or what is defined and no pipeline uses, which it overlooks."""
    service = collector["service"]
    wrong = []
    for kind in ("receivers", "processors", "exporters"):
        used = {name for pipeline in service["pipelines"].values() for name in pipeline[kind]}
        wrong += [f"{kind}: {name}" for name in used ^ set(collector[kind])]
    return wrong + [f"extensions: {name}" for name in set(service["extensions"]) ^ set(collector["extensions"])]


def test_the_collectors_pipelines_use_what_is_defined_and_guard_the_memory_first() -> None:
    collector = _yaml("otel-collector/config.yaml")
    assert components_astray(collector) == []
    pipeline = collector["service"]["pipelines"]["traces"]
    assert pipeline["processors"][0] == "memory_limiter"
    pipeline["exporters"].append("debug")
    assert components_astray(collector) == ["exporters: debug"]
    limit = _yaml("docker-compose.yml")["services"]["otel-collector"]["mem_limit"]
    assert collector["processors"]["memory_limiter"]["limit_mib"] < int(limit.removesuffix("m"))


def _port(address: str) -> int:
    return int(address.rpartition(":")[2].partition("/")[0])


def ports_apart(config: Any, collector: Any, tempo: Any, ini: Any, prometheus: Any, probes: str) -> list[str]:
    """Where one of them asks and the other does not answer."""
    served = {
        "otel-collector": {
            _port(collector["receivers"]["otlp"]["protocols"]["http"]["endpoint"]),
            _port(collector["extensions"]["health_check"]["endpoint"]),
            collector["service"]["telemetry"]["metrics"]["readers"][0]["pull"]["exporter"]["prometheus"]["port"],
        },
        "tempo": {tempo["server"]["http_listen_port"], _port(tempo["distributor"]["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"])},
        "grafana": {int(ini["server"]["http_port"])},
    }
    asked = [
        config["telemetry"]["otlp_endpoint"],
        "http://" + collector["exporters"]["otlp"]["endpoint"],
        *re.findall(r"http://[\w-]+:\d+", probes),
    ]
    asked += [f"http://{target}" for job in prometheus["scrape_configs"] for group in job["static_configs"] for target in group["targets"]]
    asked += [
        source["url"] for source in _yaml("grafana/provisioning/datasources/datasources.yml")["datasources"] if source["type"] == "tempo"
    ]
    hosts = [(address, address.removeprefix("http://").partition(":")[0]) for address in asked]
    return [address for address, host in hosts if host in served and _port(address) not in served[host]]


def test_each_is_asked_where_it_answers() -> None:
    ini, probes = _ini(), (ROOT / "scripts/stack/waiting.sh").read_text()
    files = [_yaml(name) for name in ("config.yml", "otel-collector/config.yaml", "tempo/tempo.yaml", "prometheus/prometheus.yml")]
    config, collector, tempo, prometheus = files
    assert ports_apart(config, collector, tempo, ini, prometheus, probes) == []
    collector["extensions"]["health_check"]["endpoint"] = "0.0.0.0:13134"
    tempo["server"]["http_listen_port"] = 3100
    apart = ports_apart(config, collector, tempo, ini, prometheus, probes)
    assert sorted(set(apart)) == ["http://otel-collector:13133", "http://tempo:3200"]


def test_what_is_written_lies_in_a_volume() -> None:
    """Their images are read-only."""
    services, trace = _yaml("docker-compose.yml")["services"], _yaml("tempo/tempo.yaml")["storage"]["trace"]
    for path in (trace["wal"]["path"], trace["local"]["path"]):
        assert [
            volume for volume in services["tempo"]["volumes"] if volume.startswith("tempo_data:") and path.startswith(volume.split(":")[1])
        ]


def test_the_paths_that_grafana_is_given_are_files_of_ours() -> None:
    service = _yaml("docker-compose.yml")["services"]["grafana"]
    cluster = _yaml("docker-compose.cluster.yml")["services"]["grafana"]
    paths = [*service["environment"].values(), *cluster["environment"].values(), _ini()["dashboards"]["default_home_dashboard_path"]]
    paths += [FILES[name][0]()["providers"][0]["options"]["path"] for name in ("providers", "cluster providers")]
    assert all(path.startswith("/etc/3t-grafana/") for path in paths)
    assert [path for path in paths if not (ROOT / path.replace("/etc/3t-grafana", "grafana", 1)).exists()] == []


def test_on_several_hosts_grafana_has_the_same_sources_and_asks_mariadb_over_tls() -> None:
    alone, cluster = (FILES[name][0]()["datasources"] for name in ("datasources", "cluster datasources"))
    del cluster[2]["jsonData"]["tlsAuthWithCACert"], cluster[2]["secureJsonData"]["tlsCACert"]
    assert cluster == alone
