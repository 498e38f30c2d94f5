"""The Celery app: ``celery -A threet_workers.app worker -P eventlet ...``; config.yml is read when the app is first used."""

from __future__ import annotations

import gc
import logging
import time
import warnings
from typing import Any

from celery import Celery, signals
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning

from threet_workers import broker_guard
from threet_workers.configuration import SettingsLoader, configuration
from threet_workers.events import PassengerEvents
from threet_workers.process import current, start
from threet_workers.restore import RestoreVisible
from threet_workers.task import ThreetTask

app = Celery("threet", loader=SettingsLoader, task_cls=ThreetTask, events=PassengerEvents, include=["threet_workers.tasks"])
app.steps["consumer"].add(RestoreVisible)

log = logging.getLogger(__name__)


@signals.setup_logging.connect  # type: ignore[untyped-decorator]  # celery ships no types
def set_up_logging(loglevel: int | str = logging.INFO, **_: Any) -> None:
    """One line per task is ours (task.py); Celery's own two are left out, its warnings and errors are not."""
    handler = logging.StreamHandler()
    handler.setFormatter(_formatter())
    logging.basicConfig(level=loglevel, handlers=[handler], force=True)
    for name in ("celery.worker.strategy", "celery.app.trace", "celery.beat"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _formatter() -> logging.Formatter:
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    return formatter


@signals.celeryd_init.connect  # type: ignore[untyped-decorator]
def quieten(**_: Any) -> None:
    """Celery warns of root for what a pickled message could do there; we take JSON alone. Containers have a user of their own."""
    warnings.filterwarnings("ignore", "You're running the worker with superuser privileges", SecurityWarning)


@signals.worker_init.connect  # type: ignore[untyped-decorator]
def build(sender: Any, **_: Any) -> None:
    """Builds the services before the worker takes its first task; a failure ends the process, with its reason in one message."""
    from threet_workers import host_names  # here, since beat and Flower do without eventlet

    set_up_logging()
    warnings.simplefilter("ignore", CPendingDeprecationWarning)  # of Celery 6's defaults, at each reconnection
    broker_guard.install()
    host_names.install()
    settings, secrets = configuration()
    queues = list(app.amqp.queues.consume_from)
    try:
        start(settings, secrets, queues, sender.hostname)
    except Exception as error:  # Celery would log what a signal's receiver raises, and start without services
        log.debug("%s cannot start", sender.hostname, exc_info=True)
        raise SystemExit(f"{sender.hostname} cannot start: {type(error).__name__}: {error}") from None


@signals.worker_shutdown.connect  # type: ignore[untyped-decorator]
def close(sender: Any, **_: Any) -> None:
    current().leave(sender.hostname)
    current().telemetry.close()
    gc.freeze()  # nothing is left to be saved, and looking through all of ccxt for garbage would take the interpreter seconds
