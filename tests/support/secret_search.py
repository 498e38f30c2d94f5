"""Finds secrets where they may not be."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

NOT_SECRET = {"walletAddress", "apiKey", "user"}  # addresses and names, which stand on screens
WEB_USER = "desk"


def values_of(secrets: Mapping[str, Any]) -> Iterator[str]:
    """What may be found nowhere, of a tree like that of secrets.yml."""
    for name, value in secrets.items():
        if isinstance(value, Mapping):
            yield from values_of(value)
        elif name not in NOT_SECRET:
            yield str(value).removeprefix("0x")


def found_in(text: str, values: Iterable[str]) -> list[str]:
    """The first letters of each value that stands in the text, plain or as a browser sends a name and its password."""
    return [f"{value[:4]}..." for value in values if value.lower() in text.lower() or sent_by_browser(value) in text]


def sent_by_browser(password: str) -> str:
    return base64.b64encode(f"{WEB_USER}:{password}".encode()).decode()
