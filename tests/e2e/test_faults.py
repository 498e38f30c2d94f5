"""One part is hurt while the whole platform runs; the rest must stay right, say why, and go on afterwards."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from tests.support import children
from tests.support.platform import PROJECT, Platform

from threet.application.store import DecisionRecord
from threet.domain.values import OrderState

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def platform(tmp_path_factory) -> Iterator[Platform]:
    with Platform(tmp_path_factory.mktemp("platform") / "state", ["--speed", "60"]) as running:
        yield running


@pytest.fixture(autouse=True)
def well_before_and_after(platform) -> Iterator[None]:
    platform.wait(platform.is_well, 90, "the platform to be well before the test")
    yield
    platform.wait(platform.is_well, 120, "the platform to be well after the test")


@contextlib.contextmanager
def stopped(platform: Platform, *names: str) -> Iterator[None]:
    """The parts hang, as on a dead network: they keep their sockets and answer nothing."""
    processes = [platform.part(name) for name in names]
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)


def test_with_the_exchange_away_for_20_seconds_nothing_is_traded_and_then_it_goes_on(platform):
    with stopped(platform, "simulator"):
        since = time.monotonic()
        # A cycle that was on its way goes on, request after request, each until its time-out; from the first that finds the venue away:
        platform.wait(lambda: _finds_the_venue_away(platform.decision()), 120, "a cycle that finds the exchange away")
        before = len(platform.store.orders(1000))
        later = platform.next_decisions(1, seconds=120)
        time.sleep(max(0.0, 20 - (time.monotonic() - since)))
        assert [decision.status for decision in later if not _finds_the_venue_away(decision)] == []
        assert len(platform.store.orders(1000)) == before
    platform.wait(platform.is_well, 90, "trading to go on")


def _finds_the_venue_away(decision: DecisionRecord) -> bool:
    return decision.status in ("blocked", "held") and ("clock could not be read" in decision.reason or "hold" in decision.reason)


def test_one_observer_away_trades_on_two_away_hold_and_status_says_why(platform):
    with stopped(platform, "observer_a"):
        last = platform.decision().cycle_id

        def agreed_without_it() -> int:
            # Not every one: right after a fill a source may still be older than it, which holds that symbol for a cycle.
            later = [decision for decision in platform.store.decisions(50) if decision.cycle_id > last]
            return sum(decision.consensus_symbols >= 4 for decision in later)

        platform.wait(lambda: agreed_without_it() >= 2, 60, "two decisions on consensus without observer a")
        with stopped(platform, "observer_b"):
            platform.next_decisions(1)  # one may still have been on its way
            before = len(platform.store.orders(1000))
            held = platform.next_decisions(2)
            assert {decision.status for decision in held} == {"held"}
            assert all(decision.consensus_symbols == 0 and decision.plan == [] for decision in held)
            assert len(platform.store.orders(1000)) == before
            said = platform.command("status").stdout
            assert "quorum" in said, said
            assert "observer" in said.lower()


def test_redis_killed_comes_back_and_so_does_everything_on_it(platform):
    old = platform.kill("redis")
    platform.wait_for_restart("redis", old)
    platform.next_decisions(2, seconds=120)
    platform.wait(platform.is_well, 90, "trading to go on")
    assert "redis" in platform.output


def test_providence_killed_resumes_every_run(platform):
    ids = active_runs(platform)
    old = platform.kill("providence")
    platform.wait_for_restart("providence", old)
    platform.wait(lambda: "resumed" in platform.log("providence"), 60, "Providence to say what it resumed")
    platform.next_decisions(2)
    kept = active_runs(platform)
    assert len(ids & kept) > len(ids) // 2  # those that ended meanwhile were replaced
    with platform.engine.connect() as connection:
        assert connection.execute(text("select count(*) from runs where status = 'quarantined'")).scalar_one() == 0


def active_runs(platform: Platform) -> set[str]:
    with platform.engine.connect() as connection:
        return set(connection.execute(text("select id from runs where status = 'active'")).scalars())


def test_the_reconcile_worker_killed_between_intent_and_answer_finds_its_order_and_sends_it_once(platform):
    platform.simulator_post("/sim/faults", {"action": "set", "kind": "slow", "seconds": 4, "match": {"path": "exchange", "type": "order"}})

    def intents() -> list[str]:
        return [order.client_order_id for order in platform.store.unsettled_orders() if order.state is OrderState.INTENT]

    try:
        platform.wait(lambda: bool(intents()), 150, "an order to be on its way")
        [lost] = intents()
        old = platform.kill("celery_worker_reconcile")
    finally:
        platform.simulator_post("/sim/faults", {"action": "clear"})
    platform.wait_for_restart("celery_worker_reconcile", old)
    platform.wait(lambda: not platform.store.unsettled_orders(), 120, "the order to be settled")
    order = next(order for order in platform.store.orders(1000) if order.client_order_id == lost)
    assert order.state.is_final
    at_the_venue = [item for item in sent_orders(platform) if item == lost]
    assert len(at_the_venue) <= 1
    assert (order.filled_contracts > 0) <= (len(at_the_venue) == 1)


def sent_orders(platform: Platform) -> list[str]:
    actions = platform.ledger()["actions"]
    return [order["c"] for action in actions if action["type"] == "order" for order in action["action"]["orders"]]


@pytest.mark.parametrize(
    ("kind", "match"),
    [
        ("lost_answer", {"path": "exchange", "type": "order"}),
        ("http_500", {"type": "userFillsByTime"}),
        ("wrong_sign", {"type": "clearinghouseState", "source": "3t-observer-b"}),
    ],
    ids=lambda told: told if isinstance(told, str) else "",
)
def test_a_fault_of_the_exchange_is_met_and_got_over(platform, kind, match):
    """Three of the fault matrix through real processes: what happened between the platform and the exchange is in its own log."""
    fault = platform.simulator_post("/sim/faults", {"action": "set", "kind": kind, "match": match})["id"]

    def hits() -> int:
        return next(each["hits"] for each in platform.simulator_post("/sim/faults", {"action": "list"})["faults"] if each["id"] == fault)

    try:
        platform.wait(lambda: hits() > 0, 150, "the fault to be met")
        told = platform.next_decisions(1)[-1]
    finally:
        platform.simulator_post("/sim/faults", {"action": "clear"})
    if kind == "http_500":
        assert told.status == "blocked"
    platform.wait(lambda: platform.is_well() and not platform.store.unsettled_orders(), 90, "everything to be in order again")
    sent = sent_orders(platform)
    assert len(sent) == len(set(sent))


def test_no_order_was_ever_sent_twice(platform):
    sent = sent_orders(platform)
    assert sent
    assert len(sent) == len(set(sent))


def test_a_second_manager_of_a_shard_refuses_and_names_the_first(platform):
    script = PROJECT / "providence" / "3T-PROVIDENCE-v2.py"
    files = ["--config", str(platform.folder / "config.yml"), "--secrets", str(platform.folder / "secrets" / "providence.yml")]
    second = children.run([sys.executable, script, *files], timeout=60)
    assert second.returncode != 0
    assert str(platform.part("providence").pid) in second.stderr + second.stdout


def test_halted_nothing_is_sent_until_a_person_resumes(platform):
    halted = platform.command("halt", "a test")
    assert halted.returncode == 0, halted.stderr
    try:
        time.sleep(1)
        before = len(sent_orders(platform))
        decisions = platform.next_decisions(3)
        assert {decision.status for decision in decisions} == {"blocked"}
        assert len(sent_orders(platform)) == before
        status = json.loads(platform.command("status", "--json").stdout)
        assert "halt" in json.dumps(status).lower()
        assert "a test" in platform.command("status").stdout
    finally:
        assert platform.command("resume").returncode == 0


def test_a_new_product_is_priced_and_run_and_an_unlisted_one_blocks_nothing(platform):
    with platform.engine.begin() as connection:
        for name in ("NEW", "GHOST"):
            connection.execute(text(f"insert into instruments (name) values ('{name}')"))
            connection.execute(
                text(
                    "insert into products (instrument_id, exchange_id, symbol, product_type, max_leverage) values "
                    f"((select id from instruments where name = '{name}'), 1, '{name}/USDC:USDC', 'PERP', 10)"
                )
            )
    platform.simulator_post("/sim/market", {"action": "list_coin", "coin": "NEW", "price": "25"})

    def decided() -> bool:
        targets = platform.decision().targets
        return targets.get("NEW/USDC:USDC", {}).get("target", {}).get("kind") == "Target"

    platform.wait(decided, 90, "the new product to have a target")
    ghost = platform.decision().targets["GHOST/USDC:USDC"]
    assert ghost["target"]["kind"] == "Hold"
    assert "GHOST" in platform.command("status").stdout
    with platform.engine.begin() as connection:
        connection.execute(text("delete from products where symbol = 'GHOST/USDC:USDC'"))
