"""What the workers measure: Prometheus metrics and, where a collector is named, traces over OTLP/HTTP.

A passenger (I9): a port in use, a collector that is absent, slow or hung costs a log line and nothing else. Never gRPC,
which freezes an eventlet worker while the collector is slow.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from math import nan
from typing import TYPE_CHECKING, Protocol

from threet.settings import Settings
from threet.settings.sections import TelemetrySettings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from prometheus_client import CollectorRegistry

log = logging.getLogger(__name__)
# Part of the metric's format: panels and stored series hang on them.
_DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Telemetry(Protocol):
    def task_ended(self, task: str, outcome: str, seconds: float) -> None:
        """``outcome`` is one of a small fixed set; ``seconds`` by the monotonic clock."""
        ...

    def queue_lengths(self, lengths: Mapping[str, int]) -> None:
        """Messages that wait in each queue."""
        ...

    def reports_rejected(self, reports: Sequence[tuple[str, str]]) -> None:
        """Source and kind of reason of each report that a cycle could not count; kinds are of a small fixed set."""
        ...

    def other_origin(self, orders: int | None, positions: int) -> None:
        """What the last cycle saw at the venue that is not ours; ``orders`` is None where nobody could tell."""
        ...

    def span(self, name: str, attributes: Mapping[str, str]) -> AbstractContextManager[None]: ...

    def close(self) -> None:
        """Sends what waits, for no longer than ``telemetry.otlp_timeout_seconds``."""
        ...


class NullTelemetry:
    """Measures nothing."""

    def task_ended(self, task: str, outcome: str, seconds: float) -> None: ...

    def queue_lengths(self, lengths: Mapping[str, int]) -> None: ...

    def reports_rejected(self, reports: Sequence[tuple[str, str]]) -> None: ...

    def other_origin(self, orders: int | None, positions: int) -> None: ...

    def span(self, name: str, attributes: Mapping[str, str]) -> AbstractContextManager[None]:
        return nullcontext()

    def close(self) -> None: ...


class Metrics:
    """Prometheus metrics in a registry of their own; names carry their units. ``traces`` is None where no collector is named."""

    def __init__(self, registry: CollectorRegistry, traces: TracerProvider | None, flush_seconds: float) -> None:
        from prometheus_client import Counter, Gauge, Histogram

        self._ended = Counter("threet_tasks", "Tasks ended, by outcome", ["task", "outcome"], registry=registry)
        self._seconds = Histogram(
            "threet_task_duration_seconds", "Wall time of a task", ["task"], buckets=_DURATION_BUCKETS, registry=registry
        )
        self._waiting = Gauge("threet_queue_messages", "Messages that no worker has fetched", ["queue"], registry=registry)
        self._rejected = Counter(
            "threet_rejected_reports",
            "Reports of a source that a cycle could not count, by reason",
            ["source", "reason"],
            registry=registry,
        )
        self._foreign = Gauge(
            "threet_other_origin",
            "Orders and positions at the venue that are not ours; orders NaN while unreadable",
            ["what"],
            registry=registry,
        )
        self._traces = traces
        self._flush_seconds = flush_seconds

    def task_ended(self, task: str, outcome: str, seconds: float) -> None:
        self._ended.labels(task, outcome).inc()
        self._seconds.labels(task).observe(seconds)

    def queue_lengths(self, lengths: Mapping[str, int]) -> None:
        for queue, messages in lengths.items():
            self._waiting.labels(queue).set(messages)

    def reports_rejected(self, reports: Sequence[tuple[str, str]]) -> None:
        for source, reason in reports:
            self._rejected.labels(source, reason).inc()

    def other_origin(self, orders: int | None, positions: int) -> None:
        self._foreign.labels("orders").set(nan if orders is None else orders)
        self._foreign.labels("positions").set(positions)

    @contextmanager
    def span(self, name: str, attributes: Mapping[str, str]) -> Iterator[None]:
        if self._traces is None:
            yield
            return
        with self._traces.get_tracer("threet").start_as_current_span(name, attributes=dict(attributes)):
            yield

    def close(self) -> None:
        if self._traces is not None:
            self._traces.force_flush(int(self._flush_seconds * 1000))
            self._traces.shutdown()


def make_telemetry(settings: Settings, service: str) -> Telemetry:
    """Starts what ``telemetry`` of config.yml asks for: to be called once in a process, after eventlet's patching."""
    wanted = settings.telemetry
    if wanted.metrics_port is None and wanted.otlp_endpoint is None:
        return NullTelemetry()
    from prometheus_client import CollectorRegistry

    registry = CollectorRegistry()
    traces = _traces(wanted.otlp_endpoint, wanted, service) if wanted.otlp_endpoint else None
    if wanted.metrics_port is not None:
        _serve(wanted.metrics_address, wanted.metrics_port, registry)
    return Metrics(registry, traces, wanted.otlp_timeout_seconds)


def _serve(address: str, port: int, registry: CollectorRegistry) -> None:
    from prometheus_client import start_http_server

    try:
        start_http_server(port, addr=address, registry=registry)
    except OSError as error:
        log.warning("metrics are not served: port %d: %s (config.yml: telemetry.metrics_port)", port, error)


def _traces(endpoint: str, wanted: TelemetrySettings, service: str) -> TracerProvider:
    """A full queue drops spans; nobody waits for it."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=wanted.otlp_timeout_seconds)
    provider = TracerProvider(resource=Resource.create({"service.name": service}), shutdown_on_exit=False)
    provider.add_span_processor(
        BatchSpanProcessor(
            exporter,
            max_queue_size=wanted.otlp_queue_spans,
            max_export_batch_size=max(1, wanted.otlp_queue_spans // 4),  # the exporter's own proportion
            export_timeout_millis=wanted.otlp_timeout_seconds * 1000,
        )
    )
    logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)  # an absent collector is no error of ours
    return provider
