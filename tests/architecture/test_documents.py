"""A document's links lead somewhere, and every decision is in the index."""

from __future__ import annotations

import re
from pathlib import Path

from tests.architecture.tree import ROOT, project_files

_LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")


def dead_links(text: str, folder: Path) -> list[str]:
    return [target for target in _LINK.findall(text) if not (folder / target).exists()]


def test_links_lead_somewhere() -> None:
    dead = [
        f"{source.path}: {target}"
        for source in project_files()
        if source.path.endswith(".md")
        for target in dead_links(source.text, (ROOT / source.path).parent)
    ]
    assert not dead, "\n".join(dead)


def test_a_dead_link_is_seen(tmp_path: Path) -> None:
    (tmp_path / "there.md").touch()
    text = "[a](there.md) [b](there.md#part) [c](https://example.org/x) [d](gone.md) [e](#here)"
    assert dead_links(text, tmp_path) == ["gone.md"]


def test_every_decision_is_in_the_index() -> None:
    index = (ROOT / "docs/decisions/README.md").read_text(encoding="utf-8")
    decisions = sorted(path.name for path in (ROOT / "docs/decisions").glob("[0-9]*.md"))
    assert [name for name in decisions if f"]({name})" not in index] == []
