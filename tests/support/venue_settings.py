"""Settings for tests that talk to a simulator: the project's own config.yml with a few values changed, section by section."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support import settings as shared

from threet.settings import Settings, load_settings

PROJECT = shared.ROOT


def write_config(folder: Path, changes: dict[str, dict[str, Any]]) -> Path:
    """config.yml in ``folder``, which is made where it is missing, with ``changes`` of each section over the project's own values."""
    folder.mkdir(parents=True, exist_ok=True)
    return shared.write_config(folder, {f"{section}.{key}": value for section, keys in changes.items() for key, value in keys.items()})


def venue_settings(folder: Path, base_url: str, **exchange: Any) -> Settings:
    """Settings whose venue is at ``base_url``; keyword arguments change the section ``exchange``."""
    values = {"base_url": base_url, "requests_per_minute": 1_000_000, "request_timeout_seconds": 2, **exchange}
    return load_settings(write_config(folder, {"exchange": values}))
