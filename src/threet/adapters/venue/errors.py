"""What ccxt raises, told apart by whether it is safe to try again. What is not known to be harmless is VenueSilent."""

from __future__ import annotations

from collections.abc import Iterator

import requests.exceptions
import urllib3.exceptions
from ccxt.base.errors import BadRequest, BaseError, DDoSProtection, RateLimitExceeded

from threet.domain.errors import VenueBusy, VenueError, VenueRefused, VenueSilent

RAISED: tuple[type[Exception], ...] = (BaseError, OSError, urllib3.exceptions.HTTPError, ValueError)
"""All that a request through ccxt and requests can raise (requests' own errors are OSErrors)."""

RETRY_SECONDS = 10.0
"""The venue's own pace for an address or host that asked too much: one in ten seconds."""

BUSY_TEXTS = ("Too many cumulative requests sent",)

REFUSED_TEXTS = (
    "Insufficient margin to place order.",
    "Price must be divisible by tick size.",
    "Order has invalid size",
    "Order has zero size.",
    "Order has invalid price",
    "Order must have minimum value of $10",
    "Order price cannot be more than 80% away from the reference price",
    "Order price too far from oracle",
    "Reduce only order would increase position.",
    "Post only order would have immediately matched,",
    "No liquidity available for market order.",
    "Order was never placed, already canceled, or filled.",
    "User or API Wallet ",
    "Must deposit before performing actions.",
    "Invalid nonce",
    "Invalid leverage value",
    "Insufficient margin to update leverage",
    "Action expired",
    "Cannot switch leverage type with open position.",
    "Unknown asset",
)
"""Texts by which the venue says that nothing happened. An unknown text says nothing of the kind."""


def reading_error(error: Exception, what: str) -> VenueError:
    """The error of a request that only reads: it can always be asked again, though not at once where the venue is busy."""
    said = f"{what}: {_short(error)}"
    if isinstance(error, RateLimitExceeded | DDoSProtection):
        return VenueBusy(said, RETRY_SECONDS)
    if isinstance(error, BadRequest):
        return VenueRefused(said)
    return VenueSilent(said)


def acting_error(error: Exception, what: str) -> VenueError:
    """The error of a signed request. Only where it surely never reached the venue, or the venue turned it away unread, is it not silent."""
    said = f"{what}: {_short(error)}"
    if isinstance(error, RateLimitExceeded | DDoSProtection):
        return VenueBusy(said, RETRY_SECONDS)
    if isinstance(error, BadRequest):
        return VenueRefused(said)
    if never_connected(error):
        return VenueBusy(f"{said} (no connection was made)", RETRY_SECONDS)
    return VenueSilent(said)


def text_error(text: str, what: str) -> VenueError:
    """The error of an answer that carries an error text."""
    said = f"{what}: {text}"
    if any(known in text for known in BUSY_TEXTS):
        return VenueBusy(said, RETRY_SECONDS)
    if any(known in text for known in REFUSED_TEXTS):
        return VenueRefused(said)
    return VenueSilent(said)


def never_connected(error: BaseException) -> bool:
    """Whether the request failed before a connection stood, so that not a byte of it was sent."""
    for cause in _causes(error):
        if isinstance(cause, requests.exceptions.ConnectTimeout | urllib3.exceptions.NewConnectionError | ConnectionRefusedError):
            return True
        if isinstance(cause, urllib3.exceptions.MaxRetryError) and isinstance(cause.reason, urllib3.exceptions.NewConnectionError):
            return True
    return False


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        yield from (argument for argument in error.args if isinstance(argument, BaseException))
        error = error.__cause__


def _short(error: Exception) -> str:
    return f"{type(error).__name__} {str(error)[:300]}".rstrip()
