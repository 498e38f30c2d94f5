"""The account as a whole is unknown where a part that it needs is: none of it becomes a nothing that would let something grow."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from tests.unit.domain.test_decision import BTC, ETH, OTHER, inputs, reading

from threet.domain.agreement import find_agreements
from threet.domain.decision import decide
from threet.domain.inputs import CycleInputs
from threet.domain.portfolio import caps_of, exposures, scale_factors
from threet.domain.price_band import confirmed_price, valuing_price
from threet.domain.target_of import fresh_price
from threet.domain.values import Known, Unknown


def without_account_value() -> CycleInputs:
    """The positions agree, what they are worth together does not."""
    local = reading(BTC="1")
    poorer = replace(local, value=replace(local.value, account_value=Decimal(5_000)))
    return inputs(local, {name: replace(poorer, source=name) for name in "abc"})


def unpriced() -> CycleInputs:
    """A position in a symbol whose price nobody published."""
    held = inputs(reading(XRP="7"))
    return replace(held, prices={**held.prices, OTHER: Unknown("never published")})


def test_without_an_account_value_there_are_neither_caps_nor_factors():
    given = without_account_value()
    agreements = find_agreements(given)
    assert isinstance(agreements.account_value, Unknown)
    assert caps_of(given, agreements) == agreements.account_value
    assert scale_factors(given, agreements, {BTC: Decimal(1)}) == agreements.account_value
    assert isinstance(decide(given).caps, Unknown)


def test_what_is_held_and_cannot_be_valued_leaves_all_exposures_and_factors_unknown():
    given = unpriced()
    agreements = find_agreements(given)
    for found in (
        exposures(given, agreements),
        scale_factors(given, agreements, {BTC: Decimal(1)}),
    ):
        assert isinstance(found, Unknown)
        assert "XRP/USDC:USDC is held, but cannot be valued: price: never published" in found.reason


def test_a_price_that_nobody_has_published_is_told_as_that():
    given = replace(inputs(), prices={})
    assert fresh_price(given, BTC) == Unknown("price: never published")
    for price_of in (confirmed_price, valuing_price):
        assert price_of(given, ETH, ["a", "b", "c"]) == Unknown("price: never published")


def test_what_an_account_held_before_it_was_adopted_is_not_remembered_as_agreed():
    """Else the first round after it would find all explained that a stranger did meanwhile."""
    for position in ("1", "0"):
        decision = decide(replace(inputs(reading(BTC=position)), states={}, adopted=False))
        assert decision.by_symbol[BTC].state.agreed_contracts is None
    adopted = decide(replace(inputs(reading(BTC="1")), states={}))
    assert isinstance(adopted.by_symbol[BTC].agreement.agreed, Known)
    assert adopted.by_symbol[BTC].state.agreed_contracts == 1
