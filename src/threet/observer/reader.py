"""Asks the venue, one request at a time, and keeps the latest reading."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import aiohttp

from threet.observer.report import Reading
from threet.observer.view import AccountView, Unreadable, account_view, mark_prices, sub_account_addresses, summed

MAX_ANSWER_BYTES = 4_000_000  # some ten times the largest that the venue has: what is longer is no answer

log = logging.getLogger(__name__)


class Reader:
    """Reads ``account`` at ``base_url``. Not for use by more than one event loop.

    The list of sub-accounts and the mark prices weigh ten times what an account does: they are read again after ``refresh_seconds`` and
    ``marks_seconds``; the accounts are read each time. Who asks while the venue gives none has no other try begun before
    the interval is over: that is this process's share of the venue's patience.

    ``now`` is this machine's wall clock, UTC; durations are the event loop's.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        account: str,
        interval_seconds: float,
        refresh_seconds: float,
        marks_seconds: float,
        now: Callable[[], datetime],
    ) -> None:
        self._session = session
        self._url = base_url.rstrip("/") + "/info"
        self._account = account
        self._interval = interval_seconds
        self._now = now
        self._turn = asyncio.Lock()
        self._latest: Reading | None = None
        self._latest_at = float("-inf")
        self._sub_accounts: tuple[str, ...] | None = None
        self._refresh = refresh_seconds
        self._listed_at = float("-inf")
        self._marks: Mapping[str, Decimal] = {}
        self._marks_refresh = marks_seconds
        self._marks_at = float("-inf")
        self._begun_at = float("-inf")
        self.last_error: str | None = None

    @property
    def age_seconds(self) -> float | None:
        """Of the latest reading; None where there is none."""
        return None if self._latest is None else _seconds() - self._latest_at

    async def latest(self) -> Reading:
        """The latest reading, or a new one where that is older than the interval. Raises Unreadable; never an old one instead."""
        async with self._turn:
            latest = self._latest
            if latest is None or _seconds() - self._latest_at > self._interval:
                if self.last_error is not None and _seconds() - self._begun_at < self._interval:
                    raise Unreadable(self.last_error)
                latest = await self._renew()
            return latest

    async def poll(self) -> None:
        """Reads at every interval, for ever. A reading that fails is logged once per reason and tried again."""
        while True:
            started = _seconds()
            try:
                async with self._turn:
                    await self._renew()
            except Unreadable:
                pass
            await asyncio.sleep(max(0.0, self._interval - (_seconds() - started)))

    async def _renew(self) -> Reading:
        started = self._begun_at = _seconds()
        try:
            reading = await self._read()
        except Unreadable as error:
            if str(error) != self.last_error:
                log.warning("no reading: %s", error)
            self.last_error = str(error)
            raise
        if self.last_error is not None:
            log.info("reading again after: %s", self.last_error)
        self.last_error = None
        self._latest, self._latest_at = reading, started
        return reading

    async def _read(self) -> Reading:
        observed_at, observed_monotonic = self._now(), _seconds()
        own = account_view(await self._info({"type": "clearinghouseState", "user": self._account}))
        complete, others = await self._sub_views()
        if observed_monotonic - self._marks_at >= self._marks_refresh:
            self._marks = mark_prices(await self._info({"type": "metaAndAssetCtxs"}))
            self._marks_at = observed_monotonic
        oldest = min(view.exchange_time for view in [own, *others])
        return Reading(observed_at, oldest, complete, summed([own, *others]), own.account_value, self._marks)

    async def _sub_views(self) -> tuple[bool, list[AccountView]]:
        """Whether every sub-account could be read, and what they hold."""
        try:
            addresses = await self._addresses()
            return True, [account_view(await self._info({"type": "clearinghouseState", "user": address})) for address in addresses]
        except Unreadable as error:
            log.warning("incomplete: %s", error)
            self._sub_accounts = None
            return False, []

    async def _addresses(self) -> tuple[str, ...]:
        started = _seconds()
        if self._sub_accounts is None or started - self._listed_at >= self._refresh:
            self._sub_accounts = sub_account_addresses(await self._info({"type": "subAccounts", "user": self._account}))
            self._listed_at = started
        return self._sub_accounts

    async def _info(self, request: dict[str, str]) -> Any:
        what = request["type"]
        try:
            async with self._session.post(self._url, json=request, allow_redirects=False) as answer:
                body = await answer.content.read(MAX_ANSWER_BYTES + 1)
                while len(body) <= MAX_ANSWER_BYTES and not answer.content.at_eof():
                    body += await answer.content.read(MAX_ANSWER_BYTES + 1 - len(body))
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreadable(f"{what}: no answer ({type(error).__name__})") from error
        if status != 200 or len(body) > MAX_ANSWER_BYTES:
            raise Unreadable(f"{what}: status {status}, {len(body)} bytes")
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"{what}: expected JSON, found {body[:60]!r}") from error


def _seconds() -> float:
    """Of the running loop's clock, which only rises."""
    return asyncio.get_running_loop().time()
