"""Which reports the last decision could not count, and why: out of what each source said of each symbol."""

from __future__ import annotations

from dataclasses import dataclass

from threet.cli.status.picture import Picture
from threet.domain.values import Symbol


@dataclass(frozen=True, slots=True)
class RejectedView:
    """``symbols`` is None where the report counted for none at all."""

    source: str
    reason: str
    symbols: tuple[Symbol, ...] | None


def rejected_reports(picture: Picture) -> list[RejectedView]:
    """Every one, also of a source that was only asked too soon after a fill."""
    decided = {view.symbol: view.decided for view in picture.symbols if view.decided}
    found: dict[tuple[str, str], list[Symbol]] = {}
    told: dict[str, int] = {}
    for name, entry in decided.items():
        for source, said in entry["sources"].items():
            told[source] = told.get(source, 0) + 1
            if said["contracts"] is None:
                found.setdefault((source, said["reason"]), []).append(name)
    return [
        RejectedView(source, reason, None if len(names) == told[source] else tuple(names))
        for (source, reason), names in sorted(found.items())
    ]
