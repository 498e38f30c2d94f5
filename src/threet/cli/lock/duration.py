"""A time as a person writes it: ``90s``, ``30m``, ``1h``, ``2d``."""

from __future__ import annotations

import re

_FORM = re.compile(r"^([1-9][0-9]{0,5})(s|m|h|d)$")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds_of(text: str) -> int:
    """Raises ValueError with what was expected."""
    found = _FORM.match(text.strip().lower())
    if found is None:
        raise ValueError(f"expected a time such as 90s, 30m, 1h or 2d, was {text!r}")
    return int(found.group(1)) * _SECONDS[found.group(2)]
