"""Reads one YAML file strictly: a key that stands twice is an error, since YAML would silently keep the last."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from threet.settings.errors import SettingsError, problem

# libyaml's parser where PyYAML was built with it: 1 ms instead of 20 for config.yml, which every `3t` command reads.
_Loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


class _StrictLoader(_Loader):  # type: ignore[valid-type,misc]  # one of the two, by how PyYAML was built
    """A safe loader that refuses a repeated key."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key!r} stands here twice", problem_mark=key_node.start_mark)
            seen.add(key)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return mapping


def read_mapping(path: Path, cure: str) -> dict[str, Any]:
    """The file's top-level mapping. Raises SettingsError naming file and line; ``cure`` is what to do where the file is missing."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError([f"{path} is missing: {cure}"]) from None
    except OSError as error:
        raise SettingsError([f"{path} cannot be read: {error.strerror}; check that it is a file that this user may read"]) from None
    except UnicodeDecodeError as error:
        raise SettingsError([f"{path} is not UTF-8 text (byte {error.start})"]) from None
    try:
        parsed = yaml.load(text, Loader=_StrictLoader)  # a SafeLoader, made stricter
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise SettingsError([f"{path}{line}: not valid YAML: {error.problem or error.context}"]) from None
    except yaml.YAMLError as error:
        raise SettingsError([f"{path}: not valid YAML: {error}"]) from None
    if not isinstance(parsed, dict):
        found = "an empty file" if parsed is None else f"a {type(parsed).__name__}"
        raise SettingsError([problem(path, "", f"expected sections with keys, was {found}: {cure}")])
    return parsed
