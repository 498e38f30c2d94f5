"""Use case: deletes what is older than config.yml keeps, in bounded batches (I10)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from threet.application.ports import Clock


@dataclass(frozen=True, slots=True)
class Housekept:
    """Rows deleted, by table."""

    deleted: Mapping[str, int]


class Housekeeping:
    """``prune`` deletes by the retention of config.yml as of the given wall time, and returns the rows deleted by table."""

    def __init__(self, prune: Callable[[datetime], Mapping[str, int]], clock: Clock) -> None:
        self._prune = prune
        self._clock = clock

    def __call__(self) -> Housekept:
        return Housekept(deleted=dict(self._prune(self._clock.now())))
