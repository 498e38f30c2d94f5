"""The bare ccxt client in each mode, and the list of markets whose places are asset numbers."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from ccxt.base.errors import BadRequest, RateLimitExceeded
from tests.support.observer import node_entries
from tests.support.venue_settings import venue_settings, write_config

from threet.adapters.clock import SystemClock
from threet.adapters.venue import Venue
from threet.adapters.venue.catalogue import Catalogue, Listing
from threet.adapters.venue.client import make_client
from threet.domain.errors import VenueSilent
from threet.domain.values import Symbol, Unknown
from threet.settings import Settings, load_settings

BTC, ETH, OLD = Symbol("BTC/USDC:USDC"), Symbol("ETH/USDC:USDC"), Symbol("OLD/USDC:USDC")
URL = "http://127.0.0.1:9"


def real_venue(folder: Path, mode: str) -> Settings:
    changes: dict[str, dict[str, Any]] = {"exchange": {"mode": mode, "base_url": None}, "observers": {"nodes": node_entries({})}}
    return load_settings(write_config(folder, changes))


@pytest.mark.parametrize(
    ("mode", "url", "sandbox"),
    [("testnet", "https://api.hyperliquid-testnet.xyz", True), ("live", "https://api.hyperliquid.xyz", False)],
)
def test_each_mode_has_its_own_address_and_signature(tmp_path: Path, mode: str, url: str, sandbox: bool) -> None:
    client = make_client(real_venue(tmp_path, mode), "3t-test")
    assert client.sign("info", ["public"], "POST", {})["url"] == f"{url}/info"
    assert client.sign("exchange", ["private"], "POST", {})["url"] == f"{url}/exchange"
    assert client.options["sandboxMode"] is sandbox


def test_the_simulators_address_serves_both_sides(tmp_path: Path) -> None:
    client = make_client(venue_settings(tmp_path, URL), "3t-test")
    assert client.urls["api"] == {"public": URL, "private": URL}
    assert client.options["sandboxMode"] is False
    assert client.enableRateLimit is False
    assert client.timeout == 2000


def test_the_client_asks_for_no_builder_and_has_no_nonces_of_its_own(tmp_path: Path) -> None:
    client = make_client(venue_settings(tmp_path, URL), "3t-test")
    assert client.initialize_client() is True  # where ccxt approves fees; a connection to port 9 would raise
    assert client.options["approvedBuilderFee"] is False
    with pytest.raises(BadRequest, match="reads only"):
        client.incrementing_nonce()


def test_a_status_is_read_before_any_text(tmp_path: Path) -> None:
    client = make_client(venue_settings(tmp_path, URL), "3t-test")
    with pytest.raises(RateLimitExceeded):
        client.handle_errors(429, "", "", "POST", {}, '{"error": "x"}', {"error": "x"}, {}, "")
    client.handle_errors(200, "", "", "POST", {}, "", {"status": "err", "response": "User or API Wallet "}, {}, "")


class Script:
    """A list of markets that the test writes, where the venue's answer would come from."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answer: Any = None
        venue = Venue(venue_settings(folder, URL), SystemClock())
        monkeypatch.setattr(venue.connection, "info", lambda request, weight: self.answer)
        self.catalogue: Catalogue = venue.catalogue

    def lists(self, *coins: str, **changes: Any) -> None:
        universe = [{"name": coin, "szDecimals": 5, "maxLeverage": 40, **changes.get(coin, {})} for coin in coins]
        self.answer = [{"universe": universe}, [{"markPx": "100.5"} for _ in coins]]


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    return Script(tmp_path, monkeypatch)


def test_places_are_asset_numbers_and_new_markets_come_last(script: Script) -> None:
    script.lists("BTC", "ETH")
    assert script.catalogue.read() == {BTC: (Decimal("100.5"), None), ETH: (Decimal("100.5"), None)}
    script.lists("BTC", "ETH", "SOL")
    script.catalogue.read()
    found = script.catalogue.listing(ETH)
    assert isinstance(found, Listing)
    assert found.asset == 1


def test_an_answer_that_moves_a_market_is_refused_and_nothing_is_traded_on_it(script: Script) -> None:
    script.lists("BTC", "ETH", "SOL")
    script.catalogue.read()
    script.lists("ETH", "SOL")
    with pytest.raises(VenueSilent, match="known in their order"):
        script.catalogue.read()
    kept = script.catalogue.kept(ETH)
    assert isinstance(kept, Listing)
    assert kept.asset == 1
    script.lists("ETH", "BTC", "SOL")
    with pytest.raises(VenueSilent, match="known in their order"):
        script.catalogue.read()
    assert script.catalogue.kept(ETH) is None  # which of the two answers was broken is not known: neither is used
    script.catalogue.read()
    again = script.catalogue.kept(ETH)
    assert isinstance(again, Listing)
    assert again.asset == 0


@pytest.mark.parametrize(
    "answer",
    [[], {}, "x", [{}, []], [{"universe": []}, []], [{"universe": [{"name": "BTC"}]}, []], [{"universe": [{}]}, [{}]], [None, None]],
)
def test_no_list_is_no_answer(script: Script, answer: Any) -> None:
    script.answer = answer
    with pytest.raises(VenueSilent):
        script.catalogue.read()
    with pytest.raises(VenueSilent):
        script.catalogue.listing(BTC)


def test_a_market_that_cannot_be_traded_blocks_no_other(script: Script) -> None:
    script.lists("BTC", "OLD", "ODD", OLD={"isDelisted": True}, ODD={"szDecimals": None})
    assert set(script.catalogue.read()) == {BTC}
    assert script.catalogue.listing(OLD) == Unknown("OLD/USDC:USDC: delisted by the venue")
    assert isinstance(script.catalogue.listing(Symbol("ODD/USDC:USDC")), Unknown)
    assert script.catalogue.any_coin() == "BTC"


@pytest.mark.parametrize("mark", [None, "", "0", "-1", "NaN", 100.5])
def test_a_mark_that_is_no_price_is_left_out(script: Script, mark: object) -> None:
    script.lists("BTC", "ETH")
    script.answer[1][0]["markPx"] = mark
    assert set(script.catalogue.read()) == {ETH}


@pytest.mark.parametrize("rate", [None, "", "NaN", 0.0000125])
def test_a_rate_of_funding_that_is_no_decimal_is_not_known_and_costs_no_mark(script: Script, rate: object) -> None:
    script.lists("BTC", "ETH")
    script.answer[1][0]["funding"], script.answer[1][1]["funding"] = rate, "-0.0000125"
    assert script.catalogue.read() == {BTC: (Decimal("100.5"), None), ETH: (Decimal("100.5"), Decimal("-0.0000125"))}
