"""Use case: the marks of all products, from one request, into the stream."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from threet.application.ports import MarketData, MarketPublisher, Products
from threet.domain.values import Symbol


@dataclass(frozen=True, slots=True)
class PricesUpdated:
    """``unlisted`` products got no price from the venue; they block nothing else. ``market_time`` is None where nothing was priced."""

    priced: int
    unlisted: tuple[Symbol, ...]
    market_time: datetime | None


class UpdatePrices:
    """Raises VenueError where the venue did not answer, PublishFailed where the stream did not take it."""

    def __init__(self, products: Products, market: MarketData, publisher: MarketPublisher) -> None:
        self._products = products
        self._market = market
        self._publisher = publisher

    def __call__(self) -> PricesUpdated:
        symbols = [product.symbol for product in self._products.all()]
        prices = self._market.prices(symbols) if symbols else {}
        wanted = [prices[name] for name in symbols if name in prices]
        self._publisher.publish_prices(wanted)
        return PricesUpdated(
            priced=len(wanted),
            unlisted=tuple(name for name in symbols if name not in prices),
            market_time=max((price.market_time for price in wanted), default=None),
        )
