"""The venue's private reading side: what the account holds, what became of its orders. Needs its address, no key."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as field_of
from datetime import datetime, timedelta
from typing import Any

from threet.adapters.venue.answers import order_status, parse_fill, parse_open_order
from threet.adapters.venue.reading import as_list, decimal_field, field, garbled, list_field, text_field, time_field, to_ms
from threet.adapters.venue.transfers import parse_transfer
from threet.adapters.venue.venue import Venue
from threet.application.facts import AccountSnapshot, Fill, OpenOrder, OrderAnswer
from threet.application.ports import Clock
from threet.domain.drawdown import Transfer
from threet.domain.values import Position, Symbol
from threet.settings import Settings

STATE_WEIGHT = 2
LIST_WEIGHT = 20
FILLS_PER_PAGE = 2000
FILLS_KEPT = 10_000
"""The venue answers at most so many fills at once, and keeps so many in all."""
UPDATES_PER_PAGE = 500
"""The venue's other lists end at so many entries; one that long may be cut off."""


@dataclass(slots=True)
class _Look:
    """Fills since ``start_ms``: those found, and the spans (milliseconds) that are still to be asked, the oldest last, the newest open."""

    start_ms: int
    spans: list[tuple[int, int | None]]
    found: dict[str, Fill] = field_of(default_factory=dict)


class CcxtAccount:
    """Fulfils the port ``AccountData`` for ``wallet_address``, the account that holds the money (an agent's own address looks flat)."""

    def __init__(self, settings: Settings, clock: Clock, wallet_address: str, venue: Venue | None = None) -> None:
        self._venue = venue or Venue(settings, clock)
        self._account = wallet_address
        self._unfinished: _Look | None = None

    def snapshot(self) -> AccountSnapshot:
        """The whole account from one answer. A field that is missing makes it no answer: raises VenueSilent."""
        what = "clearinghouseState"
        observed_at = self._venue.clock.now()
        answer = self._venue.connection.info({"type": what, "user": self._account}, STATE_WEIGHT)
        summary = field(answer, "marginSummary", what)
        positions = [self._position(entry) for entry in list_field(answer, "assetPositions", what)]
        if len({position.symbol for position in positions}) != len(positions):
            raise garbled(what, "each market once", [position.symbol for position in positions])
        return AccountSnapshot(
            account=self._account,
            account_value=decimal_field(summary, "accountValue", what),
            withdrawable=decimal_field(answer, "withdrawable", what),
            margin_used=decimal_field(summary, "totalMarginUsed", what),
            positions=tuple(position for position in positions if position.contracts != 0),
            exchange_time=time_field(answer, "time", what),
            observed_at=observed_at,
        )

    def open_orders(self) -> list[OpenOrder]:
        answer = self._venue.connection.info({"type": "frontendOpenOrders", "user": self._account}, LIST_WEIGHT)
        symbol_of = self._venue.catalogue.symbol_of
        return [parse_open_order(entry, symbol_of) for entry in as_list(answer, "frontendOpenOrders") if is_perpetual(entry)]

    def order(self, client_order_id: str, symbol: Symbol) -> OrderAnswer | None:
        """What became of the order; None where the venue says that it never saw this id."""
        answer = self._venue.connection.info({"type": "orderStatus", "user": self._account, "oid": client_order_id}, STATE_WEIGHT)
        return order_status(answer, client_order_id, symbol, self._venue.catalogue.symbol_of)

    def fills_since(self, start: datetime) -> list[Fill]:
        """Every fill with exchange time >= start, oldest first. Raises VenueSilent where the venue no longer keeps them all.

        A look that had to end in the midst is gone on with by the next one of the same start: where it costs more than may be asked at
        once, it would never be done else.
        """
        look = self._unfinished
        if look is None or look.start_ms != to_ms(start):
            self._unfinished = look = _Look(to_ms(start), [(to_ms(start), None)])
        while look.spans:
            first_ms, last_ms = look.spans[-1]
            page = self._fills(first_ms, last_ms)
            look.spans.pop()
            if len(page) >= FILLS_PER_PAGE:  # cut off, on whichever side: ask for both halves
                look.spans += _halves(first_ms, last_ms, to_ms(self._latest()))
                continue
            look.found |= {fill.fill_id: fill for fill in page}
            if len(look.found) >= FILLS_KEPT:
                self._unfinished = None
                raise garbled("userFillsByTime", f"fewer than the {FILLS_KEPT} fills that the venue keeps", len(look.found))
        self._unfinished = None
        return sorted(look.found.values(), key=lambda fill: (fill.exchange_time, int(fill.fill_id)))

    def transfers_since(self, start: datetime) -> list[Transfer]:
        """Money that came or went at exchange time >= start, oldest first. Raises VenueSilent where one cannot be understood."""
        what = "userNonFundingLedgerUpdates"
        request = {"type": what, "user": self._account, "startTime": to_ms(start)}
        entries = as_list(self._venue.connection.info(request, LIST_WEIGHT), what)
        if len(entries) >= UPDATES_PER_PAGE:
            raise garbled(what, f"fewer than {UPDATES_PER_PAGE} since {start.isoformat()}", len(entries))
        known = [transfer for entry in entries if (transfer := parse_transfer(entry, self._account)) is not None]
        return sorted((transfer for transfer in known if transfer.at >= start), key=lambda each: (each.at, each.transfer_id))

    def _latest(self) -> datetime:
        """No fill can be newer now."""
        return self._venue.clock.now() + timedelta(seconds=self._venue.settings.exchange.max_clock_skew_seconds)

    def _fills(self, first_ms: int, last_ms: int | None) -> list[Fill]:
        request = {"type": "userFillsByTime", "user": self._account, "startTime": first_ms}
        if last_ms is not None:
            request["endTime"] = last_ms
        answer = as_list(self._venue.connection.info(request, LIST_WEIGHT), "userFillsByTime")
        fills = [parse_fill(entry, self._account, self._venue.catalogue.symbol_of) for entry in answer if is_perpetual(entry)]
        if len(answer) >= FILLS_PER_PAGE > len(fills):
            raise garbled("userFillsByTime", "pages of perpetuals", f"{len(answer) - len(fills)} others among {len(answer)}")
        latest = self._latest()
        for fill in fills:  # one of next year, once saved, would hide all that comes until then
            if fill.exchange_time > latest:
                raise garbled("userFillsByTime.time", f"a time that has been, now at most {latest.isoformat()}", fill.exchange_time)
        return [fill for fill in fills if to_ms(fill.exchange_time) >= first_ms]

    def _position(self, entry: Any) -> Position:
        what = "clearinghouseState.assetPositions"
        position = field(entry, "position", what)
        contracts = decimal_field(position, "szi", what)
        entry_price = None if contracts == 0 else decimal_field(position, "entryPx", what)
        return Position(self._venue.catalogue.symbol_of(text_field(position, "coin", what)), contracts, entry_price)


def is_perpetual(entry: Any) -> bool:
    """Spot pairs are named ``PURR/USDC`` or ``@107``; this platform does not trade them."""
    coin = text_field(entry, "coin", "entry")
    return "/" not in coin and not coin.startswith("@")


def _halves(first_ms: int, last_ms: int | None, newest_ms: int) -> list[tuple[int, int | None]]:
    until_ms = newest_ms if last_ms is None else last_ms
    if until_ms <= first_ms:
        raise garbled("userFillsByTime", f"fewer than {FILLS_PER_PAGE} fills in one millisecond", first_ms)
    middle = (first_ms + until_ms) // 2
    return [(middle + 1, last_ms), (first_ms, middle)]
