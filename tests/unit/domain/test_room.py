"""What opens is cut to the room that the account's caps leave."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from tests.unit.domain.test_decision import BTC, ETH, NOW, TERMS, inputs, reading, vote

from threet.domain.caps import Caps, Pending, check_caps
from threet.domain.decision import decide
from threet.domain.symbol_state import Explanation, SymbolState
from threet.domain.values import Symbol


def test_what_opens_is_cut_to_the_room_that_the_others_leave():
    """Both are scaled to 1,000 USD of the net cap; ETH has 4 more, too little for an order: all of BTC's was refused in each cycle."""
    short_of_room = replace(TERMS, max_net_exposure_percent=Decimal(20))
    votes = {BTC: vote(BTC, 4), ETH: vote(ETH, 4)}
    held = Decimal("0.502")
    decision = decide(inputs(reading(ETH=str(held)), votes=votes, terms=short_of_room, states=[SymbolState(ETH, held, NOW)]))
    [order] = decision.plan
    assert isinstance(decision.exposures, dict)
    assert isinstance(decision.caps, Caps)
    check_caps(order.correction, decision.exposures, [], decision.caps)
    assert (order.correction.symbol, order.correction.contracts) == (BTC, Decimal("0.0199"))
    assert any("net exposure: room for" in said for said in decision.by_symbol[BTC].limits)
    assert decision.by_symbol[BTC].result == f"buy {order.correction.contracts}"


def test_room_that_is_smaller_than_the_no_trade_band_is_worth_no_order():
    short_of_room = replace(TERMS, max_net_exposure_percent=Decimal(20))
    votes = {BTC: vote(BTC, 4), ETH: vote(ETH, 0)}
    held = inputs(reading(ETH="1"), votes=votes, terms=short_of_room, pending=(Pending(ETH, Decimal("-0.05"), True),))
    decision = decide(held)
    assert [order.correction.symbol for order in decision.plan if not order.correction.reduce_only] == []
    assert decision.by_symbol[BTC].result == "the cap of net exposure leaves no room"


@pytest.mark.parametrize("ours", ["1.5", "-1.5"])
@pytest.mark.parametrize("votes", [4, -4])
def test_a_position_whose_sides_are_disputed_counts_on_either(ours, votes):
    """One reader turned the sign over, and which one nobody knows: ETH may stand with BTC, whatever our own says."""
    told = reading(ETH=ours)
    others = reading(ETH=str(-Decimal(ours)))
    observers = {name: replace(others, source=name) for name in "abc"}
    states = [SymbolState(ETH, -Decimal(ours), NOW)]
    terms = replace(TERMS, max_net_exposure_percent=Decimal(40))  # 4,000 USD, of which ETH may take 3,000
    decision = decide(inputs(told, observers, votes={BTC: vote(BTC, votes), ETH: vote(ETH, 4)}, states=states, terms=terms))
    [order] = decision.plan
    assert (order.correction.symbol, order.correction.contracts) == (BTC, Decimal("0.02"))


BEFORE = NOW - timedelta(seconds=20)


@pytest.mark.parametrize("told", ["0", "-1.5"])
@pytest.mark.parametrize(
    ("state", "explanation"),
    [
        (SymbolState(ETH, Decimal("1.5"), BEFORE), Explanation(Decimal(0), liquidated=False, pending=False)),
        (SymbolState(ETH, Decimal(1), BEFORE), Explanation(Decimal("0.5"), liquidated=False, pending=False)),
        (SymbolState(ETH, Decimal(1), BEFORE), Explanation(Decimal(0), liquidated=False, pending=False, later=Decimal("0.5"))),
        (SymbolState(ETH, Decimal(0), BEFORE, astray_contracts=Decimal(-1)), Explanation(Decimal("0.5"), liquidated=False, pending=False)),
    ],
)
def test_what_the_fills_make_of_a_position_counts_where_nobody_agrees_on_it(state, explanation, told):
    """A moment after a fill our own snapshot is too old to say, and all the observers leave ETH out, or turn it over."""
    others = reading(ETH=told, age=0.2)
    observers = {name: replace(others, source=name) for name in "abc"}
    short_of_room = replace(TERMS, max_net_exposure_percent=Decimal(40))  # 4,000 USD, of which ETH has 3,000
    given = inputs(reading(ETH="1.5", age=3), observers, {BTC: vote(BTC, 4), ETH: vote(ETH, 4)}, [state], terms=short_of_room)
    [order] = decide(replace(given, last_activity={ETH: NOW - timedelta(seconds=2)}, explanations={ETH: explanation})).plan
    assert (order.correction.symbol, order.correction.contracts) == (BTC, Decimal("0.02"))


def test_what_the_fills_make_of_a_position_counts_while_an_order_there_has_no_known_end():
    """Until it has, an agreement judges nothing; that all leave the position out meanwhile is not for want of an order."""
    short_of_room = replace(TERMS, max_net_exposure_percent=Decimal(40))
    reducing = Pending(ETH, Decimal("-0.5"), reduce_only=True)
    states, explained = [SymbolState(ETH, Decimal("1.5"), BEFORE)], {ETH: Explanation(Decimal(0), liquidated=False, pending=True)}
    votes = {BTC: vote(BTC, 4), ETH: vote(ETH, 4)}
    given = inputs(reading(), None, votes, states, terms=short_of_room, pending=(reducing,), explanations=explained)
    [order] = decide(given).plan
    assert (order.correction.symbol, order.correction.contracts) == (BTC, Decimal("0.02"))


def test_where_a_symbol_was_never_agreed_on_its_fills_are_no_position():
    """After a reset the fills begin in the middle of a life that ended: they held all other symbols for ever."""
    gone = Symbol("NEW/USDC:USDC")
    left_over = {gone: Explanation(Decimal(0), liquidated=False, pending=False, others=Decimal(-325))}
    given = inputs(reading(), votes={BTC: vote(BTC, 4), gone: vote(gone, 4)}, explanations=left_over)
    [order] = decide(given).plan
    assert order.correction.symbol == BTC
