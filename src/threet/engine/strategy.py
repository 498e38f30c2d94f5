"""What a strategy is: a pure function from closed candles, parameters and its own small state to a wanted direction.

A strategy decides for many runs in one call, and only at bar closes. It sees the last ``warmup_bars`` closed candles and nothing
else, so that a decision on a prefix of the market equals the decision on the whole, and a restart has the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from threet.engine.bars import Bars
from threet.engine.types import Floats, Ints


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number, drawn from a range of the settings that lies in [``low``, ``high``]; ``whole`` ones are drawn as whole numbers."""

    name: str
    low: float
    high: float
    whole: bool = False


class Strategy(Protocol):
    """The interface. ``state`` names the numbers that the strategy keeps per run between bars; all begin at 0."""

    @property
    def name(self) -> str: ...

    @property
    def parameters(self) -> tuple[Parameter, ...]: ...

    @property
    def state(self) -> tuple[str, ...]: ...

    def accepts(self, parameters: Mapping[str, float]) -> bool:
        """False where the parameters contradict each other; such a draw is drawn again."""
        ...

    def bars_needed(self, highest: Mapping[str, float]) -> int:
        """How many closed candles the strategy looks back, at most, with parameters up to ``highest``."""
        ...

    def decide(self, bars: Bars, rows: Ints, parameters: Floats, state: Floats, direction: Ints) -> tuple[Ints, Floats]:
        """The wanted direction (-1, 0, +1) and the new state of each run.

        ``rows[i]`` is run i's row in ``bars``; ``parameters[i]`` and ``state[i]`` are in the order of the names above;
        ``direction[i]`` is what the run holds now. Arguments are never written to.
        """
        ...
