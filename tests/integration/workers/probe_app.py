"""The real app with two more tasks, for tests that load the worker: ``celery -A tests.integration.workers.probe_app``."""

from __future__ import annotations

import requests

from threet_workers.app import app

__all__ = ["app", "broken_call", "slow_call"]


@app.task(name="probe.slow_call", queue="market", single_flight=False)
def slow_call(url: str) -> str:
    return requests.get(url, timeout=30).text


@app.task(name="probe.broken_call", queue="market", single_flight=False)
def broken_call() -> None:
    raise ZeroDivisionError("a planted bug")
