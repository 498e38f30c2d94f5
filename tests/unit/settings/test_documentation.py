"""docs/configuration.md names every key of config.yml, each secret, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from tests.support.settings import ROOT

from threet.settings import Settings

PAGE = ROOT / "docs" / "configuration.md"


def documented(page: str) -> dict[str, list[str]]:
    """Section to the keys in the first column of its table."""
    found: dict[str, list[str]] = {}
    for section in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        title, _, body = section.partition("\n")
        rows = re.findall(r"^\| (`[^|]*) \|", body, flags=re.MULTILINE)
        found[title.strip()] = [key for row in rows for key in re.findall(r"`([^`]+)`", row)]
    return found


def schema_keys() -> dict[str, list[str]]:
    sections = {name: list(getattr(field.annotation, "model_fields", {})) for name, field in Settings.model_fields.items()}
    return {**sections, "symbols": ["NAME"]}


def secret_names() -> list[str]:
    example = yaml.safe_load((ROOT / "secrets.example.yml").read_text())
    plain = [f"{section}.{key}" for section, keys in example.items() if section != "observers" for key in keys]
    return [*plain, "observers.NAME.private_key"]


def test_the_page_has_every_key_in_the_order_of_the_file() -> None:
    found = documented(PAGE.read_text())
    secrets = found.pop("secrets.yml")
    assert found == schema_keys()
    assert sorted(secrets) == sorted(secret_names())


def test_the_file_has_the_sections_in_the_schemas_order() -> None:
    raw = yaml.safe_load((ROOT / "config.yml").read_text())
    assert list(raw) == list(Settings.model_fields)


def test_every_row_says_something() -> None:
    rows = re.findall(r"^\| `[^|]*\| ([^|]*) \|", PAGE.read_text(), flags=re.MULTILINE)
    assert len(rows) > 100
    assert all(len(meaning) > 8 for meaning in rows)


@pytest.mark.parametrize("planted", ["| `lease_seconds` |", "| `quorum` |"])
def test_a_key_that_is_not_on_the_page_would_be_seen(planted: str) -> None:
    page = Path(PAGE).read_text()
    assert planted in page
    found = documented(page.replace(planted, "| |"))
    found.pop("secrets.yml")
    assert found != schema_keys()
