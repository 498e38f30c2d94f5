"""What every run of this platform is, whatever a file says: checked before a run goes on, so that no wrong value reaches a sum."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

from threet.engine.runs import ACTIVE, ENDED, RunImage, RunSpec, id_number, is_canonical

UNREADABLE = (ValueError, KeyError, TypeError, OverflowError, AttributeError, IndexError, RecursionError)
"""What reading bytes that are not what they should be can raise, besides the errors of the disk."""

_LAST_MOMENT = 253_402_300_799_999  # 9999-12-31 in ms: what a row of the database can show
_INT64 = 2**63 - 1  # what a column of the engine can hold


def strict_json(data: bytes) -> Any:
    """JSON without a key that stands twice, and without NaN or Infinity. Raises ValueError, RecursionError."""
    return json.loads(data, object_pairs_hook=_once_each, parse_constant=_no_constant)


def check(image: RunImage) -> None:
    """Raises ValueError naming the first thing that no run can be; its entries are looked at by ``check_entries``."""
    id_number(image.spec.id)
    for claim in _CLAIMS:
        values = claim.of(image)
        if not claim.holds(values):
            name, wrong = next(pair for pair in zip(claim.names, values, strict=True) if not claim.holds(pair[1:]))
            raise ValueError(f"expected {claim.expected.format(_KEYS.get(name, name))}, was {wrong!r}")


def are_sound(told: Mapping[str, Column]) -> bool:
    """Whether ``check`` would object to none of these images, told ``by_fields``: False, or one of ``UNREADABLE``, where it might."""
    return all(map(is_canonical, told["id"])) and all(claim.holds(told[name]) for claim in _CLAIMS for name in claim.names)


def check_entries(image: RunImage) -> None:
    """Raises ValueError naming the first entry that is not finite."""
    _, _, prices, sizes = image.entries.arrays(0, image.entry_count)
    for number, pair in enumerate(zip(prices, sizes, strict=True)):
        if not all(map(math.isfinite, pair)):
            raise ValueError(f"expected entry {number} finite, was {pair}")


def _above_0(values: Column) -> bool:
    return _finite(values) and min(values) > 0


def _finite(values: Column) -> bool:
    return all(map(math.isfinite, values))


def _finite_each(many: Column) -> bool:
    return _finite(tuple(chain.from_iterable(one.values() for one in many)))


def _moments(values: Column) -> bool:
    return all(isinstance(value, int) for value in values) and min(values) >= 0 and max(values) <= _LAST_MOMENT


def _moments_or_none(values: Column) -> bool:
    told = [value for value in values if value is not None]
    return not told or _moments(told)


def _of_64_bits(values: Column) -> bool:
    return bool(min(values) >= 0 and max(values) <= _INT64)


def _filled(values: Column) -> bool:
    return all(map(str.strip, values))


def _texts_or_none(values: Column) -> bool:
    return {str, type(None)}.issuperset(map(type, values))


Column = Sequence[Any]
"""The values of one or more keys, of one run or of many: what must be so holds for all where it holds for each."""


class _Claim:
    """What must be so of these fields of an image or of its spec, and how it is said of one."""

    def __init__(self, holds: Callable[[Column], bool], expected: str, *names: str) -> None:
        self.holds, self.expected, self.names = holds, expected, names
        values = attrgetter(*(f"spec.{name}" if name in RunSpec._fields else name for name in names))
        self.of: Callable[[RunImage], Column] = values if len(names) > 1 else lambda image: (values(image),)


_KEYS = {"tick": "journal_tick", "direction": "position_direction", "state": "strategy_state"}
"""Of the file, where they are not the fields' names."""
_CLAIMS = (
    _Claim(_above_0, "{} above 0", "start_balance", "leverage", "max_loss_usd", "target_usd"),
    _Claim(_finite, "a finite {}", "fee_rate", "live_pnl", "last_price"),
    _Claim(_finite_each, "finite {}", "parameters", "state"),
    _Claim(_moments, "{} between 1970 and 9999", "started_ms", "ends_ms"),
    _Claim(_moments_or_none, "{} between 1970 and 9999", "ended_ms"),
    _Claim(_of_64_bits, "a {} of 64 bits", "number", "seed", "tick"),
    _Claim(frozenset((-1, 0, 1)).issuperset, "{} -1, 0 or 1", "direction"),
    _Claim(_filled, "a {}", "strategy", "symbol"),
    _Claim(frozenset((ACTIVE, ENDED)).issuperset, f"{{}} {ACTIVE} or {ENDED}", "status"),
    _Claim(_texts_or_none, "{} as text", "exit_reason", "parent"),
)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(f"expected each key once, found {', '.join(name for name, _ in pairs)}"[:200])
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"expected a number, found {name}")
