"""What one step of the engine changed, as it goes to the journal: entries, states, starts and ends of runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from threet.engine.descent import Ancestor
from threet.engine.runs import RunImage, RunSpec
from threet.engine.types import Records

ENTRY = np.dtype([("id", "<u8", 2), ("kind", "u1"), ("time_ms", "<i8"), ("price", "<f8"), ("size", "<f8")])
"""One trade or funding payment of one run; 41 bytes."""


@cache
def state_dtype(width: int) -> np.dtype[np.void]:
    """The latch, the vote and the strategy's own numbers of one run after a bar close."""
    return np.dtype([("id", "<u8", 2), ("risen", "u1"), ("votes", "u1"), ("state", "<f8", (width,))])


@dataclass(slots=True)
class Effects:
    """In the order in which a replay applies them: entries, states, ends, starts. ``ended`` are the final images of the ends,
    ``ancestors`` those of them that new runs may descend from."""

    entries: list[Records] = field(default_factory=list)
    states: list[Records] = field(default_factory=list)
    ended: list[RunImage] = field(default_factory=list)
    started: list[RunSpec] = field(default_factory=list)
    ancestors: list[Ancestor] = field(default_factory=list)


def joined(parts: Sequence[Records], dtype: np.dtype[np.void]) -> Records:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=dtype)
