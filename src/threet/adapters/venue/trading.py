"""The venue's signing side: one order, one request, one nonce, and an expiry on each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from threet.adapters.venue.answers import cancel_answer, submit_answer
from threet.adapters.venue.catalogue import Listing
from threet.adapters.venue.client import CONNECT_SECONDS, make_client
from threet.adapters.venue.errors import RAISED, RETRY_SECONDS
from threet.adapters.venue.nonces import NonceFile
from threet.adapters.venue.reading import to_ms
from threet.adapters.venue.turns import TurnTaken
from threet.adapters.venue.venue import Venue
from threet.application.facts import OrderAnswer, OrderRequest
from threet.application.ports import Clock
from threet.domain.errors import VenueBusy, VenueRefused, VenueSilent
from threet.domain.values import Symbol, Unknown
from threet.settings import Settings


class CcxtTrading:
    """Fulfils the port ``Trading``. ``private_key`` may be an agent's; ``wallet_address`` is the account that it acts for.

    Raises SignerLocked where another process signs already. ``close`` gives the lock away. Between two of its requests an emergency may
    take the turn (``emergency_after``, see NonceFile): then each one is VenueBusy, not sent.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        wallet_address: str,
        private_key: str,
        nonce_file: Path,
        venue: Venue | None = None,
        *,
        emergency_after: float | None = None,
    ) -> None:
        self._venue = venue or Venue(settings, clock)
        self._clock = clock
        self._nonces = NonceFile(nonce_file, clock, emergency_after=emergency_after)
        self._client = make_client(settings, "3t-signer")
        self._client.session = self._venue.connection.client.session  # kept warm by the reads, so that no order meets a stale connection
        self._client.walletAddress = wallet_address
        self._client.privateKey = private_key
        self._client.next_nonce = self._nonces.next
        self._leverages: dict[Symbol, int] = {}

    @property
    def took_from(self) -> str | None:
        """From whom an emergency took the turn away, or None."""
        return self._nonces.took_from

    def submit(self, request: OrderRequest) -> OrderAnswer:
        """Sends an IOC limit, or a stop that rests, that the venue itself refuses after ``expires_at``.

        Raises VenueRefused or VenueBusy where nothing happened (also where the price or size is off the venue's grid: nothing
        is rounded here), VenueSilent where nobody knows. What adds risk is VenueBusy where a second has gone since the call: the caller
        looked whether it is halted before, and may see it otherwise now.
        """
        called = self._clock.monotonic()
        with self._turn():
            if request.expires_at <= self._clock.now():
                raise VenueRefused(f"not sent: order {request.client_order_id} expired at {request.expires_at.isoformat()}")
            signed = self._signed_order(request)
            if not request.reduce_only and (spent := self._clock.monotonic() - called) > CONNECT_SECONDS:
                raise VenueBusy(f"not sent: signing took {spent:.1f} s, in which a halt may have come", 0.0)
            response = self._send(signed, f"order {request.client_order_id}", urgent=request.reduce_only)
            return submit_answer(response, request)

    def cancel(self, client_order_id: str, symbol: Symbol) -> None:
        """Raises VenueRefused where the venue has no such open order."""
        with self._turn():
            self._listed(symbol)
            signed = self._drafted(lambda: self._client.cancel_orders_request([], symbol, {"clientOrderId": [client_order_id]}))
            cancel_answer(self._send(signed, f"cancel {client_order_id}", urgent=True), client_order_id)

    def ensure_leverage(self, symbol: Symbol, leverage: int) -> None:
        """Sets cross margin at ``leverage``, once per process and value."""
        with self._turn():
            if self._leverages.get(symbol) == leverage:
                return
            listing = self._listed(symbol)
            action = {"type": "updateLeverage", "asset": listing.asset, "isCross": True, "leverage": int(leverage)}
            signed = self._drafted(lambda: self._signed(action, self._nonces.next(), None))
            self._send(signed, f"leverage of {symbol}", urgent=False)
            self._leverages[symbol] = leverage

    def close(self) -> None:
        """Gives the signer's lock away."""
        self._nonces.close()

    def _send(self, signed: dict[str, Any], what: str, *, urgent: bool) -> dict[str, Any]:
        return self._venue.connection.send(self._client, signed, what, urgent=urgent)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        try:
            with self._nonces.turn():
                yield
        except TurnTaken as other:
            raise VenueBusy(f"not sent: {other} has the signer's turn", RETRY_SECONDS) from None

    def _listed(self, symbol: Symbol) -> Listing:
        """The market, with ccxt's own list of them brought up to date. The list is read here where nobody has read it before."""
        if self._venue.catalogue.kept(symbol) is None:
            try:
                self._venue.catalogue.read()
            except VenueSilent as error:
                raise VenueBusy(f"not sent: {error}", 1.0) from error
        return self._listed_before(symbol)

    def _listed_before(self, symbol: Symbol) -> Listing:
        """The market as it was last read, for an order: one that looked it up now could leave long after its last look at the halt file."""
        listing = self._venue.catalogue.kept(symbol)
        if listing is None:
            raise VenueBusy("not sent: the list of markets was not read yet; ask for the rules first", 0.0)
        if isinstance(listing, Unknown):
            raise VenueRefused(f"not sent: {listing.reason}")
        known = (self._client.markets or {}).get(symbol)
        if known is None or known["info"]["baseId"] != listing.asset or known["info"]["szDecimals"] != listing.size_decimals:
            self._client.set_markets(self._venue.catalogue.ccxt_markets())
        return listing

    def _signed_order(self, request: OrderRequest) -> dict[str, Any]:
        self._listed_before(request.symbol)
        order = {
            "symbol": request.symbol,
            "type": "limit",
            "side": request.side.value,
            "amount": format(request.contracts, "f"),
            "price": format(request.limit_price, "f"),
            "params": {"timeInForce": "Ioc", "reduceOnly": request.reduce_only, "clientOrderId": request.client_order_id},
        }
        draft = self._drafted(lambda: self._client.create_orders_request([order]))
        wire = draft["action"]["orders"][0]
        if request.trigger_price is not None:
            wire["t"] = {"trigger": {"isMarket": True, "triggerPx": f"{request.trigger_price.normalize():f}", "tpsl": "sl"}}
        for name, wanted, rounded in (("price", request.limit_price, wire["p"]), ("size", request.contracts, wire["s"])):
            if Decimal(rounded) != wanted or wanted <= 0:
                raise VenueRefused(f"not sent: {name} {wanted} of {request.symbol} is not on the venue's grid, {rounded} would be")
        return self._signed(draft["action"], draft["nonce"], to_ms(request.expires_at))

    def _signed(self, action: dict[str, Any], nonce: int, expires_after_ms: int | None) -> dict[str, Any]:
        signature = self._client.sign_l1_action(action, nonce, None, expires_after_ms)
        signed = {"action": action, "nonce": nonce, "signature": signature}
        return signed if expires_after_ms is None else {**signed, "expiresAfter": expires_after_ms}

    def _drafted(self, make: Any) -> dict[str, Any]:
        """A request that ccxt built and signed. What goes wrong here goes wrong before anything is sent."""
        try:
            draft: dict[str, Any] = make()
        except RAISED as error:
            raise VenueRefused(f"not sent: {type(error).__name__} {error}") from error
        return draft
