"""Faults on request: what goes wrong, for which calls, how often."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

KINDS: Mapping[str, str] = {
    "slow": "answers after `seconds`",
    "no_answer": "does nothing and closes the connection after `seconds`",
    "lost_answer": "executes, then closes the connection without an answer",
    "http_429": "refuses with status 429, nothing executed",
    "http_500": "refuses with status 500, nothing executed",
    "empty_list": "the answer's list is empty",
    "partial_list": "about half of the answer's list is missing",
    "stale_positions": "answers the account state of the moment the fault was set, with its old time",
    "wrong_sign": "positions have the opposite sign",
    "skewed_clock": "times in the answer are `seconds` ahead (negative: behind)",
}
MATCH_KEYS = ("path", "type", "user", "coin", "source")
MAX_SECONDS = 300.0
_DEFAULT_SECONDS = {"slow": 2.0, "no_answer": 60.0, "skewed_clock": 60.0}
_TIMES = {"time", "timestamp", "statusTimestamp"}


@dataclass(frozen=True, slots=True)
class Call:
    """What a fault can match on: `source` is the caller's User-Agent header."""

    path: str  # "info" or "exchange"
    type: str
    user: str | None
    coin: str | None
    source: str


@dataclass(slots=True)
class Fault:
    """One fault that is set."""

    id: int
    kind: str
    match: dict[str, str]
    seconds: float
    rate: float
    left: int | None  # how many calls it still hits, None without an end
    chance: random.Random
    hits: int = 0
    frozen: dict[str, Any] = field(default_factory=dict)  # stale_positions: answers by user

    def matches(self, call: Call) -> bool:
        """User and source are compared without case, the source as a part of the header, the others exactly."""
        for key, wanted in self.match.items():
            found = getattr(call, key) or ""
            if key == "source":
                if wanted.lower() not in found.lower():
                    return False
            elif found.lower() != wanted.lower() if key == "user" else found != wanted:
                return False
        return True

    def describe(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "kind": self.kind,
            "match": self.match,
            "seconds": self.seconds,
            "rate": self.rate,
            "left": self.left,
            "hits": self.hits,
        }


class Faults:
    """The faults of one process; they end with it."""

    def __init__(self, freeze: Callable[[], dict[str, Any]]) -> None:
        """`freeze` gives every account's state of now, by address."""
        self._freeze = freeze
        self._faults: dict[int, Fault] = {}
        self._last_id = 0

    def set(self, wanted: Mapping[str, Any]) -> Fault:
        """Adds a fault. Raises ValueError that names what was found and what is expected."""
        kind = str(wanted.get("kind"))
        if kind not in KINDS:
            raise ValueError(f"kind: found {kind!r}, expected one of {sorted(KINDS)}")
        match = dict(wanted.get("match") or {})
        if unknown := sorted(set(match) - set(MATCH_KEYS)):
            raise ValueError(f"match: found {unknown}, expected some of {list(MATCH_KEYS)}")
        seconds = float(wanted.get("seconds", _DEFAULT_SECONDS.get(kind, 0.0)))
        if kind != "skewed_clock" and not 0 <= seconds <= MAX_SECONDS:
            raise ValueError(f"seconds: found {seconds}, expected 0 to {MAX_SECONDS}")
        rate = float(wanted.get("rate", 1.0))
        if not 0 < rate <= 1:
            raise ValueError(f"rate: found {rate}, expected a share of the calls in (0, 1]")
        count = wanted.get("count")
        if count is not None and (not isinstance(count, int) or count < 1):
            raise ValueError(f"count: found {count!r}, expected a whole number above zero or nothing")
        self._last_id += 1
        chance = random.Random(int(wanted.get("seed", 0)))
        fault = Fault(self._last_id, kind, match, seconds, rate, count, chance)
        if kind == "stale_positions":
            fault.frozen = self._freeze()
        self._faults[fault.id] = fault
        return fault

    def clear(self, fault_id: int | None = None) -> int:
        """Removes one or all; returns how many."""
        ids = list(self._faults) if fault_id is None else [fault_id]
        return sum(self._faults.pop(each, None) is not None for each in ids)

    def describe(self) -> list[dict[str, Any]]:
        return [fault.describe() for fault in self._faults.values()]

    def hitting(self, call: Call) -> list[Fault]:
        """The faults that this call meets; each that has a count is used up by one."""
        met = []
        for fault in [each for each in self._faults.values() if each.matches(call)]:
            if fault.chance.random() >= fault.rate:
                continue
            fault.hits += 1
            met.append(fault)
            if fault.left is not None:
                fault.left -= 1
                if fault.left == 0:
                    del self._faults[fault.id]
        return met


def distort(fault: Fault, call: Call, answer: Any) -> Any:
    """The answer as the fault has it; kinds that are not about the content leave it alone."""
    if fault.kind == "empty_list":
        return _shorten(call, answer, lambda items: [])
    if fault.kind == "partial_list":
        return _shorten(call, answer, lambda items: _some(items, fault.chance))
    if fault.kind == "stale_positions" and call.type == "clearinghouseState":
        return copy.deepcopy(fault.frozen.get(call.user or "", answer))
    if fault.kind == "wrong_sign" and call.type == "clearinghouseState":
        return _negated(answer)
    if fault.kind == "skewed_clock":
        return _skewed(answer, round(fault.seconds * 1000))
    return answer


def _some(items: list[Any], chance: random.Random) -> list[Any]:
    """About half of the items, never all of them."""
    kept = [item for item in items if chance.random() < 0.5]
    return kept if len(kept) < len(items) else kept[1:]


def _shorten(call: Call, answer: Any, shorten: Callable[[list[Any]], list[Any]]) -> Any:
    if call.type == "metaAndAssetCtxs" and isinstance(answer, list):
        keep = shorten(list(range(len(answer[1]))))
        universe = [answer[0]["universe"][index] for index in keep]
        return [{**answer[0], "universe": universe}, [answer[1][index] for index in keep]]
    if isinstance(answer, list):
        return shorten(answer)
    if isinstance(answer, dict):
        lists = {"assetPositions", "universe", "balances"}
        return {key: shorten(value) if key in lists else value for key, value in answer.items()}
    return answer


def _negated(answer: Any) -> Any:
    answer = copy.deepcopy(answer)
    for item in answer["assetPositions"]:
        size = item["position"]["szi"]
        item["position"]["szi"] = size[1:] if size.startswith("-") else "-" + size
    return answer


def _skewed(answer: Any, by_ms: int) -> Any:
    if isinstance(answer, list):
        return [_skewed(item, by_ms) for item in answer]
    if isinstance(answer, dict):
        return {key: value + by_ms if key in _TIMES and isinstance(value, int) else _skewed(value, by_ms) for key, value in answer.items()}
    return answer
