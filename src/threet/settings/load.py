"""Loads config.yml: the file, the schema, the contradictions, the hash."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from threet.settings.contradictions import contradictions
from threet.settings.errors import SettingsError, problem
from threet.settings.examples import EXAMPLE_PUBLIC_KEYS
from threet.settings.explain import explain
from threet.settings.schema import Settings
from threet.settings.yaml_file import read_mapping

CONTRACT_VERSION = 1
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
        raise SettingsError(explain(config_path, Settings, error)) from None
    findings = [*contradictions(settings), *_example_keys(settings)]
    if findings:
        raise SettingsError([problem(config_path, key, text) for key, text in findings])
    settings._folder = config_path.absolute().parent
    settings._config_hash = _hash(settings)
    return settings


def _example_keys(settings: Settings) -> list[tuple[str, str]]:
    """The public keys of secrets.example.yml belong to private keys that everybody can read."""
    if settings.exchange.mode == "simulator":
        return []
    return [
        (f"observers.nodes[{index}].public_key", f"expected a key of your own in mode {settings.exchange.mode}, was the example's")
        for index, node in enumerate(settings.observers.nodes)
        if node.public_key in EXAMPLE_PUBLIC_KEYS
    ]


def _hash(settings: Settings) -> str:
    canonical = json.dumps(settings.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
