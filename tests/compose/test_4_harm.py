"""Services are restarted, killed and cut off one by one; trading goes on, or waits and goes on, and no trade is wrong."""

from __future__ import annotations

import time

import pytest
from tests.support.stack import OURS, STOCK, Stack, wait_for

ALL = (*OURS, *STOCK)


@pytest.mark.parametrize("service", ALL)
def test_a_restart_of_one_service_leaves_trading_as_it_was(stack: Stack, service: str) -> None:
    stack.compose("restart", "--timeout", "60", service)
    stack.wait_until_well(service)
    cycle = stack.last_cycle()
    wait_for("two more cycles", lambda: stack.last_cycle() >= cycle + 2, 120)


def test_after_all_restarts_trading_goes_on_and_the_books_agree(stack: Stack) -> None:
    stack.wait_until_well()
    stack.wait_until_trading()
    stack.prove_books_agree()


@pytest.mark.parametrize("service", ALL)
def test_a_kill_of_one_service_is_recovered_from_without_a_person(stack: Stack, service: str) -> None:
    started = stack.inspect(service)["State"]["StartedAt"]
    stack.kill(service)
    wait_for("it was started again", lambda: stack.inspect(service)["State"]["StartedAt"] != started)
    stack.wait_until_well(service)
    cycle = stack.last_cycle()
    wait_for("two more cycles", lambda: stack.last_cycle() >= cycle + 2, 120)


def test_after_all_kills_trading_goes_on_and_the_books_agree(stack: Stack) -> None:
    stack.wait_until_well()
    stack.wait_until_trading()
    stack.prove_books_agree()


@pytest.mark.parametrize("store", ["mariadb", "redis"])
def test_without_a_store_nothing_new_is_sent_and_nothing_is_lost(stack: Stack, store: str) -> None:
    runs = {row[0] for row in stack.sql("SELECT id FROM runs WHERE status = 'active'")}
    stack.compose("stop", "--timeout", "60", store)
    time.sleep(10)  # what was on its way has arrived
    sent = len(stack.orders_sent())
    time.sleep(20)
    assert len(stack.orders_sent()) == sent
    stack.compose("start", store)
    stack.wait_until_well(store, seconds=180)
    stack.wait_until_well(*OURS)
    stack.wait_until_trading()
    stack.prove_books_agree()
    kept = {row[0] for row in stack.sql("SELECT id FROM runs")}
    assert runs <= kept


def test_with_two_observers_cut_off_every_symbol_holds_and_status_says_why(stack: Stack) -> None:
    network = f"{stack.name}_exchange"
    cut = ("observer_b", "observer_c")
    for service in cut:
        stack.run("docker", "network", "disconnect", network, stack.container(service))
    try:
        wait_for("status names both", lambda: {name for name, o in stack.status()["observers"].items() if not o["answers"]} == {"b", "c"})
        cycle = stack.last_cycle()
        wait_for("two more cycles", lambda: stack.last_cycle() >= cycle + 2)
        sent, cycle = len(stack.orders_sent()), stack.last_cycle()
        wait_for("three cycles below the quorum", lambda: stack.last_cycle() >= cycle + 3)
        assert len(stack.orders_sent()) == sent
        shown = stack.status()
        assert any("observer" in problem["what"] or "quorum" in problem["what"] for problem in shown["problems"])
        assert all(symbol["consensus"] != "agreed" for symbol in shown["symbols"].values() if symbol["is_product"])
    finally:
        for service in cut:
            stack.run("docker", "network", "connect", "--alias", service, network, stack.container(service))
    stack.wait_until_well(*cut)
    stack.wait_until_trading()
    stack.prove_books_agree()
