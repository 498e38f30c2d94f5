"""Telemetry is a passenger: present it measures; absent, slow or hung it costs next to nothing."""

from __future__ import annotations

import socket
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.support.redis import free_port
from tests.support.venue_settings import write_config

from threet.adapters.telemetry import NullTelemetry, make_telemetry
from threet.settings import load_settings

TIMEOUT_SECONDS = 0.5


@pytest.fixture
def telemetry_of(tmp_path):
    def make(**values):
        values = {"otlp_timeout_seconds": TIMEOUT_SECONDS, **values}
        return make_telemetry(load_settings(write_config(tmp_path, {"telemetry": values})), "market@test")

    return make


@pytest.fixture
def collector():
    """A collector that keeps the paths it was asked for."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", paths
    server.shutdown()
    server.server_close()


def _scrape(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return str(answer.read().decode())


def test_without_a_port_and_a_collector_nothing_is_measured(telemetry_of):
    assert isinstance(telemetry_of(), NullTelemetry)


def test_durations_outcomes_and_queue_lengths_can_be_scraped(telemetry_of):
    port = free_port()
    telemetry = telemetry_of(metrics_port=port)
    telemetry.task_ended("update_prices", "ok", 0.02)
    telemetry.task_ended("update_prices", "silent", 8.0)
    telemetry.queue_lengths({"market": 3})
    text = _scrape(port)
    assert 'threet_tasks_total{outcome="silent",task="update_prices"} 1.0' in text
    assert 'threet_task_duration_seconds_bucket{le="0.025",task="update_prices"} 1.0' in text
    assert 'threet_queue_messages{queue="market"} 3.0' in text


def test_rejected_reports_and_what_is_of_other_origin_can_be_scraped(telemetry_of):
    port = free_port()
    telemetry = telemetry_of(metrics_port=port)
    telemetry.reports_rejected([("a", "stale"), ("a", "stale"), ("b", "forged")])
    telemetry.other_origin(2, 1)
    text = _scrape(port)
    assert 'threet_rejected_reports_total{reason="stale",source="a"} 2.0' in text
    assert 'threet_rejected_reports_total{reason="forged",source="b"} 1.0' in text
    assert 'threet_other_origin{what="orders"} 2.0' in text
    assert 'threet_other_origin{what="positions"} 1.0' in text
    telemetry.other_origin(None, 0)
    assert 'threet_other_origin{what="orders"} NaN' in _scrape(port)


def test_a_port_in_use_costs_the_metrics_and_nothing_else(telemetry_of, caplog):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        telemetry = telemetry_of(metrics_port=taken.getsockname()[1])
    telemetry.task_ended("update_prices", "ok", 0.02)
    assert "telemetry.metrics_port" in caplog.text


def test_spans_reach_a_collector(telemetry_of, collector):
    endpoint, paths = collector
    telemetry = telemetry_of(otlp_endpoint=endpoint)
    with telemetry.span("update_prices", {"task.id": "1"}):
        pass
    telemetry.close()
    assert paths == ["/v1/traces"]


def test_a_span_lets_an_error_through(telemetry_of, collector):
    telemetry = telemetry_of(otlp_endpoint=collector[0])
    with pytest.raises(ZeroDivisionError), telemetry.span("update_prices", {}):
        raise ZeroDivisionError
    telemetry.close()


@pytest.mark.parametrize("hangs", [False, True], ids=["absent", "hung"])
def test_a_collector_that_does_not_answer_holds_up_neither_tasks_nor_the_end(telemetry_of, hangs):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if hangs:
            listener.listen()
        telemetry = telemetry_of(otlp_endpoint=f"http://127.0.0.1:{listener.getsockname()[1]}")
        started = time.monotonic()
        for _ in range(2000):  # more than may wait
            with telemetry.span("update_prices", {}):
                pass
        assert time.monotonic() - started < 2
        started = time.monotonic()
        telemetry.close()
        assert time.monotonic() - started < 8 * TIMEOUT_SECONDS
