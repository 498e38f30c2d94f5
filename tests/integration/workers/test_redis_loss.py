"""Redis killed and back: the worker goes on by itself, idle or with tasks in flight and more behind them."""

from __future__ import annotations

import pytest
from tests.integration.workers.harness import Part, Stack, wait_for
from tests.integration.workers.slow_server import SlowServer


def _kill_and_start(stack: Stack, worker: Part, losses: int) -> None:
    stack.redis.kill()
    worker.says("Connection to broker lost", times=losses)
    stack.redis.start()


def _works(stack: Stack, worker: Part) -> None:
    """Something sent after the loss is done by the same process."""
    with SlowServer(0.0) as server:
        wait_for("the broker takes a task", lambda: _sent(stack, server.url))
        wait_for("the worker does it", lambda: server.calls, 40)
    assert worker.process.poll() is None, worker.text[-3000:]


def _sent(stack: Stack, url: str) -> bool:
    stack.send("probe.slow_call", url)
    return True


def _lose_in_flight(stack: Stack, worker: Part, losses: int) -> None:
    """Four run, the others wait behind them."""
    with SlowServer(3.0) as server:
        for _ in range(12):
            stack.send("probe.slow_call", server.url)
        wait_for("four in flight", lambda: server.most_at_once == 4)
        _kill_and_start(stack, worker, losses)
        wait_for("those in flight end", lambda: len(server.calls) >= 4)
    _works(stack, worker)


def test_the_worker_survives_the_loss_of_redis_idle_and_in_flight(tmp_path):
    with Stack(tmp_path) as stack:
        worker = stack.worker("market,account", "-c", "4")
        _works(stack, worker)
        _kill_and_start(stack, worker, losses=1)
        _works(stack, worker)
        _lose_in_flight(stack, worker, losses=2)


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_it_survives_losing_redis_again_and_again(tmp_path):
    with Stack(tmp_path) as stack:
        worker = stack.worker("market,account", "-c", "4")
        for loss in range(1, 11):
            _lose_in_flight(stack, worker, loss)


def test_what_a_killed_worker_had_fetched_is_given_back_by_one_that_runs(tmp_path):
    """Nothing depends on it; it keeps the list of un-acknowledged messages bounded."""
    with Stack(tmp_path, {"workers": {"redis_restore_seconds": 0.5}}) as stack, SlowServer(30) as server:
        client = stack.redis.client()
        first = stack.worker("market,account", "-c", "1")
        for _ in range(2):
            stack.send("probe.slow_call", server.url)
        wait_for("one runs, the other is fetched", lambda: client.hlen("unacked") == 1)
        first.kill()
        server.seconds = 0.0
        second = stack.worker("market", "-c", "1")
        assert client.hlen("unacked") == 1, "it is younger than the visibility timeout"
        [fetched] = client.zrange("unacked_index", 0, -1)
        client.zadd("unacked_index", {str(fetched): 0})  # now it is ancient
        second.says("probe.slow_call ok", seconds=20)
        wait_for("nothing is left", lambda: client.hlen("unacked") == 0)
