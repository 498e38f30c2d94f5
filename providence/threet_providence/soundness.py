"""What every run of this platform is, whatever a file says: checked before a run goes on, so that no wrong value reaches a sum."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from threet.engine.runs import ACTIVE, ENDED, RunImage, id_number

UNREADABLE = (ValueError, KeyError, TypeError, OverflowError, AttributeError, IndexError, RecursionError)
"""What reading bytes that are not what they should be can raise, besides the errors of the disk."""

_LAST_MOMENT = 253_402_300_799_999  # 9999-12-31 in ms: what a row of the database can show
_INT64 = 2**63 - 1  # what a column of the engine can hold


def strict_json(data: bytes) -> Any:
    """JSON without a key that stands twice, and without NaN or Infinity. Raises ValueError, RecursionError."""
    return json.loads(data, object_pairs_hook=_once_each, parse_constant=_no_constant)


def check(image: RunImage) -> None:
    """Raises ValueError naming the first thing that no run can be; its entries are looked at by ``check_entries``."""
    for is_so, expected, value in _claims(image):
        if not is_so:
            raise ValueError(f"expected {expected}, was {value!r}")


def _claims(image: RunImage) -> Iterator[tuple[bool, str, object]]:
    """What must be so, how it is said, and what was found."""
    spec = image.spec
    id_number(spec.id)
    yield 0 < spec.start_balance < math.inf, "start_balance above 0", spec.start_balance
    yield 0 < spec.leverage < math.inf, "leverage above 0", spec.leverage
    yield 0 < spec.max_loss_usd < math.inf, "max_loss_usd above 0", spec.max_loss_usd
    yield 0 < spec.target_usd < math.inf, "target_usd above 0", spec.target_usd
    yield math.isfinite(spec.fee_rate), "a finite fee_rate", spec.fee_rate
    yield math.isfinite(image.live_pnl), "a finite live_pnl", image.live_pnl
    yield math.isfinite(image.last_price), "a finite last_price", image.last_price
    yield all(map(math.isfinite, spec.parameters.values())), "finite parameters", spec.parameters
    yield all(map(math.isfinite, image.state.values())), "a finite strategy_state", image.state
    yield _is_moment(spec.started_ms), "started_ms between 1970 and 9999", spec.started_ms
    yield _is_moment(spec.ends_ms), "ends_ms between 1970 and 9999", spec.ends_ms
    yield image.ended_ms is None or _is_moment(image.ended_ms), "ended_ms between 1970 and 9999", image.ended_ms
    yield 0 <= spec.number <= _INT64, "a number of 64 bits", spec.number
    yield 0 <= spec.seed <= _INT64, "a seed of 64 bits", spec.seed
    yield 0 <= image.tick <= _INT64, "a journal_tick of 64 bits", image.tick
    yield image.direction in (-1, 0, 1), "position_direction -1, 0 or 1", image.direction
    yield bool(spec.strategy.strip()), "a strategy", spec.strategy
    yield bool(spec.symbol.strip()), "a symbol", spec.symbol
    yield image.status in (ACTIVE, ENDED), f"status {ACTIVE} or {ENDED}", image.status
    yield _is_text_or_none(image.exit_reason), "exit_reason as text", image.exit_reason
    yield _is_text_or_none(spec.parent), "parent as text", spec.parent


def check_entries(image: RunImage) -> None:
    """Raises ValueError naming the first entry that is not finite."""
    _, _, prices, sizes = image.entries.arrays(0, image.entry_count)
    for number, pair in enumerate(zip(prices, sizes, strict=True)):
        if not all(map(math.isfinite, pair)):
            raise ValueError(f"expected entry {number} finite, was {pair}")


def _is_moment(ms: object) -> bool:
    return isinstance(ms, int) and 0 <= ms <= _LAST_MOMENT


def _is_text_or_none(value: object) -> bool:
    return value is None or isinstance(value, str)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(f"expected each key once, found {', '.join(name for name, _ in pairs)}"[:200])
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"expected a number, found {name}")
