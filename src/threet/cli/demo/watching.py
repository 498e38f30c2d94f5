"""Reads the platform's picture again and again, in a thread of its own, so that a part that answers slowly does not stop the screen."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime

from threet.adapters.sql import SqlCycleStore, check_schema, create_schema, make_engine
from threet.adapters.sql.errors import DatabaseError
from threet.adapters.sql.run_totals import read_run_totals
from threet.bootstrap import build_cli_services
from threet.cli.demo.facts import read_facts
from threet.cli.demo.summary import ShowFacts
from threet.cli.demo.tally import Tally
from threet.cli.status.build import make_reader
from threet.cli.status.picture import Picture, Problem
from threet.cli.status.problems import find_problems
from threet.settings import Secrets, Settings

_EVERY_SECONDS = 1.0


class Watcher:
    """``latest`` is what was read last; ``tally`` counts the decisions since ``started_at``."""

    def __init__(self, settings: Settings, secrets: Secrets, started_at: datetime) -> None:
        self._settings = settings
        self._secrets = secrets
        self._lock = threading.Lock()
        self._latest: tuple[Picture | None, Sequence[Problem]] = (None, [])
        self._tally = Tally(started_at)
        self._failure: BaseException | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def latest(self) -> tuple[Picture | None, Sequence[Problem]]:
        """Raises what ended the thread, if anything did: a screen that stands still would be a lie."""
        if self._failure is not None:
            raise self._failure
        with self._lock:
            return self._latest

    def decisions(self) -> int:
        with self._lock:
            return self._tally.decisions

    def has_plan(self) -> bool:
        """Whether the last decision wanted to send anything."""
        with self._lock:
            return self._tally.last is None or bool(self._tally.last.plan)

    def facts(self) -> ShowFacts:
        """The whole show so far. Raises OSError or DatabaseError where a source is away."""
        services = build_cli_services(self._settings, self._secrets)
        runs = read_run_totals(make_engine(self._settings, self._secrets))
        with self._lock:
            return read_facts(services.store, services.account, self._tally, runs, self._settings.exchange.base_url or "")

    def _run(self) -> None:
        try:
            self._watch()
        except BaseException as error:  # handed over to the thread that shows it
            self._failure = error
            raise

    def _watch(self) -> None:
        reader = make_reader(self._settings, self._secrets)
        store = build_cli_services(self._settings, self._secrets).store
        while not self._stop.wait(_EVERY_SECONDS):
            picture = reader.read()
            problems = find_problems(picture, self._settings)
            with self._lock:
                self._latest = (picture, problems)
                try:
                    self._tally.read(store)
                except DatabaseError:
                    continue  # the picture says so; what was missed is counted by the next look


def prepare_database(settings: Settings, secrets: Secrets) -> None:
    """Makes the schema where there is none, and forgets what an earlier show's services said: their config was another.

    Raises DatabaseError where the database does not answer, SchemaError where it is another's.
    """
    engine = make_engine(settings, secrets)
    create_schema(engine)
    check_schema(engine)
    store = SqlCycleStore(engine)
    for service in store.services():
        store.forget_service(service.name)
    engine.dispose()
