"""Reading the venue's JSON: a field is there in its form, or the answer is no answer. There are no defaults."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from threet.domain.errors import VenueSilent

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_ms(at: datetime) -> int:
    """Milliseconds since 1970, rounded down."""
    return (at - _EPOCH) // _MILLISECOND


def from_ms(ms: int) -> datetime:
    """The UTC time of ``ms`` milliseconds since 1970, exactly."""
    return _EPOCH + ms * _MILLISECOND


def garbled(what: str, expected: str, found: object) -> VenueSilent:
    """The error for an answer that does not say what it should."""
    return VenueSilent(f"{what}: expected {expected}, found {str(found)[:120]!r}")


def field(record: Any, key: str | int, what: str) -> Any:
    """``record[key]``; raises VenueSilent where it is missing or null."""
    try:
        value = record[key]
    except (KeyError, IndexError, TypeError):
        raise garbled(f"{what}.{key}", "a value", record) from None
    if value is None:
        raise garbled(f"{what}.{key}", "a value", None)
    return value


def decimal_field(record: Any, key: str | int, what: str) -> Decimal:
    """A finite number that came as a string or an integer; a JSON float has lost digits already and is refused."""
    value = field(record, key, what)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise garbled(f"{what}.{key}", "a decimal string", value)
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise garbled(f"{what}.{key}", "a decimal string", value) from None
    if not number.is_finite():
        raise garbled(f"{what}.{key}", "a finite number", value)
    return number


def int_field(record: Any, key: str | int, what: str) -> int:
    number = decimal_field(record, key, what)
    if number != number.to_integral_value():
        raise garbled(f"{what}.{key}", "an integer", number)
    return int(number)


def time_field(record: Any, key: str | int, what: str) -> datetime:
    """Milliseconds since 1970, between 2004 (no clock of a venue is older) and 2100."""
    ms = int_field(record, key, what)
    if not 1_072_915_200_000 <= ms <= 4_102_444_800_000:
        raise garbled(f"{what}.{key}", "milliseconds since 1970", ms)
    return from_ms(ms)


def text_field(record: Any, key: str | int, what: str) -> str:
    value = field(record, key, what)
    if not isinstance(value, str) or not value:
        raise garbled(f"{what}.{key}", "a text", value)
    return value


def id_field(record: Any, key: str | int, what: str) -> str:
    """A number or text that names something, as text."""
    value = field(record, key, what)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise garbled(f"{what}.{key}", "an id", value)
    return str(value)


def list_field(record: Any, key: str | int, what: str) -> list[Any]:
    return as_list(field(record, key, what), f"{what}.{key}")


def as_list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise garbled(what, "a list", value)
    return value
