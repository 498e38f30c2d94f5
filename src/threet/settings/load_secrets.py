"""Loads the secrets from secrets.yml, or from a folder with one file for each (``/run/secrets/database.password``)."""

from __future__ import annotations

import copy
import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from threet.settings.errors import SettingsError, problem
from threet.settings.examples import is_example
from threet.settings.explain import explain
from threet.settings.schema import Settings
from threet.settings.secrets import Secrets, named
from threet.settings.yaml_file import read_mapping

SECRETS_FOLDER = Path("/run/secrets")
_CURE = "copy secrets.example.yml to secrets.yml, fill it in, chmod 600 secrets.yml; or name the file with --secrets or THREET_SECRETS"


def default_secrets_path(config_path: Path, environment: Mapping[str, str] | None = None) -> Path:
    """``THREET_SECRETS``, else ``secrets.yml`` beside config.yml, else the folder of the container's secrets where it exists."""
    given = (os.environ if environment is None else environment).get("THREET_SECRETS")
    if given:
        return Path(given)
    beside = config_path.absolute().parent / "secrets.yml"
    return SECRETS_FOLDER if not beside.exists() and SECRETS_FOLDER.is_dir() else beside


def load_secrets(path: Path, settings: Settings) -> Secrets:
    """The checked secrets. Raises SettingsError with every problem at once; no message holds a value."""
    secrets, problems = examine_secrets(path, settings.exchange.mode)
    if problems or secrets is None:
        raise SettingsError(problems)
    return secrets


def examine_secrets(path: Path, mode: str) -> tuple[Secrets | None, list[str]]:
    """What can be used of a file, or None where it cannot be read at all, and everything that is wrong with it."""
    if path.is_dir() and (path / "secrets.yml").exists():
        path = path / "secrets.yml"
    try:
        raw = _read_folder(path) if path.is_dir() else read_mapping(path, _CURE)
        secrets, problems = _validated(path, raw)
    except SettingsError as error:
        return None, list(error.problems)
    problems += _wrong_forms(path, secrets)
    if mode != "simulator":
        problems += [*_open_permissions(path), *_examples(path, secrets, mode)]
    return secrets, problems


def _validated(path: Path, raw: dict[str, Any]) -> tuple[Secrets, list[str]]:
    """A slip in one key does not hide what is wrong with the others: they are looked at without it."""
    try:
        return named(Secrets.model_validate(raw), path), []
    except ValidationError as error:
        problems = explain(path, Secrets, error, show_values=False)
        rest = copy.deepcopy(raw)
        for details in error.errors(include_url=False):
            _take_out(rest, details["loc"])
    try:
        return named(Secrets.model_validate(rest), path), problems
    except ValidationError:
        raise SettingsError(problems) from None


def _take_out(raw: Any, location: tuple[int | str, ...]) -> None:
    """Removes what stands there: the innermost key of ``location`` that the mapping has."""
    first, *others = location
    if not isinstance(raw, dict) or first not in raw:
        return
    inner = raw[first]
    if others and isinstance(inner, dict) and others[0] in inner:
        _take_out(inner, tuple(others))
    else:
        del raw[first]


def _read_folder(folder: Path) -> dict[str, Any]:
    raw: dict[str, Any] = {}
    for file in sorted(f for f in folder.iterdir() if f.is_file() and not f.name.startswith(".")):
        *path, last = file.name.split(".")
        text = file.read_text(encoding="utf-8").strip()
        place = raw
        for part in path:
            place = place.setdefault(part, {})
        place[last] = text.split() if file.name == "set_names" else text
    return raw


def _open_permissions(path: Path) -> list[str]:
    if path.is_dir():  # the container runtime made it, and sets its own modes
        return []
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return [f"expected permissions 0600, were {mode:04o}; do: chmod 600 {path} ({path})"]
    return []


def _examples(path: Path, secrets: Secrets, mode: str) -> list[str]:
    return [
        problem(path, name, f"expected a value of your own in mode {mode}, was the one of secrets.example.yml")
        for name, value in secrets.values().items()
        if is_example(name, value.get_secret_value())
    ]


_KEYS_BELOW = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""The order of the curve secp256k1 (SEC 2, 2.4.1): its private keys are the numbers from 1 to below it."""


def _is_private_key(text: str) -> bool:
    return bool(re.fullmatch(r"0x[0-9a-fA-F]{64}", text)) and 0 < int(text, 16) < _KEYS_BELOW


_FORMS: tuple[tuple[str, str, Callable[[str], object]], ...] = (
    (r"exchange\.walletAddress", "an address: 0x and 40 hex digits", re.compile(r"0x[0-9a-fA-F]{40}").fullmatch),
    (r"exchange\.privateKey", "a private key: 0x and 64 hex digits", _is_private_key),
    (r"observers\.\w+\.private_key", "an Ed25519 seed: 64 hex digits", re.compile(r"[0-9a-fA-F]{64}").fullmatch),
)


def has_its_form(name: str, text: str) -> bool:
    """Whether the value of the secret ``name`` looks like one."""
    return _expected_form(name, text) is None


def _expected_form(name: str, text: str) -> str | None:
    """None where it has it."""
    return next((expected for pattern, expected, fits in _FORMS if re.fullmatch(pattern, name) and not fits(text)), None)


def _wrong_forms(path: Path, secrets: Secrets) -> list[str]:
    texts = {name: value.get_secret_value() for name, value in secrets.values().items()}
    return [
        problem(path, name, f"expected {expected}, was a text of {len(text)} characters")
        for name, text in texts.items()
        if (expected := _expected_form(name, text))
    ]
