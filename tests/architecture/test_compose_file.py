"""docker-compose.yml: least privilege, bounds, health checks and private secrets, for every service, also those of tomorrow."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from tests.support.settings import ROOT

Compose = dict[str, Any]

_NO_SHELL = {"tempo", "otel-collector"}
_ONE_SHOT = {"preflight", "cli"}
_STORES = {"mariadb", "redis"}
_PUBLISHED = {"grafana": "3000", "flower": "5555", "prometheus": "9090"}


def _compose() -> Compose:
    parsed: Compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return parsed


def _networks(service: dict[str, Any]) -> set[str]:
    return set(service.get("networks", []))


def without_privileges(compose: Compose) -> list[str]:
    """Services that may more than they need."""
    wrong = []
    for name, service in compose["services"].items():
        if service.get("cap_drop") != ["ALL"] or service.get("read_only") is not True:
            wrong.append(f"{name}: expected cap_drop [ALL] and read_only")
        if service.get("security_opt") != ["no-new-privileges:true"]:
            wrong.append(f"{name}: expected no-new-privileges")
        if name != "preflight" and (service.get("cap_add") or service.get("privileged") or str(service.get("user", "")).startswith("0")):
            wrong.append(f"{name}: only preflight has capabilities or runs as root")
        if any("docker.sock" in str(volume) for volume in service.get("volumes", [])):
            wrong.append(f"{name}: holds the engine's socket")
    return wrong


def without_bounds(compose: Compose) -> list[str]:
    """Services that could fill the memory or the disk, or that stay down."""
    wrong = []
    for name, service in compose["services"].items():
        if "mem_limit" not in service:
            wrong.append(f"{name}: expected a mem_limit")
        if not service.get("logging", {}).get("options", {}).get("max-size"):
            wrong.append(f"{name}: expected a rotation of its log")
        if name not in _ONE_SHOT and service.get("restart") != "unless-stopped":
            wrong.append(f"{name}: expected restart unless-stopped")
    return wrong


def of_strangers(compose: Compose) -> list[str]:
    """Services whose image is built here, and would be taken from a registry where somebody has put one of its name."""
    return [
        f"{name}: expected pull_policy never"
        for name, service in compose["services"].items()
        if "build" in service and service.get("pull_policy") != "never"
    ]


def without_health(compose: Compose) -> list[str]:
    """Long-running services that nobody can ask, and those that start before preflight was content."""
    wrong = []
    for name, service in compose["services"].items():
        if name in _ONE_SHOT:
            continue
        if name not in _NO_SHELL and "healthcheck" not in service:
            wrong.append(f"{name}: expected a healthcheck")
        if service.get("depends_on", {}).get("preflight", {}).get("condition") != "service_completed_successfully":
            wrong.append(f"{name}: expected to wait for preflight")
    return wrong


def with_vague_health(compose: Compose) -> list[str]:
    """Services of ours whose check does not look at the work that they are there for, or has a limit of its own.

    The limits are those of ``freshness`` in config.yml, which comes with each sign of life; its intervals are held against them.
    """
    wrong = []
    for name, service in compose["services"].items():
        if name in _ONE_SHOT or "build" not in service:
            continue
        check, wanted = service.get("healthcheck", {}).get("test"), _work(name, str(service.get("command", "")))
        if wanted is None:
            if check is None or check[1] != "answers":
                wrong.append(f"{name}: expected `answers URL`, was {check}")
        elif check != ["CMD", "alive", *wanted]:
            wrong.append(f"{name}: expected `alive {' '.join(wanted)}`, was {check}")
    return wrong


def _work(name: str, command: str) -> list[str] | None:
    """The signs of life that tell of it; None of a service that answers over HTTP."""
    if queues := re.search(r"-Q (\S+)", command):
        return [f"canary-{queue}" for queue in queues.group(1).split(",")]
    return {"celery_beat": ["sent"], "providence": ["published"]}.get(name)


def with_others_secrets(compose: Compose) -> list[str]:
    """A volume of secrets belongs to one service, which only reads it; preflight alone writes."""
    wrong = []
    for name, service in compose["services"].items():
        mounted = [str(volume) for volume in service.get("volumes", []) if str(volume).startswith("secrets_")]
        if name == "preflight":
            continue
        if any(not volume.startswith(f"secrets_{name}:/run/secrets:ro") for volume in mounted):
            wrong.append(f"{name}: mounts {mounted}")
    return wrong


def files_mounted(compose: Compose) -> list[str]:
    """A single file that is mounted keeps its old inode when an editor replaces it."""
    return [
        f"{name}: {volume}"
        for name, service in compose["services"].items()
        for volume in map(str, service.get("volumes", []))
        if volume.startswith(".") and re.search(r"\.\w+$", volume.split(":")[0].rsplit("/", 1)[-1].lstrip("."))
    ]


def wrongly_reachable(compose: Compose) -> list[str]:
    """Ports beyond 127.0.0.1, and services that reach a store and should not."""
    wrong = []
    for name, service in compose["services"].items():
        ports = [str(port) for port in service.get("ports", [])]
        expected = [f"127.0.0.1:${{{name.upper()}_PORT:-{_PUBLISHED[name]}}}:{_PUBLISHED[name]}"] if name in _PUBLISHED else []
        if ports != expected:
            wrong.append(f"{name}: expected the ports {expected}, was {ports}")
        if name in _STORES and _networks(service) != {"data"}:
            wrong.append(f"{name}: expected the network data alone")
        if (name.startswith("observer_") or name == "simulator") and _networks(service) != {"exchange"}:
            wrong.append(f"{name}: expected the network exchange alone")
    if not compose["networks"]["data"].get("internal"):
        wrong.append("data: expected an internal network")
    return wrong


Rule = Callable[[Compose], list[str]]
RULES: list[Rule] = [
    *(without_privileges, without_bounds, of_strangers, without_health, with_vague_health),
    *(with_others_secrets, files_mounted, wrongly_reachable),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_service_keeps_the_rule(rule: Rule) -> None:
    assert rule(_compose()) == []


def _planted(change: Callable[[dict[str, Any]], None]) -> Compose:
    compose = copy.deepcopy(_compose())
    change(compose["services"])
    return compose


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        (without_privileges, lambda services: services["redis"].pop("cap_drop")),
        (without_privileges, lambda services: services["flower"].update(user="0:0")),
        (without_privileges, lambda services: services["providence"]["volumes"].append("/var/run/docker.sock:/s")),
        (without_bounds, lambda services: services["tempo"].pop("mem_limit")),
        (without_bounds, lambda services: services["mariadb"].update(restart="no")),
        (of_strangers, lambda services: services["flower"].pop("pull_policy")),
        (without_health, lambda services: services["celery_beat"].pop("healthcheck")),
        (without_health, lambda services: services["grafana"].pop("depends_on")),
        (with_vague_health, lambda services: services["celery_worker"]["healthcheck"].update(test=["CMD", "alive", "canary-market"])),
        (with_vague_health, lambda services: services["celery_beat"]["healthcheck"].update(test=["CMD", "alive", "30", "sent"])),
        (with_vague_health, lambda services: services["observer_c"]["healthcheck"].update(test=["CMD", "true"])),
        (with_others_secrets, lambda services: services["observer_a"]["volumes"].append("secrets_celery_worker_reconcile:/x:ro")),
        (files_mounted, lambda services: services["celery_worker"]["volumes"].append("./config.yml:/3t/config/config.yml:ro")),
        (wrongly_reachable, lambda services: services["redis"].update(ports=["6379:6379"])),
        (wrongly_reachable, lambda services: services["observer_b"].update(networks=["exchange", "data"])),
    ],
)
def test_an_offender_is_caught(rule: Rule, change: Callable[[dict[str, Any]], None]) -> None:
    assert rule(_planted(change)) != []


@pytest.mark.parametrize("worker", ["celery_worker", "celery_worker_reconcile"])
def test_workers_name_the_pool_on_their_command_line(worker: str) -> None:
    assert "-P eventlet --autoscale=100,50" in _compose()["services"][worker]["command"]


def test_one_worker_consumes_the_queue_of_the_signing_key() -> None:
    consuming = [name for name, service in _compose()["services"].items() if re.search(r"-Q \S*reconcile", str(service.get("command", "")))]
    assert consuming == ["celery_worker_reconcile"]


def test_the_images_begin_with_the_same_layers() -> None:
    """Word for word, so that the packages are installed once for all of them."""
    texts = [(ROOT / folder / "Dockerfile").read_text() for folder in ("celery-workers", "providence")]
    first = [text[text.index("FROM ") : text.index("ENV THREET_BUILD_ID=$BUILD_ID")] for text in texts]
    assert first[0] == first[1]


def test_the_example_of_two_shards_is_the_service_providence_twice() -> None:
    example = yaml.safe_load((ROOT / "docker-compose.shards.yml").read_text())["services"]
    differs = ("command", "hostname")
    second = {key: value for key, value in example["providence_1"].items() if key not in differs}
    assert second == {key: value for key, value in _compose()["services"]["providence"].items() if key not in differs}
    assert [service["command"] for service in example.values()] == [["--shard", "0/2"], ["--shard", "1/2"]]
