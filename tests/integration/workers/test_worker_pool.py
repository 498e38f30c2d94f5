"""The eventlet pool of the real worker: slow calls overlap, it grows under load and shrinks after."""

from __future__ import annotations

import psutil
import pytest
import requests
from tests.integration.workers.harness import Stack, wait_for
from tests.integration.workers.slow_server import SlowServer

CALLS = 50


@pytest.fixture
def stack(tmp_path):
    with Stack(tmp_path) as running:
        yield running


@pytest.fixture
def quick_to_shrink(tmp_path):
    with Stack(tmp_path, {"workers": {"autoscale_keepalive_seconds": 2}}) as running:
        yield running


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """One worker with the production's pool, for the tests that leave it as it was."""
    with Stack(tmp_path_factory.mktemp("busy")) as running:
        yield running, running.worker("market,account", "--autoscale=100,50")


def test_fifty_slow_calls_overlap(busy):
    stack, worker = busy
    with SlowServer(0.5) as server:
        requests.get(server.url, timeout=5)  # the server itself takes its time
        server.calls.clear()
        for _ in range(CALLS):
            stack.send("probe.slow_call", server.url)
        wait_for("fifty answers", lambda: len(server.calls) == CALLS)
        one_after_the_other = sum(ended - began for began, ended in server.calls)
        elapsed = max(ended for _, ended in server.calls) - min(began for began, _ in server.calls)
    assert one_after_the_other >= CALLS * 0.5
    assert elapsed < one_after_the_other / 10, f"{CALLS} calls took {elapsed:.2f} s, one after the other {one_after_the_other:.2f} s"
    worker.says("probe.slow_call ok", times=CALLS)


def test_the_pool_grows_under_load_and_shrinks_after(quick_to_shrink):
    stack = quick_to_shrink
    worker = stack.worker("market,account", "--autoscale=20,4")
    with SlowServer(1.0) as server:
        for _ in range(60):
            stack.send("probe.slow_call", server.url)
        wait_for("all answers", lambda: len(server.calls) == 60, 40)
        assert server.most_at_once == 20
        elapsed = max(ended for _, ended in server.calls) - min(began for began, _ in server.calls)
        assert elapsed < 10, "growing by one slot a second would take more than ten"
    worker.says("Scaling up 16 processes.")
    worker.says("Scaling down 16 processes.")


def test_a_bug_in_a_task_is_logged_with_its_class_and_the_worker_goes_on(busy):
    stack, worker = busy
    stack.send("probe.broken_call")
    worker.says("probe.broken_call error")
    worker.says("ZeroDivisionError: a planted bug")
    worker.says("Traceback")
    with SlowServer(0.0) as server:
        stack.send("probe.slow_call", server.url)
        wait_for("the next task", lambda: server.calls)


def test_a_tick_that_waited_too_long_is_dropped(stack):
    with SlowServer(0.0) as server:
        stack.send("probe.slow_call", server.url, expires=0.1)
        stack.send("probe.slow_call", server.url, expires=60)
        worker = stack.worker("market,account", "-c", "1")  # its start alone takes longer than the first one's life
        worker.says("probe.slow_call ok")
        worker.says("Discarding revoked task")
        assert len(server.calls) == 1


def test_a_worker_takes_only_from_its_own_queues(stack):
    worker = stack.worker("account", "-c", "2")
    with SlowServer(0.0) as server:
        stack.send("probe.slow_call", server.url)
        stack.send("canary_account", queue="account")
        worker.says("canary_account ok")
        assert server.calls == []
    assert stack.redis.client().llen("market") == 1
    assert stack.redis.client().hkeys("canary") == ["account"]


def test_a_worker_with_its_services_stays_small(busy):
    stack, worker = busy
    stack.send("canary_market")
    worker.says("canary_market ok")
    assert psutil.Process(worker.process.pid).memory_info().rss < 170 * 2**20
