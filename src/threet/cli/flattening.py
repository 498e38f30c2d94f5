"""How far a flatten is: what is still held, and what keeps it from being closed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from threet.application.store import DecisionRecord
from threet.cli.status.picture import Picture
from threet.domain.values import Unknown


@dataclass(frozen=True, slots=True)
class Progress:
    done: bool
    line: str


def progress(picture: Picture, since: datetime, expiry_margin: timedelta) -> Progress:
    """Done once a cycle that began after ``since`` found every product flat by consensus, at a time by the venue's clock when the last of
    our orders had expired by ``expiry_margin``, and no order is without an end.

    What is in no product is named, and not waited for: the platform never trades it.
    """
    decision = picture.decision
    if isinstance(decision, Unknown):
        return Progress(False, decision.reason)
    if decision is None or decision.at <= since:
        return Progress(False, "waiting for the next cycle")
    if isinstance(picture.unresolved, Unknown):
        return Progress(False, picture.unresolved.reason)
    if picture.unresolved:
        return Progress(False, f"{len(picture.unresolved)} orders have no known end yet; they are looked up in every cycle")
    if isinstance(picture.last_orders, Unknown):
        return Progress(False, picture.last_orders.reason)
    return _held(picture, decision, max((order.expires_at + expiry_margin for order in picture.last_orders), default=None))


def _held(picture: Picture, decision: DecisionRecord, safe_after: datetime | None) -> Progress:
    products = {view.symbol for view in picture.symbols if view.is_product}
    if decision.status == "blocked":
        return Progress(False, f"the last cycle could send nothing: {decision.reason}")
    open_ones = {name: entry for name, entry in decision.targets.items() if name in products and not _is_flat(entry)}
    if open_ones:
        return Progress(False, "; ".join(f"{name} {entry['actual'] or 'unknown'}: {entry['result']}" for name, entry in open_ones.items()))
    seen_at = min((at for name, entry in decision.targets.items() if name in products for at in _times(entry)), default=None)
    if safe_after is not None and (seen_at is None or seen_at <= safe_after):
        left = "" if seen_at is None else f" by {(safe_after - seen_at).total_seconds():.1f} s"
        return Progress(
            False, f"all products are flat, but the last order may not have expired by the venue's clock{left} when it was looked"
        )
    others = [name for name, entry in decision.targets.items() if name not in products and not _is_flat(entry)]
    return Progress(True, "all products are flat" + (f"; not in products, so left alone: {', '.join(others)}" if others else ""))


def _is_flat(entry: dict[str, Any]) -> bool:
    """By consensus; dust that the venue refuses to close counts as flat."""
    return entry["actual"] is not None and (str(entry["result"]).startswith("dust") or Decimal(str(entry["actual"])) == 0)


def _times(entry: dict[str, Any]) -> list[datetime]:
    """When, by the venue's clock, each source saw what counted."""
    return [datetime.fromisoformat(view["as_of"]) for view in entry["sources"].values() if view["as_of"] is not None]
