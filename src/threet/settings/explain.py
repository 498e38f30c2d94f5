"""Turns pydantic's errors into lines that a person can act on."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from threet.settings.errors import problem

Location = tuple[int | str, ...]


def explain(file: object, model: type[BaseModel], error: ValidationError, *, show_values: bool = True) -> list[str]:
    """One line for each problem; for an unknown key with the nearest known one. Of secrets only the type is shown."""
    lines = (_line(file, model, details, show_values) for details in error.errors(include_url=False))
    return list(dict.fromkeys(lines))


def _line(file: object, model: type[BaseModel], details: ErrorDetails, show_values: bool) -> str:
    found = details["input"] if show_values else type(details["input"])
    return problem(file, dotted(details["loc"]), _text(model, details["loc"], details, found))


def _text(model: type[BaseModel], location: Location, details: ErrorDetails, found: object) -> str:
    kind = details["type"]
    if kind == "missing":
        return "expected a value, the key is missing"
    if kind == "extra_forbidden":
        return f"unknown key{_suggestion(str(location[-1]), keys_at(model, location[:-1]))}"
    if kind == "literal_error":
        return f"expected {details['ctx']['expected']}, was {_shown(found)}"
    if kind in ("model_type", "model_attributes_type", "dict_type", "mapping_type"):
        return f"expected a section with keys, was {_shown(found)}"
    if kind in ("tuple_type", "list_type"):
        return f"expected a list, was {_shown(found)}"
    return details["msg"]


def dotted(location: Iterable[int | str]) -> str:
    """``observers.nodes[1].url``; the mark of a mapping's own key is left out."""
    text = ""
    for part in location:
        if part == "[key]":
            continue
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def keys_at(model: type[BaseModel], location: Location) -> list[str]:
    """The keys that the schema knows at a place."""
    here: Any = model
    for part in location:
        here = _step(_plain(here), part)
    here = _plain(here)
    return [field.alias or name for name, field in here.model_fields.items()] if _is_model(here) else []


def _step(here: Any, part: int | str) -> Any:
    if _is_model(here):
        return next((field.annotation for name, field in here.model_fields.items() if part == (field.alias or name)), None)
    arguments = get_args(here)
    if get_origin(here) is tuple and arguments:
        return arguments[0]
    if isinstance(get_origin(here), type) and issubclass(get_origin(here), Mapping):
        return arguments[1]
    return None


def _plain(annotation: Any) -> Any:
    """Without Annotated and without ``| None``."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        return _plain(next(a for a in get_args(annotation) if a is not type(None)))
    return annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _suggestion(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else f"; known here: {', '.join(known)}" if known else ""


def _shown(found: object) -> str:
    if isinstance(found, type):
        return f"a value of type {found.__name__}"
    return "null" if found is None else repr(found)
