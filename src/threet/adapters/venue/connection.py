"""One process's way to the venue: the client, the limiter, and the list of markets, shared by all that read and sign."""

from __future__ import annotations

from typing import Any

from ccxt.base.errors import NetworkError

from threet.adapters.venue.client import make_client
from threet.adapters.venue.errors import RAISED, acting_error, never_connected, reading_error, text_error
from threet.adapters.venue.limiter import Limiter
from threet.adapters.venue.reading import garbled
from threet.application.ports import Clock
from threet.domain.errors import VenueBusy, VenueError
from threet.settings import Settings

EXCHANGE_WEIGHT = 1
_BY_TWENTY = frozenset({"userFillsByTime", "userNonFundingLedgerUpdates"})
"""Lists of which each twenty entries weigh one more."""


class Connection:
    """Sends requests of both kinds. Build one per process and hand it to all adapters: the limit is the share of its ``role``."""

    def __init__(self, settings: Settings, clock: Clock, user_agent: str, role: str) -> None:
        exchange = settings.exchange
        share = exchange.share_per_minute(role)
        self.settings = settings
        self.clock = clock
        self.client = make_client(settings, user_agent)
        self._pauses = {"info": float("-inf"), "exchange": float("-inf")}
        self._limiter = Limiter(clock, share, float(exchange.signer_reserve_percent), exchange.requests_burst_seconds)

    def info(self, request: dict[str, Any], weight: float) -> Any:
        """The answer to a reading request. Raises VenueError; asks once more where a kept connection turned out to be closed."""
        what = str(request["type"])
        self._take("info", weight, what, urgent=False)
        try:
            answer = self._read(request, weight)
        except RAISED as error:
            raise self._remembered(reading_error(error, what), "info", "exchange") from error
        if answer is None:
            raise garbled(what, "an answer", "null")
        if what in _BY_TWENTY and isinstance(answer, list):
            self._limiter.charge(len(answer) / 20)
        if isinstance(answer, dict) and "error" in answer:
            raise self._remembered(text_error(str(answer["error"]), what), "info")
        return answer

    def send(self, client: Any, request: dict[str, Any], what: str, *, urgent: bool) -> dict[str, Any]:
        """Posts a signed request once, through ``client``; the ``response`` of an answer with status ok. ``urgent`` ones cancel or reduce.

        Raises VenueRefused or VenueBusy where nothing happened, VenueSilent where nobody knows.
        """
        self._take("exchange", EXCHANGE_WEIGHT, what, urgent=urgent)
        try:
            answer = client.privatePostExchange(request)
        except RAISED as error:
            told = acting_error(error, what)
            raise told if never_connected(error) else self._remembered(told, "info", "exchange") from error
        if not isinstance(answer, dict):
            raise garbled(what, "an answer with a status", answer)
        if answer.get("status") == "err":
            raise self._remembered(text_error(str(answer.get("response")), what), "exchange")
        response = answer.get("response")
        if answer.get("status") != "ok" or not isinstance(response, dict):
            raise garbled(what, "status ok and a response", answer)
        return response

    def _remembered(self, error: VenueError, *paths: str) -> VenueError:
        """``error``. Where it says that the venue is asked too much, nothing goes to these paths for as long as the venue wants."""
        if isinstance(error, VenueBusy):
            for path in paths:
                self._pauses[path] = self.clock.monotonic() + error.retry_after_seconds
        return error

    def _take(self, path: str, weight: float, what: str, *, urgent: bool) -> None:
        seconds = self._pauses[path] - self.clock.monotonic()
        if seconds > 0:
            raise VenueBusy(f"{what}: not sent, the venue had too many requests and is left alone for {seconds:.1f} s more", seconds)
        seconds = self._limiter.take(weight, urgent=urgent)
        if seconds > 0:
            raise VenueBusy(f"{what}: not sent, our own limit (exchange.request_shares_percent) is used up for {seconds:.1f} s", seconds)

    def _read(self, request: dict[str, Any], weight: float) -> Any:
        try:
            return self.client.publicPostInfo(request)
        except NetworkError as error:
            if type(error) is not NetworkError:  # a time-out or a status: the venue's answer, not a stale connection
                raise
            self._take("info", weight, str(request["type"]), urgent=False)
            return self.client.publicPostInfo(request)
