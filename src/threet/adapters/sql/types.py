"""Column types that keep money exact and times unambiguous on both databases."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Double, Integer, Numeric, String, Text
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeDecorator, TypeEngine

_DIGITS = 38
_DECIMALS = 18
_STEP = Decimal(1).scaleb(-_DECIMALS)
_EXACT = Context(prec=_DIGITS + _DECIMALS, rounding=ROUND_HALF_EVEN)


class Money(TypeDecorator[Decimal]):
    """A Decimal, DECIMAL(38, 18) on MariaDB and text on SQLite; the 19th decimal is rounded half-even on both.

    Takes no float, no int, no NaN: raises TypeError or ValueError. No arithmetic nor ordering on it in SQL.
    """

    impl = Numeric(_DIGITS, _DECIMALS)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(String(64)) if dialect.name == "sqlite" else dialect.type_descriptor(Numeric(_DIGITS, _DECIMALS))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if not isinstance(value, Decimal):
            raise TypeError(f"expected money as Decimal, was {type(value).__name__} {value!r}")
        exact = plain(value)
        return format(exact, "f") if dialect.name == "sqlite" else exact

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else plain(Decimal(value))


PROSE_CHARACTERS = 16_000  # of up to four bytes each, in MariaDB's TEXT of 64 KB


class Prose(TypeDecorator[str]):
    """Words for a person, TEXT on both: what is longer is cut, since it must not keep what it explains from being written."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else value[:PROSE_CHARACTERS]


def plain(value: Decimal) -> Decimal:
    """Rounded to 18 decimals, without trailing zeros nor exponent. Raises ValueError where DECIMAL(38, 18) cannot hold it."""
    if not value.is_finite() or value.adjusted() >= _DIGITS - _DECIMALS:
        raise ValueError(f"expected money below 10^{_DIGITS - _DECIMALS}, was {value}")
    text = format(value.quantize(_STEP, context=_EXACT), "f").rstrip("0").rstrip(".")
    return Decimal(0) if text in ("-0", "") else Decimal(text)


class UtcDateTime(TypeDecorator[datetime]):
    """A zone-aware time, kept in UTC with microseconds: DATETIME(6). A naive one raises ValueError."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(mysql.DATETIME(fsp=6) if dialect.name in ("mysql", "mariadb") else DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"expected a zone-aware time, was {value!r}")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Json(TypeDecorator[Mapping[str, Any] | Sequence[Any]]):
    """A mapping or list as canonical JSON text. What JSON has no form for (Decimal, datetime, NaN) raises."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(mysql.LONGTEXT() if dialect.name in ("mysql", "mariadb") else Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else canonical_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


def canonical_json(value: Any) -> str:
    """As a column ``Json`` keeps it: the same value gives the same text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


Serial = BigInteger().with_variant(Integer, "sqlite")
"""A 64-bit key that the database counts up."""

Float64: Double[float] = Double()
"""Virtual money only."""
