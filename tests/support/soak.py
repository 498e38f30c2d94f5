"""Measures a running platform from outside, again and again, and judges what it saw: see slopes.py."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import text
from tests.support.platform import MARKS, Platform
from tests.support.slopes import Allowance, Sample, Slope, slope_of_flow, slope_of_level, sparkline

from threet.adapters.redis.client import make_redis
from threet.adapters.sql.tables import metadata
from threet.settings import load_secrets, load_settings

PARTS = tuple(MARKS)
CONTENTS = frozenset(
    [
        "products",
        "instruments",
        "exchanges",
        "providence_shards",
        "leases",
        "platform_state",
        "symbol_states",
        "services",
        "observer_sequences",
        "schema_migrations",
    ]
)
"""Tables that hold what there is now; the others hold what happened, for as many days as ``retention`` says."""

FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "http_500", "match": {"path": "info"}, "rate": 0.01},
    {"kind": "http_429", "match": {"path": "exchange"}, "rate": 0.1},
    {"kind": "slow", "match": {"path": "info"}, "seconds": 1.5, "rate": 0.02},
    {"kind": "no_answer", "match": {"path": "info"}, "seconds": 1, "rate": 0.005},
    {"kind": "lost_answer", "match": {"path": "exchange"}, "rate": 0.1},
    {"kind": "lost_answer", "match": {"path": "info"}, "rate": 0.01},
    {"kind": "partial_list", "match": {"type": "userFillsByTime"}, "rate": 0.05},
    {"kind": "wrong_sign", "match": {"source": "3t-observer-b"}, "rate": 0.05},
    {"kind": "stale_positions", "match": {"source": "3t-observer-c"}, "rate": 0.05},
)
"""At a rate each, all the time."""


FIRST_LIVES_SECONDS = 600
"""Until then runs, which live for up to four minutes at this speed, end for the first time: what comes in may double."""


class Soak:
    """Series by name. ``<part> MB``, ``<part> threads``, ``<part> sockets`` and so on are levels; ``rows of <table>`` and files pile up."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        settings = load_settings(platform.folder / "config.yml")
        self._redis: Any = make_redis(settings, load_secrets(platform.folder / "secrets.yml", settings))
        self._started = time.monotonic()
        self.levels: dict[str, list[Sample]] = defaultdict(list)
        self.flows: dict[str, list[Sample]] = defaultdict(list)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def sample(self) -> None:
        """A part that restarts just now is left out."""
        now = self.seconds
        for part in PARTS:
            with contextlib.suppress(LookupError, psutil.Error):
                self._sample_part(part, self._platform.part(part), now)
        memory, clients = self._redis.info("memory"), self._redis.info("clients")
        self.levels["redis data MB"].append((now, memory["used_memory"] / 1e6))
        self.levels["redis keys"].append((now, self._redis.dbsize()))
        self.levels["redis clients"].append((now, clients["connected_clients"]))
        with self._platform.engine.connect() as connection:
            for table in metadata.tables:
                count = connection.execute(text(f"SELECT COUNT(*) FROM {table}")).scalar_one()
                (self.levels if table in CONTENTS else self.flows)[f"rows of {table}"].append((now, count))
            active = connection.execute(text("SELECT COUNT(*) FROM runs WHERE status = 'active'")).scalar_one()
            self.levels["active runs"].append((now, active))
        files = [path for path in self._platform.folder.rglob("*") if path.is_file()]
        self.flows["files"].append((now, len(files)))
        self.flows["MB on disk"].append((now, sum(_size(path) for path in files) / 1e6))

    def _sample_part(self, part: str, process: psutil.Process, now: float) -> None:
        family = [process, *process.children(recursive=True)]
        self.levels[f"{part} MB"].append((now, sum(each.memory_info().rss for each in family) / 1e6))
        self.levels[f"{part} descriptors"].append((now, sum(each.num_fds() for each in family)))
        self.levels[f"{part} sockets"].append((now, sum(len(each.net_connections("inet")) for each in family)))
        self.levels[f"{part} threads"].append((now, sum(each.num_threads() for each in family)))

    def slopes(self) -> dict[str, Slope]:
        """In the second half memory may grow by a twentieth or 3 MB, what is counted by a twentieth or 3, what comes in an hour by half."""
        flow = 50 if self.seconds > FIRST_LIVES_SECONDS else 100
        block = max(15.0, self.seconds / 12)
        levels = {name: slope_of_level(series, Allowance(5, 3)) for name, series in self.levels.items() if len(series) > 9}
        flows = {
            f"{name}, an hour": slope_of_flow(series, Allowance(flow, _chance(name, block)), block) for name, series in self.flows.items()
        }
        return {**levels, **flows}

    def report(self, told: Mapping[str, object]) -> str:
        """``told``: what was measured besides, by name."""
        slopes = self.slopes()
        lines = [
            "# The soak",
            "",
            "Written by `make proof`: the embedded platform at 60 times, with the faults of the simulator at a rate each; "
            "looked at from outside.",
            "Growth is that of the second half, by the median of all pairs (Theil-Sen). Samples as digits: 0 the lowest, 9 the highest.",
            "",
            "| what | |",
            "|---|---|",
            *(f"| {name} | {value} |" for name, value in told.items()),
            "",
            "| series | level | growth | allowed | an hour | samples |",
            "|---|---|---|---|---|---|",
        ]
        for name, slope in slopes.items():
            series = self.levels.get(name) or self.flows[name.removesuffix(", an hour")]
            drawn = sparkline(value for _, value in series)
            lines.append(f"| {name} | {slope.level:.5g} | {slope.growth:+.3g} | {slope.allowed:.3g} | {slope.per_hour:+.3g} | `{drawn}` |")
        return "\n".join([*lines, ""])


def _chance(name: str, block_seconds: float) -> float:
    """A few in one block more or less say nothing, however short the block."""
    return (2 if name == "MB on disk" else 10) * 3600 / block_seconds


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
