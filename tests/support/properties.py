"""How long Hypothesis looks at one property: the profile says it, a property may ask for more or less than others."""

from __future__ import annotations

from hypothesis import settings


def examples(times: float) -> int:
    """For ``settings(max_examples=...)``: so many times the profile's own number."""
    return round(times * settings().max_examples)
