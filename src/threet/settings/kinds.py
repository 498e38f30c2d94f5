"""The kinds of values in config.yml. Each says in words what it expects, so that a message needs no source code to be understood.

A text that looks like a number is refused: YAML has numbers of its own. What sizes a trade is Decimal, all else int or float.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal
from ipaddress import ip_address
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from threet.domain.values import symbol

_PASSWORD_IN_URL = re.compile(r"://([^:/@\s]*):[^\s]*@")


def refused(expected: str, found: object) -> PydanticCustomError:
    """The error of one value; ``expected`` is a noun with its article."""
    return PydanticCustomError("expected", "expected {expected}, was {found}", {"expected": expected, "found": _shown(found)})


def _shown(found: object) -> str:
    if isinstance(found, type):
        return f"a value of type {found.__name__}"
    if isinstance(found, int | float | Decimal) and not isinstance(found, bool):
        return str(found)
    return "null" if found is None else _PASSWORD_IN_URL.sub(r"://\1:***@", repr(found))


def _number(cast: Callable[[Any], Any], expected: str, fits: Callable[[Any], bool]) -> BeforeValidator:
    def check(found: Any) -> Any:
        if isinstance(found, bool) or not isinstance(found, int | float | Decimal) or not math.isfinite(found):
            raise refused(expected, found)
        if cast is int and found != int(found):
            raise refused(expected, found)
        value = Decimal(str(found)) if cast is Decimal else cast(found)
        if not fits(value):
            raise refused(expected, found)
        return value

    return BeforeValidator(check)


def _text(expected: str, fits: Callable[[str], bool]) -> BeforeValidator:
    def check(found: Any) -> str:
        if not isinstance(found, str) or not fits(found):
            raise refused(expected, found)
        return found

    return BeforeValidator(check)


def _flag(found: Any) -> bool:
    if not isinstance(found, bool):
        raise refused("true or false", found)
    return found


def _is_ip_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_http_url(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _is_symbol(text: str) -> bool:
    try:
        symbol(text)
    except ValueError:
        return False
    return True


Flag = Annotated[bool, BeforeValidator(_flag)]
Seconds = Annotated[float, _number(float, "a number of seconds above 0", lambda v: v > 0)]
SecondsOrZero = Annotated[float, _number(float, "a number of seconds, 0 or more", lambda v: v >= 0)]
Milliseconds = Annotated[int, _number(int, "a whole number of milliseconds, 0 or more", lambda v: v >= 0)]
Count = Annotated[int, _number(int, "a whole number above 0", lambda v: v > 0)]
CountOrZero = Annotated[int, _number(int, "a whole number, 0 or more", lambda v: v >= 0)]
Port = Annotated[int, _number(int, "a port in 1 to 65535", lambda v: 0 < v < 65536)]
Leverage = Annotated[int, _number(int, "a whole leverage in 1 to 50", lambda v: 1 <= v <= 50)]
Percent = Annotated[Decimal, _number(Decimal, "a percentage in (0, 100]", lambda v: 0 < v <= 100)]
PercentOrZero = Annotated[Decimal, _number(Decimal, "a percentage in [0, 100]", lambda v: 0 <= v <= 100)]
PercentOverAll = Annotated[Decimal, _number(Decimal, "a percentage above 0", lambda v: v > 0)]
SignedPercent = Annotated[float, _number(float, "a percentage in [-100, 100]", lambda v: -100 <= v <= 100)]
BasisPoints = Annotated[Decimal, _number(Decimal, "basis points in [0, 10000)", lambda v: 0 <= v < 10000)]
Usd = Annotated[Decimal, _number(Decimal, "an amount of USD above 0", lambda v: v > 0)]
Factor = Annotated[float, _number(float, "a number above 0", lambda v: v > 0)]
Number = Annotated[float, _number(float, "a number", lambda v: True)]
HttpUrl = Annotated[str, _text("an address that starts with http:// or https://", _is_http_url)]
RedisUrl = Annotated[
    str,
    _text(
        "redis://HOST:PORT/NUMBER or rediss://HOST:PORT/NUMBER?ssl_ca_certs=/FILE without a password",
        lambda v: bool(re.fullmatch(r"redis://[^/@?]+(/\d*)?|rediss://[^/@?]+(/\d*)?(\?ssl_ca_certs=/[\w./-]+)?", v)),
    ),
]
DatabaseUrl = Annotated[
    str,
    _text(
        "mysql+pymysql://USER@HOST/DATABASE or mysql+pymysql://USER@HOST/DATABASE?ssl_ca=/FILE without a password, or sqlite:////FILE",
        lambda v: bool(re.fullmatch(r"mysql\+pymysql://[^:/@]+@[^/@]+/\w+(\?ssl_ca=/[\w./-]+)?", v) or re.match(r"sqlite:///.+", v)),
    ),
]
PublicKey = Annotated[str, _text("an Ed25519 public key of 64 hex digits", lambda v: bool(re.fullmatch(r"[0-9a-f]{64}", v)))]
Name = Annotated[str, _text("a name of lower-case letters, digits and _", lambda v: bool(re.fullmatch(r"[a-z][a-z0-9_]*", v)))]
Folder = Annotated[str, _text("a folder", bool)]
IpAddress = Annotated[str, _text("an IP address, such as 127.0.0.1", _is_ip_address)]
SymbolName = Annotated[str, _text("a symbol of the form BASE/QUOTE:SETTLE", _is_symbol)]


def _pair(found: Any) -> Any:
    if not isinstance(found, list | tuple) or len(found) != 2:
        raise refused("a range [low, high]", found)
    return found


def _ordered(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] > pair[1]:
        raise refused("a range [low, high] with low <= high", list(pair))
    return pair


Range = Annotated[tuple[Number, Number], BeforeValidator(_pair), AfterValidator(_ordered)]


def _positive(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] <= 0:
        raise refused("a range [low, high] above 0", list(pair))
    return pair


PositiveRange = Annotated[Range, AfterValidator(_positive)]
