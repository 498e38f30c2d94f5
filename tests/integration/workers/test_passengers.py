"""What a worker must not wait for: a collector that hangs, a metrics port that is taken, a Redis that hangs, the end of a cycle."""

from __future__ import annotations

import socket
import time

import pytest
from tests.integration.workers.harness import Stack, wait_for
from tests.integration.workers.slow_server import SlowServer


@pytest.mark.faults
def test_a_collector_that_hangs_holds_up_neither_tasks_nor_the_stop(tmp_path):
    with socket.socket() as collector:
        collector.bind(("127.0.0.1", 0))
        collector.listen()
        port = collector.getsockname()[1]
        telemetry = {"otlp_endpoint": f"http://127.0.0.1:{port}", "otlp_timeout_seconds": 1, "metrics_port": port}
        with Stack(tmp_path, {"telemetry": telemetry}) as stack:
            worker = stack.worker("market,account", "--autoscale=100,50")
            with SlowServer(0.2) as server:
                for _ in range(40):
                    stack.send("probe.slow_call", server.url)
                wait_for("all calls", lambda: len(server.calls) == 40)
                assert max(e for _, e in server.calls) - min(b for b, _ in server.calls) < 3
            worker.says("metrics are not served")
            began = time.monotonic()
            assert worker.stop() == 0
            assert time.monotonic() - began < 15


@pytest.mark.faults
def test_a_redis_that_hangs_holds_nothing_for_longer_than_its_timeouts(tmp_path):
    with Stack(tmp_path) as stack, SlowServer(0.0) as server:
        worker = stack.worker("market,account", "-c", "4")
        stack.send("canary_market")
        worker.says("canary_market ok")
        stack.redis.pause()
        began = time.monotonic()
        wait_for("longer than every timeout", lambda: time.monotonic() - began > 2.5 * stack.settings.redis.socket_timeout_seconds)
        stack.redis.resume()
        stack.send("probe.slow_call", server.url)
        wait_for("the next task", lambda: server.calls)
        assert worker.process.poll() is None


def test_the_reconcile_worker_runs_cycles_and_its_canary_beside_them(tmp_path):
    with Stack(tmp_path) as stack:
        worker = stack.worker("reconcile", "-c", "2", app="threet_workers.app")
        stack.send("reconcile_positions", queue="reconcile")
        stack.send("canary_reconcile", queue="reconcile")
        worker.says("canary_reconcile ok")
        worker.says("reconcile_positions")
        assert stack.redis.client().hkeys("canary") == ["reconcile"]
        assert "Traceback" not in worker.text
