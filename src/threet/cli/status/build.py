"""Builds what reads the picture."""

from __future__ import annotations

from threet.adapters.clock import SystemClock
from threet.adapters.redis import Canaries, make_redis
from threet.bootstrap import build_cli_services
from threet.cli.status.reading import Reader
from threet.settings import Secrets, Settings


def make_reader(settings: Settings, secrets: Secrets) -> Reader:
    """Connects to nothing yet."""
    return Reader(build_cli_services(settings, secrets), Canaries(make_redis(settings, secrets), SystemClock()), settings)
