"""No symbol trades on votes that were not held against its rows, whatever the check says and whom that lets trade."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.domain.test_decision import BTC, ETH, NOW, TERMS, inputs, reading, vote

from threet.application.deciding import decide_on_checked_votes
from threet.domain.decision import decide
from threet.domain.symbol_state import SymbolState
from threet.domain.targets import Hold
from threet.domain.values import Known, Symbol, Unknown
from threet.domain.votes import Vote

BOTH = {BTC: vote(BTC, 4), ETH: vote(ETH, 4)}
NARROW = replace(TERMS, max_net_exposure_percent=Decimal(20))
"""Room for one full position, or for two halves."""


class Check:
    """Answers so, or that all is as it was read; remembers who was asked."""

    def __init__(self, answers: dict[Symbol, Vote | Unknown] | None = None) -> None:
        self.answers = answers or {}
        self.asked: list[list[Symbol]] = []

    def __call__(self, read, names):
        self.asked.append(list(names))
        return {name: self.answers.get(name, read.votes.value.get(name)) for name in names}


def test_votes_that_the_rows_confirm_decide_as_they_were_read():
    read, check = inputs(votes=BOTH), Check()
    assert decide_on_checked_votes(read, check) == (read, decide(read))
    assert check.asked == [[BTC, ETH]]


def test_who_trades_only_since_another_one_may_not_is_asked_as_well():
    """BTC leaves its room to ETH, which held its half and was content."""
    states = [SymbolState(ETH, Decimal("0.5"), NOW)]
    read, check = inputs(votes=BOTH, local=reading(ETH="0.5"), states=states, terms=NARROW), Check({BTC: Unknown("a row differs")})
    assert [order.correction.symbol for order in decide(read).plan] == [BTC]
    made_from, decision = decide_on_checked_votes(read, check)
    assert check.asked == [[BTC], [ETH]]
    assert decision.by_symbol[BTC].target == Hold("votes: a row differs")
    assert [(order.correction.symbol, order.correction.contracts) for order in decision.plan] == [(ETH, Decimal("0.5"))]
    assert decision == decide(made_from)
    assert made_from == replace(read, votes=Known({BTC: Unknown("a row differs"), ETH: BOTH[ETH]}, NOW, "runs"))


def test_one_that_needs_no_order_is_not_asked():
    check = Check()
    decide_on_checked_votes(inputs(votes={BTC: vote(BTC, 4), ETH: vote(ETH, 0)}), check)
    assert check.asked == [[BTC]]


@pytest.mark.parametrize("votes", [Unknown("away"), BOTH])
def test_what_a_person_commands_asks_nobody(votes):
    read = inputs(local=reading(BTC="0.01"), flatten_reason="enough")
    read, check = replace(read, votes=votes if isinstance(votes, Unknown) else replace(read.votes, value=votes)), Check()
    _, decision = decide_on_checked_votes(read, check)
    assert [order.correction.reduce_only for order in decision.plan] == [True]
    assert check.asked == []


votes_said = st.one_of(st.just(None), st.just(Unknown("differs")), st.integers(-4, 4))


@given(
    read=st.tuples(st.integers(-4, 4), st.integers(-4, 4)),
    said=st.tuples(votes_said, votes_said),
    held=st.tuples(st.sampled_from(["0", "0.02", "-0.04"]), st.sampled_from(["0", "0.5", "-1"])),
    narrow=st.booleans(),
)
def test_every_order_on_votes_follows_what_the_check_said_of_its_symbol(read, said, held, narrow):
    votes = {BTC: vote(BTC, read[0]), ETH: vote(ETH, read[1])}
    answers = {
        name: vote(name, one) if isinstance(one, int) else one for name, one in zip((BTC, ETH), said, strict=True) if one is not None
    }
    positions = {coin: size for coin, size in zip(("BTC", "ETH"), held, strict=True) if size != "0"}
    states = [SymbolState(name, Decimal(size), NOW) for name, size in zip((BTC, ETH), held, strict=True)]
    given_inputs = inputs(votes=votes, local=reading(**positions), states=states, terms=NARROW if narrow else TERMS)
    check = Check(answers)
    made_from, decision = decide_on_checked_votes(given_inputs, check)
    asked = [name for names in check.asked for name in names]
    assert len(asked) == len(set(asked))
    assert {order.correction.symbol for order in decision.plan} <= set(asked)
    assert isinstance(made_from.votes, Known)
    assert made_from.votes.value == {name: answers.get(name, votes[name]) if name in asked else votes[name] for name in votes}
    assert decision == decide(made_from)
