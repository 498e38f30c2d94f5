"""What the three adapters of one process share: the connection with its limiter, and the list of markets."""

from __future__ import annotations

from threet.adapters.venue.catalogue import Catalogue
from threet.adapters.venue.connection import Connection
from threet.application.ports import Clock
from threet.application.roles import CELERY_WORKER_RECONCILE
from threet.settings import Settings


class Venue:
    """Build one per process and hand it to each adapter. ``role`` says whose share of the requests it spends."""

    def __init__(self, settings: Settings, clock: Clock, user_agent: str = "3t-venue", role: str = CELERY_WORKER_RECONCILE) -> None:
        self.settings = settings
        self.clock = clock
        self.connection = Connection(settings, clock, user_agent, role)
        self.catalogue = Catalogue(self.connection)
