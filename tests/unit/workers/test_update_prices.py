"""update_prices: one request for all, and a symbol that the venue does not list blocks nothing."""

from __future__ import annotations

import pytest
from tests.unit.workers.fakes import BTC, ETH, NEW, NOON, FakeMarket, FakeProducts, FakePublisher

from threet.application.publishing import PublishFailed
from threet.application.update_prices import UpdatePrices
from threet.domain.errors import VenueSilent


def test_all_products_are_priced_by_one_request():
    market, publisher = FakeMarket([BTC, ETH]), FakePublisher()
    result = UpdatePrices(FakeProducts([BTC, ETH]), market, publisher)()
    assert market.price_requests == [[BTC, ETH]]
    assert [[p.symbol for p in entry] for entry in publisher.prices] == [[BTC, ETH]]
    assert (result.priced, result.unlisted, result.market_time) == (2, (), NOON)


def test_an_unlisted_symbol_is_reported_and_blocks_nothing():
    publisher = FakePublisher()
    result = UpdatePrices(FakeProducts([NEW, BTC]), FakeMarket([BTC]), publisher)()
    assert result.unlisted == (NEW,)
    assert [p.symbol for p in publisher.prices[0]] == [BTC]


def test_a_product_added_or_removed_counts_from_the_next_call():
    products, publisher = FakeProducts([BTC]), FakePublisher()
    update = UpdatePrices(products, FakeMarket([BTC, ETH]), publisher)
    update()
    products.symbols = [ETH]
    update()
    assert [[p.symbol for p in entry] for entry in publisher.prices] == [[BTC], [ETH]]


def test_without_products_the_venue_is_not_asked():
    market = FakeMarket([BTC])
    assert UpdatePrices(FakeProducts([]), market, FakePublisher())().priced == 0
    assert market.price_requests == []


def test_a_silent_venue_publishes_nothing_and_says_so():
    publisher = FakePublisher()
    with pytest.raises(VenueSilent):
        UpdatePrices(FakeProducts([BTC]), FakeMarket([BTC], errors={None: VenueSilent("no answer")}), publisher)()
    assert publisher.prices == []


def test_a_stream_that_does_not_take_it_is_no_success():
    with pytest.raises(PublishFailed):
        UpdatePrices(FakeProducts([BTC]), FakeMarket([BTC]), FakePublisher(fails=True))()
