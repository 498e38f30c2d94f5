"""`3t why`: everything that a person would ask of an order or a symbol stands in the sections, with the numbers of the record."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.support.cycle import BTC, ETH, Desk

from threet.cli.why.command import _of_order, _of_symbol
from threet.cli.why.explanation import explain

OVERLAP = timedelta(minutes=1)


def told(story) -> dict[str, str]:
    return {section.title: "\n".join(section.lines) for section in explain(story)}


@pytest.fixture
def traded(desk: Desk) -> Desk:
    desk.cycle()
    desk.vote({BTC: 8, ETH: -4})
    desk.cycle()
    return desk


def test_an_order_is_told_from_the_votes_to_its_fills(traded: Desk) -> None:
    order = next(order for order in traded.store.orders(5) if order.symbol == BTC)
    text = told(_of_order(traded.store, order.client_order_id[:10], OVERLAP))
    assert "8 of 8 active runs vote: 8 long, 0 short" in text["What the runs wanted"]
    assert "+1.00 × 10,000.00 USD × 20 % /" in text["How large"]
    assert "account value 10,000.00 USD" in text["What it knew"]
    sources = text["What the account held, as each source said"]
    assert all(f"{name}: 0, " in sources for name in ("a", "b", "c", "local"))
    assert f"planned: buy {order.contracts}" in text["What it decided"]
    assert f"FILLED: {order.contracts} of {order.contracts} filled" in text["What became of the order"]
    assert "fill " in text["What became of the order"]


def test_a_symbol_is_told_by_its_last_decision_whichever_way_it_is_spelt(traded: Desk) -> None:
    short = told(_of_symbol(traded.store, "eth", OVERLAP))
    assert short == told(_of_symbol(traded.store, "ETH/USDC:USDC", OVERLAP))
    assert "net vote -4 / max(4 voters, 8 for full size) = -0.50" in short["What the runs wanted"]


def test_what_kept_it_from_trading_is_told(traded: Desk) -> None:
    traded.observers[0].deaf = traded.observers[1].deaf = True
    traded.vote({BTC: -8})
    traded.cycle()
    text = told(_of_symbol(traded.store, "BTC", OVERLAP))
    assert "a: not counted: a: does not answer" in text["What the account held, as each source said"]
    assert "not agreed" in text["What the account held, as each source said"]
    traded.halt.halt("somebody", "lunch")
    traded.cycle()
    assert "lunch" in told(_of_symbol(traded.store, "BTC", OVERLAP))["What it decided"]


def test_an_unknown_name_is_answered_with_those_there_are(traded: Desk) -> None:
    with pytest.raises(Exception, match=r"one of BTC/USDC:USDC, .*was DOG$"):
        _of_symbol(traded.store, "DOG", OVERLAP)
    with pytest.raises(Exception, match="expected one order whose id begins with 0xffff"):
        _of_order(traded.store, "0xffff", OVERLAP)
