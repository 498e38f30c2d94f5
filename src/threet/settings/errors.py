"""The one error of this package: all problems of a file at once, each with found, expected, file and key."""

from __future__ import annotations

from collections.abc import Sequence


class SettingsError(Exception):
    """A file that must not be used. ``problems`` holds one line each; the message is all of them."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def problem(file: object, key: str, text: str) -> str:
    """One line: what was expected and found, then where."""
    return f"{text} ({file}: {key})" if key else f"{text} ({file})"
