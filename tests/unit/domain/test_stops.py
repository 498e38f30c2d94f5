"""Which stop a position wants, and that there is never a moment without one."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.domain.test_decision import BTC, ETH, NOW, SYMBOL_TERMS, inputs, reading, rules, vote

from threet.domain.caps import Pending
from threet.domain.decision import Decision, decide
from threet.domain.inputs import CycleInputs
from threet.domain.resting import RestingStop
from threet.domain.symbol_state import SymbolState, after_stop
from threet.domain.values import Known, Side, Unknown

sizes = st.integers(-500, 500).filter(bool).map(lambda lots: Decimal(lots) / 10_000)


def at_target(contracts: Decimal, entry="50000", percent="5", resting=(), **changes) -> CycleInputs:
    """An account whose votes want what it holds."""
    base = {
        "local": reading(BTC=str(contracts)),
        "states": [SymbolState(BTC, contracts, NOW)],
        "votes": {BTC: vote(BTC, 4 if contracts > 0 else -4), ETH: vote(ETH, 0)},
        "products": {BTC: replace(SYMBOL_TERMS, stop_loss_percent=Decimal(percent) if percent else None, reduce_only=True)},
        "entry_prices": {BTC: Decimal(entry)},
        "stops": tuple(resting),
    }
    return inputs(**{**base, **changes})


def stop(contracts="0.04", trigger="47500", side=Side.SELL, name="0xold") -> RestingStop:
    return RestingStop(name, BTC, side, Decimal(contracts), Decimal(trigger))


def said(decision: Decision) -> tuple[int, list[str]]:
    return len(decision.stops), [item.client_order_id for item in decision.stale_stops]


@given(sizes.filter(lambda size: abs(size) <= Decimal("0.04")), st.decimals(48_500, 51_500, places=0), st.integers(5, 30))
def test_a_stop_is_reduce_only_of_the_whole_position_and_on_the_losing_side(held, entry, percent):
    decision = decide(at_target(held, entry=str(entry), percent=str(percent)))
    assert decision.plan == ()
    [placed] = decision.stops
    correction, trigger = placed.correction, placed.trigger_price
    assert trigger is not None
    assert correction.reduce_only
    assert correction.signed_contracts == -held
    loss = (entry - trigger) / entry * (1 if held > 0 else -1) * 100
    assert percent <= loss < percent + Decimal("0.01")
    assert (placed.limit_price - trigger) * correction.side.sign > 0


def test_the_same_stop_is_left_alone_and_an_old_one_goes_only_where_the_new_one_rests():
    held = Decimal("0.04")
    assert said(decide(at_target(held, resting=[stop()]))) == (0, [])
    for old in (stop(contracts="0.03"), stop(trigger="40000"), stop(side=Side.BUY)):
        assert said(decide(at_target(held, resting=[old]))) == (1, [])
        assert said(decide(at_target(held, resting=[replace(old, client_order_id="0xolder"), stop()]))) == (0, ["0xolder"])


def test_without_a_position_or_a_wish_every_stop_goes():
    assert said(decide(at_target(Decimal("0.04"), percent=None, resting=[stop()]))) == (0, ["0xold"])
    flat = decide(inputs(votes={BTC: vote(BTC, 0)}, stops=(stop(),)))
    assert said(flat) == (0, ["0xold"])


def test_an_account_of_nothing_at_all_is_no_reason_to_take_a_stop_away():
    """So a venue answers that has lost sight of the account for a moment: flat, and worth 0. The position would stand without its stop."""
    empty = decide(inputs(local=reading(value=0), votes={BTC: vote(BTC, 0)}, stops=(stop(),)))
    assert isinstance(empty.account_value, Unknown)
    assert said(empty) == (0, [])


@pytest.mark.parametrize(
    "change",
    [
        {"observers": {}},
        {"entry_prices": {}},
        {"rules": {}},
        {"prices": {}},
        {"pending": (Pending(BTC, Decimal(1), reduce_only=False),)},
        {"adopted": False},
        {"flatten_reason": "enough"},
    ],
)
def test_what_is_not_known_or_about_to_change_leaves_the_stops_as_they_are(change):
    assert said(decide(at_target(Decimal("0.04"), resting=[stop(trigger="1")], **change))) == (0, [])


def test_a_symbol_whose_order_is_in_the_plan_has_its_stop_looked_at_afterwards():
    decision = decide(at_target(Decimal("0.04"), votes={BTC: vote(BTC, 1), ETH: vote(ETH, 0)}))
    assert len(decision.plan) == 1
    assert decision.stops == ()


def test_on_hold_a_position_has_its_stop_all_the_same():
    decision = decide(at_target(Decimal("0.04"), votes={}))
    assert decision.by_symbol[BTC].result.startswith("hold")
    assert len(decision.stops) == 1


def test_a_price_beyond_the_trigger_is_told_and_nothing_is_placed():
    at_it = Known(Decimal(47_500), NOW, "redis")
    above = Known(Decimal("47500.1"), NOW, "redis")
    assert len(decide(at_target(Decimal("0.04"), prices={BTC: above}, marks={n: {BTC: above.value} for n in "abc"})).stops) == 1
    decision = decide(at_target(Decimal("0.04"), prices={BTC: at_it}, marks={n: {BTC: at_it.value} for n in "abc"}))
    assert decision.stops == ()
    assert "beyond it already" in str(decision.by_symbol[BTC].alert)


def test_the_name_of_a_stop_is_not_that_of_a_correction_of_the_same_size():
    [placed] = decide(at_target(Decimal("0.04"))).stops
    [closing] = decide(inputs(local=reading(BTC="0.04"), states=[SymbolState(BTC, Decimal("0.04"), NOW)], votes={BTC: vote(BTC, 0)})).plan
    assert placed.correction == closing.correction
    assert placed.client_order_id != closing.client_order_id


def test_a_stop_that_was_executed_locks_for_a_person():
    state = after_stop(SymbolState(BTC, Decimal(0), NOW), NOW)
    for _ in range(10):
        state = decide(inputs(states=[state])).by_symbol[BTC].state
        assert state.locked


def test_rules_of_other_markets_are_not_needed():
    assert decide(at_target(Decimal("0.04"), rules={BTC: rules(BTC)})).stops
