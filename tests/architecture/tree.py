"""The project's files, as the checkers of this folder see them; in a test with a planted offender, a folder that stands for the project."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE_FOLDERS = ("src", "celery-workers", "providence", "scripts", "benchmarks", "tests")


@dataclass(frozen=True)
class Source:
    """One text file: its path from the root, with slashes, and its text."""

    path: str
    text: str

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=self.path)

    def is_under(self, *folders: str) -> bool:
        return any(self.path == folder or self.path.startswith(f"{folder}/") for folder in folders)


def project_files(root: Path = ROOT) -> Iterator[Source]:
    """Every text file that git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=root, capture_output=True, text=True, check=True
    )
    for name in sorted(set(listed.stdout.split("\0")) - {""}):
        path = root / name
        if path.is_file():  # a deleted file is still listed until its removal is committed
            yield from _read(path, name)


def _read(path: Path, name: str) -> Iterator[Source]:
    try:
        yield Source(name, path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        return  # not a text


def python_files(root: Path = ROOT) -> list[Source]:
    return [source for source in project_files(root) if source.path.endswith(".py") and source.is_under(*CODE_FOLDERS)]
