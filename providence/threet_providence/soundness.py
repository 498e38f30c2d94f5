"""What every run of this platform is, whatever a file says: checked before a run goes on, so that no wrong value reaches a sum."""

from __future__ import annotations

import json
import math
import uuid
from typing import Any

from threet.engine.runs import ACTIVE, ENDED, RunImage

UNREADABLE = (ValueError, KeyError, TypeError, OverflowError, AttributeError, IndexError, RecursionError)
"""What reading bytes that are not what they should be can raise, besides the errors of the disk."""

_LAST_MOMENT = 253_402_300_799_999  # 9999-12-31 in ms: what a row of the database can show


def strict_json(data: bytes) -> Any:
    """JSON without a key that stands twice, and without NaN or Infinity. Raises ValueError, RecursionError."""
    return json.loads(data, object_pairs_hook=_once_each, parse_constant=_no_constant)


def check(image: RunImage) -> None:
    """Raises ValueError naming the first thing that no run can be."""
    spec = image.spec
    uuid.UUID(spec.id)
    amounts = {
        "start_balance": spec.start_balance,
        "leverage": spec.leverage,
        "max_loss_usd": spec.max_loss_usd,
        "target_usd": spec.target_usd,
    }
    wrong = [f"{name} above 0, was {value!r}" for name, value in amounts.items() if not 0 < value < math.inf]
    named = {"fee_rate": spec.fee_rate, "live_pnl": image.live_pnl, "last_price": image.last_price, **spec.parameters, **image.state}
    wrong += [f"a finite {name}, was {value!r}" for name, value in named.items() if not math.isfinite(value)]
    times = {"started_ms": spec.started_ms, "ends_ms": spec.ends_ms, "ended_ms": image.ended_ms or 0}
    wrong += [f"{name} between 1970 and 9999, was {value!r}" for name, value in times.items() if not _is_moment(value)]
    texts = {"strategy": spec.strategy, "symbol": spec.symbol}
    wrong += [f"a {name}, was {value!r}" for name, value in texts.items() if not value.strip()]
    if image.status not in (ACTIVE, ENDED):
        wrong.append(f"status {ACTIVE} or {ENDED}, was {image.status!r}")
    reason: object = image.exit_reason
    if not isinstance(reason, str | None):
        wrong.append(f"exit_reason as text, was {reason!r}")
    _, _, prices, sizes = image.entries.arrays(0, image.entry_count)
    if not (all(map(math.isfinite, prices)) and all(map(math.isfinite, sizes))):
        numbers = enumerate(zip(prices, sizes, strict=True))
        wrong += [f"entry {number} finite, was {pair}" for number, pair in numbers if not all(map(math.isfinite, pair))]
    if wrong:
        raise ValueError(f"expected {wrong[0]}")


def _is_moment(ms: object) -> bool:
    return isinstance(ms, int) and 0 <= ms <= _LAST_MOMENT


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(f"expected each key once, found {', '.join(name for name, _ in pairs)}"[:200])
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"expected a number, found {name}")
