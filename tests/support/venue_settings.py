"""Settings for tests that talk to a simulator: the project's own config.yml with a few values changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from threet.settings import Settings, load_settings

PROJECT = Path(__file__).resolve().parents[2]


def write_config(folder: Path, changes: dict[str, dict[str, Any]]) -> Path:
    """config.yml in ``folder``, section by section with ``changes`` over the project's own values."""
    values = yaml.safe_load((PROJECT / "config.yml").read_text())
    for section, keys in changes.items():
        values[section] = {**values[section], **keys}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return path


def venue_settings(folder: Path, base_url: str, **exchange: Any) -> Settings:
    """Settings whose venue is at ``base_url``; keyword arguments change the section ``exchange``."""
    values = {"base_url": base_url, "requests_per_minute": 60_000, "request_timeout_seconds": 2, **exchange}
    return load_settings(write_config(folder, {"exchange": values}))
