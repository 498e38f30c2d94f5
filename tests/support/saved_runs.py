"""What lies under saved_runs of a platform in containers, read without a line of Providence's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from threet.adapters.run_files import read_run_file
from threet.domain.values import Unknown


@dataclass(frozen=True, slots=True)
class SavedRun:
    """``entries``: trades and funding, in their order."""

    live_pnl: float
    entries: list[Any]


def active(saved_runs: Path) -> dict[str, SavedRun]:
    """By run id, of those that go on."""
    return dict(_read(saved_runs.glob("run_*.json")))


def all_of_them(saved_runs: Path) -> dict[str, SavedRun]:
    """Also those that have ended. In the order in which a file moves, so that none is missed."""
    found = active(saved_runs)
    found |= dict(_read((saved_runs / "ending").glob("run_*.json")))
    return found | dict(_read((saved_runs / "ended").glob("run_*.json.gz")))


def quarantined(saved_runs: Path) -> list[str]:
    """Runs alone: what a kill tore off a journal's or a tail's end lies there too, and costs nothing."""
    return sorted(path.name for path in (saved_runs / "quarantine").glob("run_*.json"))


def _read(paths: Iterator[Path]) -> Iterator[tuple[str, SavedRun]]:
    """With what stands in the tail behind a long file; by the reader of `3t run show`, which shares nothing with Providence's own."""
    for path in paths:
        run_id = path.name.removeprefix("run_").partition(".")[0]
        root = path.parent.parent if path.parent.name in ("ending", "ended") else path.parent
        found = read_run_file(root, run_id)
        if not isinstance(found, Unknown):  # else it has moved on meanwhile
            yield run_id, SavedRun(found.live_pnl, list(found.entries))
