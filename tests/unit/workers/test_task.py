"""The Task class: what every task gets without asking."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from celery import Celery
from sqlalchemy.exc import OperationalError
from tests.support.settings import settings_with
from tests.unit.workers.fakes import FakeClock

from threet.adapters.signs_of_life import SignsOfLife
from threet.application.publishing import PublishFailed
from threet.application.update_balance import MissingSecrets
from threet.domain.errors import VenueBusy, VenueError, VenueRefused, VenueSilent
from threet_workers import process
from threet_workers.task import TaskFailed, ThreetTask, outcome_of


@dataclass
class RecordingTelemetry:
    ended: list[tuple[str, str]] = field(default_factory=list)
    spans: list[str] = field(default_factory=list)

    def task_ended(self, task, outcome, seconds):
        self.ended.append((task, outcome))

    def queue_lengths(self, lengths):
        pass

    def reports_rejected(self, reports):
        pass

    def other_origin(self, orders, positions):
        pass

    def span(self, name, attributes):
        self.spans.append(name)
        return nullcontext()

    def close(self):
        pass


@pytest.fixture
def telemetry(monkeypatch):
    recording = RecordingTelemetry()
    started = process.WorkerProcess(
        settings=None,  # type: ignore[arg-type]  # the Task class needs none of these three
        clock=FakeClock(),
        telemetry=recording,
        canaries=None,  # type: ignore[arg-type]
        services=process.Services(worker=None, reconcile=None),
    )
    monkeypatch.setattr(process, "_started", [started])
    return recording


@pytest.fixture
def app():
    return Celery("unit", task_cls=ThreetTask, set_as_current=False, broker="memory://")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (VenueRefused("no"), "refused"),
        (VenueBusy("later", 1.0), "busy"),
        (VenueSilent("nobody knows"), "silent"),
        (VenueError("other"), "venue"),
        (PublishFailed("redis"), "unpublished"),
        (MissingSecrets("apiKey"), "secrets"),
        (OperationalError("SELECT 1", {}, OSError("gone away")), "database"),
        (ValueError("a bug"), "error"),
    ],
)
def test_errors_are_told_apart(error, outcome):
    assert outcome_of(error) == outcome


def test_a_task_is_measured_traced_and_logged_with_its_id(app, telemetry, caplog):
    caplog.set_level(logging.INFO)

    @app.task(name="fine")
    def fine():
        return "42 prices"

    fine.apply(task_id="id-1")
    assert telemetry.ended == [("fine", "ok")]
    assert telemetry.spans == ["fine"]
    assert "fine ok in 0.000 s [id-1] 42 prices" in caplog.text


def test_a_foreseen_failure_is_one_line_with_its_class_and_no_traceback(app, telemetry, caplog):
    @app.task(name="busy")
    def busy():
        raise VenueBusy("HTTP 429", 2.0)

    result = busy.apply()
    assert result.failed()
    assert isinstance(result.result, TaskFailed)
    assert telemetry.ended == [("busy", "busy")]
    assert "VenueBusy: HTTP 429" in caplog.text
    assert "Traceback" not in caplog.text


def test_what_nobody_foresaw_is_logged_as_an_error_with_its_traceback(app, telemetry, caplog):
    @app.task(name="broken")
    def broken():
        raise ZeroDivisionError("a bug")

    assert broken.apply().failed()
    assert telemetry.ended == [("broken", "error")]
    assert "Traceback" in caplog.text
    assert any(record.levelno == logging.ERROR and "ZeroDivisionError: a bug" in record.message for record in caplog.records)


def test_a_second_flight_is_skipped_and_the_next_one_after_it_runs(app, telemetry):
    calls = []

    @app.task(name="nested", bind=True)
    def nested(self):
        calls.append(1)
        if len(calls) == 1:
            self.apply()  # the tick comes again while the first one runs

    nested.apply()
    assert len(calls) == 1
    assert telemetry.ended == [("nested", "skipped"), ("nested", "ok")]
    nested.apply()
    assert len(calls) == 2


def test_a_failed_flight_does_not_block_the_next(app, telemetry):
    @app.task(name="failing")
    def failing():
        raise VenueSilent("no answer")

    failing.apply()
    failing.apply()
    assert telemetry.ended == [("failing", "silent"), ("failing", "silent")]


@dataclass
class Reporter:
    """The services of a worker, as far as they report."""

    reports: list[str] = field(default_factory=list)
    error: Exception | None = None

    def report(self, node):
        self.reports.append(node)
        if self.error:
            raise self.error


@pytest.fixture
def worker(app, telemetry, tmp_path, monkeypatch):
    """A task of the queue market, in a process whose canaries other hosts take: its services, its clock, and where its signs are."""
    started = replace(
        process.current(),
        settings=settings_with(tmp_path, {"schedule.canary_seconds": 15}),
        services=process.Services(worker=Reporter(), reconcile=None),  # type: ignore[arg-type]  # it is asked for reports alone
        signs=SignsOfLife(tmp_path),
    )
    monkeypatch.setattr(process, "_started", [started])
    return started


@pytest.mark.parametrize("error", [None, VenueSilent("no answer")])
def test_any_task_of_a_queue_is_a_sign_of_life_of_it_however_it_ends(app, worker, tmp_path, error):
    @app.task(name="update_prices")
    def update_prices():
        if error:
            raise error

    update_prices.apply()
    assert (tmp_path / "canary-market").read_text() == f"{worker.settings.freshness.max_service_age_seconds:g}\n"
    assert not (tmp_path / "canary-account").exists()


def test_a_worker_without_canaries_still_reports_as_often_as_one_would(app, worker):
    @app.task(name="update_prices")
    def update_prices():
        pass

    for seconds, reports in ((0, 1), (14.9, 1), (0.1, 2), (1, 2)):
        worker.clock.at += timedelta(seconds=seconds)
        update_prices.apply()
        assert len(worker.services.worker.reports) == reports


def test_a_report_that_the_database_refuses_spoils_no_task_and_is_not_tried_each_time(app, worker, telemetry):
    @app.task(name="update_prices")
    def update_prices():
        pass

    worker.services.worker.error = OperationalError("INSERT", {}, OSError("gone away"))
    update_prices.apply()
    update_prices.apply()
    assert telemetry.ended == [("update_prices", "ok")] * 2
    assert len(worker.services.worker.reports) == 1


def test_no_task_is_tried_again_acknowledged_late_or_leaves_a_result():
    assert (ThreetTask.max_retries, ThreetTask.acks_late, ThreetTask.ignore_result) == (0, False, True)
