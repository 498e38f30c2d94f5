"""Builds what reads the picture."""

from __future__ import annotations

from threet.adapters.clock import SystemClock
from threet.adapters.redis import Canaries, make_redis
from threet.adapters.sql import make_engine
from threet.adapters.sql.run_totals import read_run_totals
from threet.bootstrap import build_cli_services
from threet.cli.status.reading import Reader
from threet.settings import Secrets, Settings


def make_reader(settings: Settings, secrets: Secrets) -> Reader:
    """Connects to nothing yet."""
    engine = make_engine(settings, secrets)
    canaries = Canaries(make_redis(settings, secrets), SystemClock())
    return Reader(build_cli_services(settings, secrets), canaries, lambda: read_run_totals(engine), settings)
