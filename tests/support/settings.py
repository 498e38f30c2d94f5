"""The project's own config.yml with a few values changed, for tests."""

from __future__ import annotations

import copy
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from threet.settings import Secrets, Settings, load_secrets, load_settings

ROOT = Path(__file__).resolve().parents[2]
REMOVED = object()
"""As a value of ``changed``: takes the key away."""


@cache
def _parsed() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.load((ROOT / "config.yml").read_text(), Loader=yaml.CSafeLoader)
    return _on_one_machine(parsed)


def _on_one_machine(config: dict[str, Any]) -> dict[str, Any]:
    """Addresses and folders of a test on one machine; the project's own are those of its containers."""
    for section in (config["exchange"], config["database"], config["redis"], *config["observers"]["nodes"]):
        key = "base_url" if "base_url" in section else "url"
        section[key] = re.sub(r"(://(?:\w+@)?)\w+:", r"\g<1>127.0.0.1:", section[key])
    config["state"]["folder"] = "state"
    config["providence"]["saved_runs"] = "saved_runs"
    config["providence"]["strategies_folder"] = "strategies"
    config["telemetry"] |= {"otlp_endpoint": None, "metrics_address": "127.0.0.1", "metrics_port": None}
    return config


def raw_config() -> dict[str, Any]:
    """config.yml on one machine, parsed."""
    return copy.deepcopy(_parsed())


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    """config.yml with the values of these dotted keys; ``observers.nodes.1.url`` reaches into a list."""
    config = raw_config()
    for key, value in changes.items():
        *path, last = [int(part) if part.isdigit() else part for part in key.split(".")]
        place: Any = config
        for part in path:
            place = place[part]
        if value is REMOVED:
            del place[last]
        else:
            place[last] = value
    return config


def write_config(folder: Path, changes: dict[str, Any]) -> Path:
    path = folder / "config.yml"
    path.write_text(yaml.dump(changed(changes), Dumper=yaml.CSafeDumper, sort_keys=False))
    return path


def settings_with(folder: Path, changes: dict[str, Any]) -> Settings:
    return load_settings(write_config(folder, changes))


def example_secrets(settings: Settings) -> Secrets:
    return load_secrets(ROOT / "secrets.example.yml", settings)
