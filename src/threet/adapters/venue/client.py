"""The ccxt client, bare of what it does unasked: no builder, no referrer, no limiter, no reading of errors out of texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import requests
from ccxt.base.errors import BadRequest, RateLimitExceeded
from ccxt.hyperliquid import hyperliquid
from requests.adapters import HTTPAdapter

from threet.settings import Settings

CONNECT_SECONDS = 1.0
"""The one second of I7, and so no tunable: a signed request whose connection does not stand by then is not sent, for a halt must not
be overtaken by an order that waited for its connection."""


class Transport(HTTPAdapter):
    """Caps the time that a signed request may wait for its connection; what was never connected is known not to have happened."""

    def send(self, request: Any, stream: Any = False, timeout: Any = None, *rest: Any, **named: Any) -> requests.Response:
        if isinstance(timeout, int | float) and str(request.url).endswith("/exchange"):
            timeout = (min(CONNECT_SECONDS, timeout), timeout)
        return super().send(request, stream, timeout, *rest, **named)


class BareHyperliquid(hyperliquid):  # type: ignore[misc]  # ccxt ships no types
    """ccxt's class, except that nothing is signed but what we ask for, and that answers are handed on as they came."""

    next_nonce: Callable[[], int] | None = None

    def initialize_client(self) -> bool:
        """ccxt would approve a builder's fee and set a referrer here."""
        return True

    def incrementing_nonce(self) -> int:
        if self.next_nonce is None:
            raise BadRequest("this client reads only: it has no nonces")
        return self.next_nonce()

    def handle_errors(self, code: int, reason: str, url: str, method: str, headers: Any, body: str, *_: Any) -> None:
        """Looks at the HTTP status alone; what a 200 says is read by who asked."""
        if code == 429:
            raise RateLimitExceeded(f"429 {body[:200]}")
        if code == 422:
            raise BadRequest(f"422 {body[:200]}")


def make_client(settings: Settings, user_agent: str) -> BareHyperliquid:
    """A client without a key, of the venue that ``exchange.mode`` names."""
    exchange = settings.exchange
    client = BareHyperliquid(
        {
            "enableRateLimit": False,
            "timeout": round(exchange.request_timeout_seconds * 1000),
            "userAgent": user_agent,
            "options": {
                "fetchMarkets": {"types": ["swap"]},
                "builderFee": False,
                "approvedBuilderFee": False,
                "enableUnifiedMargin": False,
            },
        }
    )
    if exchange.mode == "testnet":
        client.set_sandbox_mode(True)
    if exchange.base_url is not None:
        client.urls["api"] = {"public": exchange.base_url, "private": exchange.base_url}
    # One host, and a connection for each task of a worker that may ask it at the same time.
    transport = Transport(pool_connections=1, pool_maxsize=settings.workers.autoscale_max)
    for scheme in ("http://", "https://"):
        client.session.mount(scheme, transport)
    return client
