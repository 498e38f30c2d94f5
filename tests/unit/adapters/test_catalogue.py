"""Markets that cannot be traded are unknown with their reason, and block no other."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from threet.adapters.venue.catalogue import Catalogue, Listing
from threet.domain.values import Symbol, Unknown


class Lists:
    """A connection whose venue lists these markets, all at a mark of 5."""

    def __init__(self, *universe: dict[str, Any]) -> None:
        self.universe = list(universe)
        self.asked = 0
        self.seconds = 0.0
        self.client = SimpleNamespace(coin_to_market_id=lambda coin: f"{coin}/USDC:USDC")
        self.clock = SimpleNamespace(monotonic=lambda: self.seconds)
        self.settings = SimpleNamespace(
            exchange=SimpleNamespace(rules_refresh_seconds=300), schedule=SimpleNamespace(reconcile_positions_seconds=12)
        )

    def info(self, request: dict[str, str], weight: float) -> Any:
        self.asked += 1
        return [{"universe": self.universe}, [{"markPx": "5"} for _ in self.universe]]


def market(coin: str, **changes: Any) -> dict[str, Any]:
    return {"name": coin, "szDecimals": 2, "maxLeverage": 20, **changes}


def name(coin: str) -> Symbol:
    return Symbol(f"{coin}/USDC:USDC")


def test_a_delisted_market_and_one_with_rules_out_of_bounds_are_unknown_and_have_no_price():
    lists: Any = Lists(market("OLD", isDelisted=True), market("ODD", szDecimals=7), market("BTC"))
    catalogue = Catalogue(lists)
    for look in (catalogue.listing, catalogue.kept):
        assert look(name("OLD")) == Unknown("OLD/USDC:USDC: delisted by the venue")
        odd = look(name("ODD"))
        assert isinstance(odd, Unknown)
        assert "found 7 and 20" in odd.reason
        assert isinstance(look(name("BTC")), Listing)
    assert isinstance(catalogue.coin_of(name("OLD")), Unknown)
    assert catalogue.any_coin() == "BTC"
    assert list(catalogue.read()) == [name("BTC")]


def test_what_is_not_listed_is_looked_for_once_and_then_with_the_rules():
    lists: Any = Lists(market("BTC"))
    catalogue = Catalogue(lists)
    assert isinstance(catalogue.listing(name("BTC")), Listing)
    for seconds, asked in ((0, 1), (11, 1), (12, 2), (24, 2), (311, 2), (312, 3)):
        lists.seconds = seconds
        assert catalogue.listing(name("NEW")) == Unknown("NEW/USDC:USDC: not listed by the venue")
        assert lists.asked == asked
    lists.universe.append(market("NEW"))
    lists.seconds = 612
    assert isinstance(catalogue.listing(name("NEW")), Listing)
