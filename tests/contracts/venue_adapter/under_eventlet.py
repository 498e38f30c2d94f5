"""Run by test_under_eventlet.py in a process of its own: fifty slow questions to the venue at once, in greenlets."""

from __future__ import annotations

import eventlet

eventlet.monkey_patch()

import sys  # noqa: E402 - everything else is imported patched, as in a worker
import time  # noqa: E402
from pathlib import Path  # noqa: E402

from tests.support.venue_settings import venue_settings  # noqa: E402

from threet.adapters.clock import SystemClock  # noqa: E402
from threet.adapters.venue import CcxtMarketData, Venue  # noqa: E402


def main(folder: str, url: str) -> None:
    settings, clock = venue_settings(Path(folder), url), SystemClock()
    market = CcxtMarketData(settings, clock, Venue(settings, clock))
    pool = eventlet.GreenPool(50)
    started = time.monotonic()
    times = list(pool.imap(lambda _: market.exchange_time(), range(50)))
    print(len(times), time.monotonic() - started)


if __name__ == "__main__":
    main(*sys.argv[1:])
