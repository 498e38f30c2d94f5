"""No secret is to be found where people and programs look: images, inspect, command lines, environments, logs."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.secret_search import found_in, sent_by_browser, values_of
from tests.support.stack import OURS, STOCK, Stack


@pytest.fixture(scope="module")
def values(stack: Stack) -> list[str]:
    found = list(values_of(stack.secrets))
    assert len(found) == 10
    return found


def _processes(stack: Stack, service: str) -> Iterator[tuple[str, str]]:
    """Command line and environment of each process, read from the host."""
    for pid in stack.processes(service):
        for what in ("cmdline", "environ"):
            try:
                yield f"{what} of {pid}", Path(f"/proc/{pid}/{what}").read_bytes().decode(errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue  # a health check that has ended meanwhile


@pytest.mark.parametrize("service", [*OURS, *STOCK, "preflight"])
def test_inspect_logs_command_lines_and_environments_hold_none(stack: Stack, values: list[str], service: str) -> None:
    texts = {
        "inspect": stack.run("docker", "inspect", stack.container(service)),
        "log": stack.run("docker", "logs", stack.container(service)),
    }
    if service != "preflight":
        processes = dict(_processes(stack, service))
        assert any(name.startswith("environ") and text for name, text in processes.items())
        texts |= processes
        texts["env"] = stack.in_container(service, "env")
    assert {what: found for what, text in texts.items() if (found := found_in(text, values))} == {}


def test_the_images_of_ours_hold_none(stack: Stack, values: list[str]) -> None:
    for image in stack.run("docker", "images", "-q", f"{stack.name}/*").split():
        history = stack.run("docker", "history", "--no-trunc", image)
        assert found_in(history + stack.run("docker", "inspect", image), values) == []
        where = ["grep", "-rlaE", "|".join(map(re.escape, values)), "/opt", "/3t", "/run", "/tmp", "/etc", "/home"]
        files = subprocess.run(
            ["docker", "run", "--rm", "--entrypoint", where[0], image, *where[1:]], capture_output=True, text=True, timeout=60
        )
        assert files.stdout == ""


def test_what_is_in_an_environment_would_be_found(stack: Stack, values: list[str]) -> None:
    planted = values[3]
    command = ["docker", "create", "--env", f"PASSWORD={planted}", "--entrypoint", "sh", f"{stack.name}/observer", "-c", "env"]
    name = stack.run(*command).strip()
    try:
        assert found_in(stack.run("docker", "inspect", name), values) == [f"{planted[:4]}..."]
        stack.run("docker", "start", "--attach", name)
        assert found_in(stack.run("docker", "logs", name), values) == [f"{planted[:4]}..."]
    finally:
        stack.run("docker", "rm", name)
    assert found_in(f"Authorization: Basic {sent_by_browser(planted)}", values) == [f"{planted[:4]}..."]


def test_each_service_has_the_secrets_that_it_may_have_and_no_others(stack: Stack) -> None:
    def names(service: str) -> set[str]:
        return set(stack.in_container(service, "ls", "/run/secrets").split()) - {"set_names"}

    assert names("celery_worker_reconcile") >= {"exchange.privateKey", "database.password"}
    for service in set(OURS) - {"celery_worker_reconcile"}:
        assert "exchange.privateKey" not in names(service)
    assert names("observer_b") == {"exchange.walletAddress", "observers.b.private_key"}
    assert names("celery_beat") == {"redis.password"}
    assert names("celery_worker") == {"exchange.walletAddress", "database.password", "redis.password"}


def test_the_databases_users_may_do_what_they_need(stack: Stack) -> None:
    rights = {row[0].split(" TO ")[1].split("@")[0].strip("`'"): row[0] for row in _grants(stack)}
    assert "GRANT SELECT, INSERT, UPDATE, DELETE ON `3t`.*" in rights["threet"]
    assert "GRANT SELECT ON `3t`.*" in rights["grafana"]


def _grants(stack: Stack) -> list[list[str]]:
    return [row for user in ("threet", "grafana") for row in stack.sql(f"SHOW GRANTS FOR '{user}'@'%'") if "3t" in row[0]]
