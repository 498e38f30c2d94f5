"""One line when something goes away and one when it is back, however often it is tried in between."""

from __future__ import annotations

import logging


class Outage:
    def __init__(self, log: logging.Logger, what: str) -> None:
        self._log, self._what, self._tries = log, what, 0

    def began(self, reason: str) -> None:
        if not self._tries:
            self._log.warning("%s away: %s; waiting for it, nothing is lost", self._what, reason.replace("\n", " ")[:300])
        self._tries += 1

    def ended(self) -> None:
        if self._tries:
            self._log.info("%s is back after %d tries", self._what, self._tries)
        self._tries = 0
