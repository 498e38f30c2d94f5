"""The end of a show with an end: prices stand still and nobody votes anew, so a few cycles must reach the last targets."""

from __future__ import annotations

from threet.adapters.sql.errors import DatabaseError
from threet.cli.demo.summary import ShowFacts, failures
from threet.cli.demo.watching import Watcher
from threet.settings import Settings

CLOSING_CYCLES = 3


class ShowFailed(Exception):
    """The end cannot be told; the message says why."""


class Closing:
    """Counts the cycles since it was made."""

    def __init__(self, watcher: Watcher, settings: Settings) -> None:
        self._watcher = watcher
        self._before = watcher.decisions()
        self._looked_at = 0
        self.longest_seconds = CLOSING_CYCLES * (settings.schedule.reconcile_positions_seconds + settings.reconciliation.lease_seconds)

    def is_over(self) -> bool:
        """After three cycles, or earlier where a cycle found nothing to do and the ledger is at its targets."""
        cycles = self._watcher.decisions() - self._before
        if cycles >= CLOSING_CYCLES:
            return True
        if cycles <= self._looked_at or self._watcher.has_plan():
            return False
        self._looked_at = cycles
        return not failures(self.facts())

    def facts(self) -> ShowFacts:
        """Raises ShowFailed where what the summary needs cannot be read."""
        try:
            return self._watcher.facts()
        except (OSError, DatabaseError, KeyError) as error:
            raise ShowFailed(f"the summary cannot be made: {type(error).__name__}: {error}") from error
