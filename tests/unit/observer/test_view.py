"""What an observer reads out of the venue's answers."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from threet.observer.naming import unified_name
from threet.observer.view import Unreadable, account_view, mark_prices, sub_account_addresses, summed

STATE: dict[str, Any] = {
    "marginSummary": {"accountValue": "10012.5"},
    "assetPositions": [
        {"type": "oneWay", "position": {"coin": "BTC", "szi": "-0.5"}},
        {"type": "oneWay", "position": {"coin": "kPEPE", "szi": "1000"}},
        {"type": "oneWay", "position": {"coin": "ETH", "szi": "0.0"}},
    ],
    "time": 1_780_315_200_123,
}


def test_an_account_is_read_whole() -> None:
    view = account_view(STATE)
    assert view.positions == {"BTC/USDC:USDC": Decimal("-0.5"), "KPEPE/USDC:USDC": Decimal(1000)}
    assert view.account_value == Decimal("10012.5")
    assert view.exchange_time == datetime(2026, 6, 1, 12, 0, 0, 123000, UTC)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("assetPositions",), None),
        (("assetPositions",), {}),
        (("assetPositions", 0, "position", "szi"), None),
        (("assetPositions", 0, "position", "szi"), "NaN"),
        (("assetPositions", 0, "position", "szi"), -0.5),
        (("assetPositions", 0, "position", "coin"), ""),
        (("assetPositions", 1, "position", "coin"), "BTC"),
        (("marginSummary",), None),
        (("marginSummary", "accountValue"), None),
        (("time",), None),
        (("time",), "1780315200123"),
        (("time",), 1_780_315_200),
        (("time",), 10**30),
    ],
)
def test_a_field_that_is_missing_or_odd_is_no_reading(path: tuple[str | int, ...], value: object) -> None:
    broken: Any = copy.deepcopy(STATE)
    place = broken
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(Unreadable):
        account_view(broken)


@pytest.mark.parametrize("answer", [None, [], "x", 5, {}])
def test_another_answer_is_no_reading(answer: object) -> None:
    for read in (account_view, mark_prices):
        with pytest.raises(Unreadable):
            read(answer)


def test_marks_are_those_of_traded_markets() -> None:
    universe = [{"name": "BTC"}, {"name": "OLD", "isDelisted": True}, {"name": "NEW"}]
    contexts: list[Any] = [{"markPx": "100.5"}, {"markPx": "1"}, {"markPx": None}]
    assert mark_prices([{"universe": universe}, contexts]) == {"BTC/USDC:USDC": Decimal("100.5")}
    with pytest.raises(Unreadable):
        mark_prices([{"universe": universe}, contexts[:2]])


def test_no_sub_accounts_is_null_and_nothing_else() -> None:
    assert sub_account_addresses(None) == ()
    assert sub_account_addresses([{"subAccountUser": "0x1"}, {"subAccountUser": "0x2"}]) == ("0x1", "0x2")
    wrong_answers: list[Any] = [{}, "", [{}], [None]]
    for wrong in wrong_answers:
        with pytest.raises(Unreadable):
            sub_account_addresses(wrong)


def test_positions_of_several_accounts_add_up() -> None:
    own = account_view(STATE)
    other = account_view(
        {**STATE, "assetPositions": [{"position": {"coin": "BTC", "szi": "0.5"}}, {"position": {"coin": "SOL", "szi": "2"}}]}
    )
    assert summed([own, other]) == {"KPEPE/USDC:USDC": Decimal(1000), "SOL/USDC:USDC": Decimal(2)}


def test_names_are_unified() -> None:
    assert [unified_name(coin) for coin in ("BTC", "kPEPE", "xyz:GOLD", "XBT")] == [
        "BTC/USDC:USDC",
        "KPEPE/USDC:USDC",
        "XYZ-GOLD/USDC:USDC",
        "BTC/USDC:USDC",
    ]
