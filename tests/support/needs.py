"""What a test needs of the machine and does not find."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(told: str) -> NoReturn:
    """Skips the test with these words, which name the cure; fails it where CI is true."""
    if os.environ.get("CI") == "true":
        pytest.fail(told)
    pytest.skip(told)
