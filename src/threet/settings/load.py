"""Loads config.yml: the file, the schema, the contradictions, the hash."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from threet.settings.contradictions import contradictions
from threet.settings.errors import SettingsError, problem
from threet.settings.explain import explain
from threet.settings.schema import Settings
from threet.settings.yaml_file import read_mapping

CONTRACT_VERSION = 2
"""Raised when a contract between the parts changes; services with different ones do not trade together."""


def build_id() -> str:
    """Which build this is; only shown, never compared."""
    return os.environ.get("THREET_BUILD_ID") or "dev"


def default_config_path(environment: Mapping[str, str] | None = None) -> Path:
    """``THREET_CONFIG``, else ``config.yml`` in the working folder."""
    return Path((os.environ if environment is None else environment).get("THREET_CONFIG") or "config.yml")


def load_settings(config_path: Path) -> Settings:
    """The checked settings. Raises SettingsError with every problem at once."""
    raw = read_mapping(config_path, "copy config.yml from the project, or name the file with --config or THREET_CONFIG")
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        raise SettingsError([*explain(config_path, Settings, error), *_contradictions(config_path, *_sound(raw))]) from None
    if found := _contradictions(config_path, settings, Settings.model_fields):
        raise SettingsError(found)
    settings._folder = config_path.absolute().parent
    settings._config_hash = _hash(settings)
    return settings


def _sound(raw: Mapping[str, Any]) -> tuple[Settings, Collection[str]]:
    """The sections that are good by themselves, so that a slip in one does not hide what is wrong between the others."""
    sections: dict[str, Any] = {}
    for name, field in Settings.model_fields.items():
        with suppress(ValidationError, KeyError):
            sections[name] = TypeAdapter(field.annotation or Any).validate_python(raw[name])
    return Settings.model_construct(**sections), sections


def _contradictions(config_path: Path, settings: Settings, sound: Collection[str]) -> list[str]:
    return [problem(config_path, key, text) for key, text in contradictions(settings, sound)]


def _hash(settings: Settings) -> str:
    canonical = json.dumps(settings.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
