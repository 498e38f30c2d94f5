"""A reset by hand, as docs/runbook.md has it, and with the other Compose: docker-compose 1.29 starts the same platform."""

from __future__ import annotations

import shutil

from tests.support.needs import missing
from tests.support.stack import OURS, STOCK, Stack, wait_for

OTHER = "docker-compose"


def test_the_other_compose_starts_it_anew_and_it_trades_once_a_person_has_adopted_the_account(stack: Stack) -> None:
    if shutil.which(OTHER) is None:
        missing(f"{OTHER} is not installed: sudo scripts/system_packages.sh --containers")
    stack.make("clean")
    stack.run("docker", "volume", "rm", f"{stack.name}_mariadb_data")
    held = stack.install(f"COMPOSE={OTHER}")
    assert "3T runs" in held
    assert [service for service in (*OURS, *STOCK) if not stack.is_well(service)] == []
    cycle, sent = stack.last_cycle(), len(stack.orders_sent())
    wait_for("three cycles", lambda: stack.last_cycle() >= cycle + 3)
    assert stack.held()
    assert len(stack.orders_sent()) == sent
    assert any("adopt" in problem["what"] + problem["cure"] for problem in stack.status()["problems"])
    stack.run(OTHER, "run", "--rm", "--no-deps", "cli", "adopt")
    stack.wait_until_trading()
    stack.make("clean", f"COMPOSE={OTHER}")
    assert stack.containers() == []
