"""What the venue lets one internet address ask and one account do. Off unless a limit is given.

Weights and limits: Hyperliquid's documentation, "Rate limits and user limits".
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

MINUTE_MS = 60_000
TOO_MANY_ACTIONS = "Too many cumulative requests sent"
_LIGHT = frozenset({"l2Book", "allMids", "clearinghouseState", "orderStatus", "spotClearinghouseState", "exchangeStatus"})
_BY_ITEMS = {"candleSnapshot": 60, "userFills": 20, "userFillsByTime": 20, "historicalOrders": 20, "fundingHistory": 20, "userFunding": 20}
_BY_ITEMS |= {"userNonFundingLedgerUpdates": 20}
_BATCH = 40
_PACE_MS = 10_000  # of an account that has used up its actions


def weight_of_info(kind: str) -> float:
    """Before the answer is known."""
    return 2 if kind in _LIGHT else 60 if kind == "userRole" else 20


def weight_of_answer(kind: str, answer: Any) -> float:
    """What a long answer weighs besides."""
    return len(answer) / _BY_ITEMS[kind] if kind in _BY_ITEMS and isinstance(answer, list) else 0


def weight_of_action(action: dict[str, Any]) -> float:
    items = action.get("orders") or action.get("cancels") or ()
    return 1 + len(items) // _BATCH


@dataclass(slots=True)
class _Window:
    """What one address has asked in the last minute."""

    taken: deque[tuple[int, float]] = field(default_factory=deque)
    total: float = 0


class RequestLimits:
    """Counts, and refuses where ``weight_per_minute`` or ``free_actions`` is given."""

    def __init__(self, wall_ms: Callable[[], int], weight_per_minute: int | None, free_actions: int | None) -> None:
        self._wall_ms = wall_ms
        self._per_minute = weight_per_minute
        self._free_actions = free_actions
        self._windows: dict[str, _Window] = defaultdict(_Window)
        self._last_action_ms: dict[str, int] = {}
        self._peak = 0.0
        self._refused: dict[str, int] = defaultdict(int)

    def admits(self, address: str, weight: float) -> bool:
        """Whether this much more fits into the last sixty seconds of ``address``; then it is counted. What is refused weighs nothing."""
        window = self._last_minute(address)
        if self._per_minute is not None and window.total + weight > self._per_minute:
            self._refused["weight"] += 1
            return False
        self.charge(address, weight)
        return True

    def charge(self, address: str, weight: float) -> None:
        window = self._last_minute(address)
        window.taken.append((self._wall_ms(), weight))
        window.total += weight
        self._peak = max(self._peak, window.total)

    def admits_action(self, user: str, used: int, traded_usd: int, *, cancels: bool) -> bool:
        """An account has its free actions, one more for each dollar traded, and then one in ten seconds; cancels have twice as many."""
        now = self._wall_ms()
        if self._free_actions is not None:
            allowed = (self._free_actions + traded_usd) * (2 if cancels else 1)
            if used >= allowed and now - self._last_action_ms.get(user, 0) < _PACE_MS:
                self._refused["actions"] += 1
                return False
        self._last_action_ms[user] = now
        return True

    def describe(self) -> dict[str, Any]:
        """The most that any minute saw of one address, and how often something was refused."""
        return {"weight_per_minute": self._per_minute, "peak_weight": round(self._peak, 3), "refused": dict(self._refused)}

    def _last_minute(self, address: str) -> _Window:
        window, start = self._windows[address], self._wall_ms() - MINUTE_MS
        while window.taken and window.taken[0][0] <= start:
            window.total -= window.taken.popleft()[1]
        return window
