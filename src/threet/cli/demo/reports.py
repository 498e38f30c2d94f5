"""Health of the parts that nobody can ask over HTTP: what they last said of themselves in the database."""

from __future__ import annotations

import time

from threet.adapters.sql import SqlCycleStore, make_engine
from threet.adapters.sql.errors import DatabaseError
from threet.application.store import ServiceReport
from threet.cli.demo.health import CannotTell, Check
from threet.cli.demo.process import LogFile
from threet.settings import Secrets, Settings

_LOOK_SECONDS = 1.0


class Reports:
    """Reads all reports at once, at most once a second. For one thread; connects at its first use."""

    def __init__(self, settings: Settings, secrets: Secrets) -> None:
        self._store = SqlCycleStore(make_engine(settings, secrets))
        self._read_at = float("-inf")
        self._reports: list[ServiceReport] = []

    def younger_than(self, seconds: float, name: str, or_never: bool = False) -> Check:
        """Healthy while a service whose name begins with ``name`` has reported within ``seconds``; with ``or_never`` also before its first
        report, for parts whose canaries come seconds after their start.
        """

        def check(_: LogFile) -> str | None:
            try:
                ages = self._ages(name)
            except DatabaseError as error:
                return CannotTell(f"its report cannot be read: {str(error).splitlines()[0]}")
            if not ages:
                return None if or_never else "has not reported yet"
            return None if min(ages) <= seconds else f"last reported {min(ages):.0f} s ago (limit {seconds:g} s)"

        return check

    def _ages(self, name: str) -> list[float]:
        if time.monotonic() - self._read_at > _LOOK_SECONDS:
            self._reports = self._store.services()
            self._read_at = time.monotonic()
        now = self._store.now()
        return [(now - report.seen_at).total_seconds() for report in self._reports if report.name.startswith(name)]
