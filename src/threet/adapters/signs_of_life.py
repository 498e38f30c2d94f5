"""Signs of life: a file for each kind of useful work, written when it was done, that holds how many seconds it may stay the last one.

A health check compares that with the file's age, so that a check's limit is the one of config.yml and stands nowhere else.
A look at a file costs nothing, whereas a Python process that asks would cost more than the work of an idle service.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Mapping
from pathlib import Path

log = logging.getLogger(__name__)

VARIABLE = "THREET_ALIVE_FOLDER"


class SignsOfLife:
    """Writes ``FOLDER/NAME``; without a folder it does nothing. A passenger: a folder that refuses costs one log line."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._complained = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> SignsOfLife:
        """The folder that ``THREET_ALIVE_FOLDER`` names; the container's definition sets it."""
        given = (os.environ if environment is None else environment).get(VARIABLE)
        return cls(Path(given) if given else None)

    def show(self, work: str, limit_seconds: float) -> None:
        """``work`` was done just now; older than ``limit_seconds`` and a health check fails."""
        if self._folder is None:
            return
        unfinished = self._folder / f".{work}"
        try:
            unfinished.write_text(f"{math.ceil(limit_seconds)}\n", encoding="ascii")
            unfinished.replace(self._folder / work)
        except OSError as error:
            if not self._complained:
                log.warning("sign of life %s could not be written: %s", work, error)
            self._complained = True
