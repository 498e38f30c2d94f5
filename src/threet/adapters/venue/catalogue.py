"""The venue's list of markets: names, asset numbers and rules, with the marks that come in the same answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from threet.adapters.venue.connection import Connection
from threet.adapters.venue.reading import as_list, decimal_field, field, garbled, int_field, list_field, text_field
from threet.domain.errors import VenueSilent
from threet.domain.values import MarketRules, Symbol, Unknown

UNIVERSE_WEIGHT = 20
PRICE_DECIMALS = 6  # less the size's decimals, as the venue counts them for perpetuals
SIGNIFICANT_DIGITS = 5
MINIMUM_NOTIONAL_USD = Decimal(10)


@dataclass(frozen=True, slots=True)
class Listing:
    """One market as the venue lists it. ``asset`` is the number that orders name it by; ``problem`` says why it cannot be traded."""

    symbol: Symbol
    coin: str
    asset: int
    size_decimals: int
    max_leverage: int
    problem: str | None = None

    @property
    def rules(self) -> MarketRules:
        return MarketRules(
            symbol=self.symbol,
            lot=Decimal(1).scaleb(-self.size_decimals),
            price_decimals=PRICE_DECIMALS - self.size_decimals,
            price_significant_digits=SIGNIFICANT_DIGITS,
            minimum_notional_usd=MINIMUM_NOTIONAL_USD,
            max_leverage=self.max_leverage,
        )


class Quote(NamedTuple):
    """Of one market: its mark, and the rate of its funding for an hour where the venue says one."""

    mark: Decimal
    hourly_funding: Decimal | None


class Catalogue:
    """The listings, kept for ``rules_refresh_seconds``. For a symbol that was never asked for before they are read again, though only once:
    one that the venue does not list would otherwise cost what the signer's cycle needs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._listings: Mapping[Symbol, Listing] = {}
        self._coins: tuple[str, ...] = ()
        self._read_at = float("-inf")
        self._looked_for: set[Symbol] = set()

    def symbol_of(self, coin: str) -> Symbol:
        """ccxt's unified name of a coin: ``kPEPE`` is ``KPEPE/USDC:USDC``."""
        return Symbol(str(self._connection.client.coin_to_market_id(coin)))

    def listings(self) -> Mapping[Symbol, Listing]:
        """All markets, never older than the refresh interval."""
        if self._age() >= self._connection.settings.exchange.rules_refresh_seconds:
            self.read()
        return self._listings

    def listing(self, symbol: Symbol) -> Listing | Unknown:
        """One market; Unknown where the venue does not list it, or no longer."""
        found = self.listings().get(symbol)
        is_old = self._age() >= self._connection.settings.schedule.reconcile_positions_seconds
        if found is None and is_old and symbol not in self._looked_for:
            self.read()
            self._looked_for.add(symbol)
            found = self._listings.get(symbol)
        return _usable(symbol, found)

    def kept(self, symbol: Symbol) -> Listing | Unknown | None:
        """One market as last read, however old, without asking the venue; None where the list was never read."""
        return _usable(symbol, self._listings.get(symbol)) if self._listings else None

    def coin_of(self, symbol: Symbol) -> str | Unknown:
        found = self.listing(symbol)
        return found if isinstance(found, Unknown) else found.coin

    def any_coin(self) -> str:
        """The first coin that is traded: all share one market clock."""
        coin = next((item.coin for item in self.listings().values() if not item.problem), None)
        if coin is None:
            raise garbled("metaAndAssetCtxs", "a market that is traded", "none")
        return coin

    def read(self) -> dict[Symbol, Quote]:
        """Asks the venue and keeps the listings; the quote of every traded market that has a mark price. Raises VenueError."""
        started = self._connection.clock.monotonic()
        answer = self._connection.info({"type": "metaAndAssetCtxs"}, UNIVERSE_WEIGHT)
        what = "metaAndAssetCtxs"
        universe = list_field(field(answer, 0, what), "universe", what)
        contexts = as_list(field(answer, 1, what), what)
        if not universe or len(universe) != len(contexts):
            raise garbled(what, "as many contexts as markets, and some", f"{len(universe)} markets, {len(contexts)} contexts")
        listings = [self._listing(asset, entry) for asset, entry in enumerate(universe)]
        self._check_order(tuple(item.coin for item in listings))
        self._listings = {item.symbol: item for item in listings}
        self._read_at = started
        quotes = {item.symbol: _quote(context) for item, context in zip(listings, contexts, strict=True) if not item.problem}
        return {symbol: quote for symbol, quote in quotes.items() if quote is not None}

    def ccxt_markets(self) -> list[dict[str, Any]]:
        """The listings in the form that ccxt's signing methods look markets up in."""
        entries = [
            {"name": item.coin, "baseId": item.asset, "szDecimals": item.size_decimals, "maxLeverage": item.max_leverage}
            for item in self._listings.values()
        ]
        return list(self._connection.client.parse_markets(entries))

    def _listing(self, asset: int, entry: Any) -> Listing:
        """An entry that cannot be read is kept with its problem: it has its place in the list, and blocks no other market."""
        what = f"metaAndAssetCtxs.universe.{asset}"
        coin = text_field(entry, "name", what)
        symbol = self.symbol_of(coin)
        try:
            sizes, leverage = int_field(entry, "szDecimals", what), int_field(entry, "maxLeverage", what)
        except VenueSilent as error:
            return Listing(symbol, coin, asset, 0, 1, str(error))
        problem = "delisted by the venue" if entry.get("isDelisted") is True else None
        if not 0 <= sizes <= PRICE_DECIMALS or leverage < 1:
            problem = f"expected szDecimals of 0 to {PRICE_DECIMALS} and maxLeverage of at least 1, found {sizes} and {leverage}"
        return Listing(symbol, coin, asset, sizes, leverage, problem)

    def _check_order(self, coins: tuple[str, ...]) -> None:
        """Asset numbers are places in this list. The venue only appends: another order is a broken answer and would trade another coin."""
        known = self._coins
        if coins[: len(known)] != known:
            if len(coins) >= len(known):  # perhaps the first answer was the broken one: the next is believed
                self._coins, self._listings, self._read_at = (), {}, float("-inf")
            raise garbled("metaAndAssetCtxs.universe", f"the {len(known)} markets known in their order", ", ".join(coins))
        self._coins = coins

    def _age(self) -> float:
        return self._connection.clock.monotonic() - self._read_at


def _usable(symbol: Symbol, found: Listing | None) -> Listing | Unknown:
    if found is None:
        return Unknown(f"{symbol}: not listed by the venue")
    return Unknown(f"{symbol}: {found.problem}") if found.problem else found


def _quote(context: Any) -> Quote | None:
    """None for a market without a price, such as one just listed: it is left out, as an unlisted one is."""
    mark = _decimal_or_none(context, "markPx")
    return Quote(mark, _decimal_or_none(context, "funding")) if mark is not None and mark > 0 else None


def _decimal_or_none(context: Any, key: str) -> Decimal | None:
    try:
        return decimal_field(context, key, "metaAndAssetCtxs")
    except VenueSilent:
        return None
