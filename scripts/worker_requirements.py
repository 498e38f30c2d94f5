"""Takes the workers' part out of requirements.lock: what the project needs at run time, without the extras, with every hash.

The lock says of each package who asked for it ("# via ..."), so that its text alone answers; nothing is resolved or looked up.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = "celery-workers/requirements.txt"
_NAME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)")
_ASKED_BY = re.compile(r"^    #(?: via)? +(\S+)")


@dataclass(frozen=True, slots=True)
class Entry:
    """One package of the lock: its lines (version, marker, hashes) and the names of those that asked for it."""

    name: str
    lines: tuple[str, ...]
    asked_by: frozenset[str]


def canonical(name: str) -> str:
    """The one spelling of a package's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirement_name(requirement: str) -> str:
    """``celery[redis]>=5.7`` → ``celery``. Raises ValueError where the text does not begin with a name."""
    match = _NAME.match(requirement)
    if match is None:
        raise ValueError(f"expected a requirement that begins with a name, was {requirement!r}")
    return canonical(match.group(1))


def read_entries(lock: str) -> list[Entry]:
    """The packages of a lock in its order; one name may stand there twice, with different markers."""
    entries: list[Entry] = []
    block: list[str] = []
    for line in [*lock.splitlines(), "end"]:
        if line and not line.startswith((" ", "#")):
            if any(not text.lstrip().startswith("#") for text in block):
                entries.append(_entry(block))
            block = []
        block.append(line)
    return entries


def _entry(block: list[str]) -> Entry:
    asked_by = {canonical(match.group(1)) for line in block if (match := _ASKED_BY.match(line))}
    lines = tuple(line for line in block if not line.lstrip().startswith("#"))
    return Entry(requirement_name(lines[0]), lines, frozenset(asked_by))


def closure(roots: set[str], entries: list[Entry]) -> set[str]:
    """``roots`` and everything that they ask for, at any depth. Raises ValueError where the lock lacks a root."""
    missing = roots - {entry.name for entry in entries}
    if missing:
        raise ValueError(f"requirements.lock: expected {sorted(missing)}, which pyproject.toml asks for; cure: make lock")
    needed: set[str] = set()
    found = set(roots)
    while found:
        needed |= found
        found = {entry.name for entry in entries if entry.asked_by & needed} - needed
    return needed


def worker_requirements(lock: str, project: Mapping[str, list[str]]) -> str:
    """The text of celery-workers/requirements.txt. ``project`` is the ``[project]`` table of pyproject.toml."""
    entries = read_entries(lock)
    needed = closure({requirement_name(text) for text in project["dependencies"]}, entries)
    return "".join(f"{line}\n" for entry in entries if entry.name in needed for line in entry.lines)


def expected(root: Path = ROOT) -> str:
    """What the file has to hold, by the lock and the pyproject.toml of ``root``."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return worker_requirements((root / "requirements.lock").read_text(encoding="utf-8"), project)


if __name__ == "__main__":
    (ROOT / TARGET).write_text(expected(), encoding="utf-8")
