"""Services are restarted, killed and cut off one by one; trading goes on, or waits and goes on, and no trade is wrong."""

from __future__ import annotations

import time

import pytest
from tests.support import saved_runs
from tests.support.saved_runs import SavedRun
from tests.support.stack import OURS, STOCK, Stack, wait_for

ALL = (*OURS, *STOCK)


@pytest.mark.parametrize("service", ALL)
def test_a_restart_of_one_service_leaves_trading_as_it_was(stack: Stack, service: str) -> None:
    before = stack.started()
    stack.compose("restart", "--timeout", "60", service)
    stack.wait_until_well(service)
    stack.wait_for_a_cycle_that_works()
    assert _restarted(before, stack) == {service}


def test_after_all_restarts_trading_goes_on_and_the_books_agree(stack: Stack) -> None:
    stack.wait_until_well()
    stack.wait_until_trading()
    stack.prove_books_agree()


@pytest.mark.parametrize("service", ALL)
def test_a_kill_of_one_service_is_recovered_from_without_a_person(stack: Stack, service: str) -> None:
    before = stack.started()
    stack.kill(service)
    wait_for("it was started again", lambda: service in _restarted(before, stack))
    stack.wait_until_well(service)
    stack.wait_for_a_cycle_that_works()
    assert _restarted(before, stack) == {service}


def _restarted(before: dict[str, str], stack: Stack) -> set[str]:
    """The services that were started since: one that is away takes no other with it."""
    return {service for service, at in stack.started().items() if at != before[service]}


def test_after_all_kills_trading_goes_on_and_the_books_agree(stack: Stack) -> None:
    stack.wait_until_well()
    stack.wait_until_trading()
    stack.prove_books_agree()


def test_all_services_killed_at_once_are_recovered_from_without_a_person(stack: Stack) -> None:
    runs, before = saved_runs.active(stack.saved_runs), stack.started()
    stack.kill_all(*ALL)
    wait_for("all were started again", lambda: _restarted(before, stack) == set(ALL))
    stack.wait_until_well(seconds=180)
    stack.wait_until_trading()
    stack.prove_books_agree()
    _prove_runs_went_on(stack, runs)


def _prove_runs_went_on(stack: Stack, before: dict[str, SavedRun]) -> None:
    """None is lost or quarantined; each has the entries that it had, in their order, and then perhaps more, and its row says so."""
    assert len(before) > 50
    assert saved_runs.quarantined(stack.saved_runs) == []
    after = saved_runs.all_of_them(stack.saved_runs)
    assert [run for run, saved in before.items() if run not in after or after[run].entries[: len(saved.entries)] != saved.entries] == []
    status = {row[0]: row[1] for row in stack.sql("SELECT id, status FROM runs")}
    assert {status.get(run, "lost") for run in before} <= {"active", "ended"}


@pytest.mark.parametrize("store", ["mariadb", "redis"])
def test_without_a_store_nothing_new_is_sent_and_nothing_is_lost(stack: Stack, store: str) -> None:
    runs = saved_runs.active(stack.saved_runs)
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
    _prove_runs_went_on(stack, runs)


def test_with_two_observers_cut_off_every_symbol_holds_and_status_says_why(stack: Stack) -> None:
    """They come back at each other's address: the lowest free one is given out first."""
    network = f"{stack.name}_exchange"
    cut = sorted(("observer_b", "observer_c"), key=lambda service: _address(stack, service))
    addresses = [_address(stack, service) for service in cut]
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
        for service in reversed(cut):
            stack.run("docker", "network", "connect", "--alias", service, network, stack.container(service))
    assert [_address(stack, service) for service in cut] != addresses
    stack.wait_until_trading()
    stack.prove_books_agree()


def _address(stack: Stack, service: str) -> str:
    """Within the network of what faces the exchange."""
    address: str = stack.inspect(service)["NetworkSettings"]["Networks"][f"{stack.name}_exchange"]["IPAddress"]
    return address
