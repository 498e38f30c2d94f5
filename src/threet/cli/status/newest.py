"""config.yml as it is on the host now, which may be newer than the one that the services were handed."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from threet.domain.values import Unknown
from threet.settings import SettingsError, load_settings

STANDARD_INPUT = Path("-")


def newest_config_hash(file: Path) -> str | Unknown:
    """Its hash, or why it has none. ``-`` is standard input."""
    if file != STANDARD_INPUT:
        return _hash_of(file, str(file))
    # By way of a file: as another user's pipe, /dev/stdin may not be opened.
    with tempfile.NamedTemporaryFile(suffix=".yml") as copied:
        copied.write(sys.stdin.buffer.read())
        copied.flush()
        return _hash_of(Path(copied.name), "config.yml")


def _hash_of(file: Path, name: str) -> str | Unknown:
    try:
        return load_settings(file).config_hash
    except SettingsError as error:
        return Unknown("; ".join(error.problems).replace(str(file), name))
