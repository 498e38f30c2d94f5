"""What stops new risk: the size and number of orders, prices that jump, switches, and the account's losses."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.domain.test_decision import BTC, ETH, NOW, PRICES, SYMBOL_TERMS, TERMS, inputs, reading, vote

from threet.domain.caps import CapExceeded, Caps, Exposure, check_caps, check_rate
from threet.domain.corrections import desired_contracts
from threet.domain.decision import decide
from threet.domain.drawdown import RiskState
from threet.domain.symbol_state import SymbolState
from threet.domain.targets import Flatten, Hold, ReduceOnly, Target
from threet.domain.values import Correction, Known, Side, Unknown

SWITCHES = st.fixed_dictionaries({name: st.booleans() for name in ("can_go_long", "can_go_short", "reduce_only")})
NO_SWITCH: dict[str, bool] = {}
sizes = st.integers(-800, 800).map(lambda lots: Decimal(lots) / 10_000)


def holding(contracts) -> dict:
    """Inputs of an account that holds so much BTC, explained."""
    return {"local": reading(BTC=str(contracts)), "states": [SymbolState(BTC, Decimal(contracts), NOW)]}


def test_an_order_that_adds_risk_goes_in_parts_and_the_record_says_so():
    terms = replace(TERMS, max_order_usd=Decimal(1_500))
    decision = decide(inputs(terms=terms))
    [order] = decision.plan
    assert (order.correction.contracts, decision.by_symbol[BTC].target) == (Decimal("0.03"), Target(Decimal("0.04")))
    assert decision.by_symbol[BTC].limits == ("max_order_usd: 0.04 asked for, of 1500 USD at a time",)
    [rest] = decide(inputs(terms=terms, **holding("0.03"))).plan
    assert rest.correction.contracts == Decimal("0.01")


def test_a_reduction_is_never_cut_by_the_size_of_an_order():
    [order] = decide(inputs(terms=replace(TERMS, max_order_usd=Decimal(20)), votes={BTC: vote(BTC, 0)}, **holding("0.04"))).plan
    assert (order.correction.contracts, order.correction.reduce_only) == (Decimal("0.04"), True)


def test_a_limit_below_the_minimum_of_the_venue_sends_nothing_and_says_why():
    decision = decide(inputs(terms=replace(TERMS, max_order_usd=Decimal(9))))
    assert decision.plan == ()
    assert "max_order_usd of 9 USD" in decision.by_symbol[BTC].result


def test_order_size_and_rate_are_refused_on_the_far_side_of_the_limit_alone():
    caps = Caps({BTC: Decimal(10_000)}, Decimal(10_000), Decimal(10_000), Decimal(500), 3)
    held = {BTC: Exposure(Decimal(0), Decimal(100))}
    buys = {size: Correction(BTC, Side.BUY, Decimal(size), reduce_only=False) for size in (5, 6)}
    check_caps(buys[5], held, [], caps)
    with pytest.raises(CapExceeded, match=r"an order of 600\.00 USD, the limit is 500\.00"):
        check_caps(buys[6], held, [], caps)
    check_rate(buys[5], 2, caps)
    with pytest.raises(CapExceeded, match="3 orders in the last hour, the limit is 3"):
        check_rate(buys[5], 3, caps)
    check_rate(replace(buys[6], reduce_only=True), 99, caps)


@given(SWITCHES, sizes, st.integers(-4, 4))
def test_switches_stop_growth_and_close_nothing_by_themselves(switches, held, direction):
    """What is held afterwards is what it would be without them, or what is held now."""
    votes = {BTC: vote(BTC, direction)}
    free, bound = (
        decide(inputs(votes=votes, products={BTC: replace(SYMBOL_TERMS, **given_switches)}, **holding(held))).by_symbol[BTC].target
        for given_switches in (NO_SWITCH, switches)
    )
    assert not isinstance(free, Hold)
    assert not isinstance(bound, Hold)
    without, after = desired_contracts(free, held), desired_contracts(bound, held)
    if without * held > 0 and abs(without) <= abs(held):
        assert after == without
    elif without * held < 0:
        assert after in (Decimal(0), without)
    else:
        assert after in (held, without)
    grows = abs(after) > abs(held) or after * held < 0
    if grows:
        assert not switches["reduce_only"]
        assert switches["can_go_long" if after > 0 else "can_go_short"]


@pytest.mark.parametrize(
    ("switch", "votes", "said"),
    [({"can_go_long": False}, 4, "can_go_long is false"), ({"can_go_short": False}, -4, "can_go_short is false")]
    + [({"reduce_only": True}, votes, "reduce_only is set") for votes in (4, -4)],
)
def test_a_switch_is_named_as_the_reason(switch, votes, said):
    decision = decide(inputs(votes={BTC: vote(BTC, votes)}, products={BTC: replace(SYMBOL_TERMS, **switch)}))
    assert decision.plan == ()
    found = decision.by_symbol[BTC].target
    assert isinstance(found, ReduceOnly)
    assert found.reason == said


def test_a_price_inside_the_band_needs_no_second_source_and_is_remembered():
    state = SymbolState(BTC, Decimal(0), NOW, accepted_price=PRICES[BTC] / Decimal("1.05"))
    decision = decide(inputs(marks={}, states=[state]))
    assert isinstance(decision.by_symbol[BTC].target, Target)
    assert decision.by_symbol[BTC].state.accepted_price == PRICES[BTC]


@pytest.mark.parametrize("accepted", [None, Decimal(47_000), Decimal(53_000)])
@pytest.mark.parametrize(
    ("marks", "confirms"),
    [
        ({"a": 50_000, "b": 50_000, "c": 50_000}, True),
        ({"a": 50_500, "b": 49_500}, True),
        ({"a": 50_500, "b": 49_499}, False),
        ({"a": 50_000, "b": 50_000, "c": 53_000}, False),
        ({"a": 50_000}, False),
        ({"a": 50_000, "a stranger": 50_000}, False),
        ({}, False),
    ],
)
def test_a_price_that_jumped_is_believed_with_a_quorum_of_marks_and_no_dissent(accepted, marks, confirms):
    state = SymbolState(BTC, Decimal(0), NOW, accepted_price=accepted)
    told = {name: {BTC: Decimal(mark)} for name, mark in marks.items()}
    found = decide(inputs(marks=told, states=[state])).by_symbol[BTC]
    if confirms:
        assert found.target == Target(Decimal("0.04"))
        assert found.state.accepted_price == PRICES[BTC]
    else:
        assert isinstance(found.target, Hold)
        assert "outside the band" in found.target.reason
        assert found.state.accepted_price == accepted


def test_the_mark_of_an_observer_that_is_not_valid_confirms_nothing():
    old = reading(age=60)
    observers = {"a": reading("a"), "b": replace(old, source="b"), "c": replace(old, source="c")}
    found = decide(inputs(observers=observers, terms=replace(TERMS, quorum=1))).by_symbol[BTC]
    assert isinstance(found.target, Target)
    marks = {"b": PRICES, "c": PRICES}
    found = decide(inputs(observers=observers, marks=marks, terms=replace(TERMS, quorum=1))).by_symbol[BTC]
    assert isinstance(found.target, Hold)


def test_a_fall_that_nobody_confirms_makes_a_position_weigh_no_less_for_the_others():
    """ETH seems worth a tenth: BTC's room is what it was before."""
    states = [SymbolState(ETH, Decimal("4.5"), NOW, accepted_price=Decimal(2_000))]
    prices = {BTC: Known(PRICES[BTC], NOW, "redis"), ETH: Known(Decimal(200), NOW, "redis")}
    marks = {name: {BTC: PRICES[BTC]} for name in "abc"}
    found = decide(inputs(local=reading(ETH="4.5"), states=states, prices=prices, marks=marks))
    assert isinstance(found.by_symbol[ETH].target, Hold)
    assert isinstance(found.exposures, dict)
    assert found.exposures[ETH].price == 2_000
    assert found.by_symbol[BTC].target == Target(Decimal("0.02"))
    assert "gross and net" in found.by_symbol[BTC].limits[0]


def test_flatten_closes_also_where_a_price_jumped():
    state = SymbolState(BTC, Decimal("0.04"), NOW, accepted_price=Decimal(30_000))
    found = decide(inputs(local=reading(BTC="0.04"), states=[state], marks={}, flatten_reason="enough"))
    assert [order.correction.contracts for order in found.plan] == [Decimal("0.04")]


def risk(**changes) -> RiskState:
    base = RiskState("0xA", (Decimal(10_000),), NOW - timedelta(seconds=30), (), Decimal(10_000), NOW.date(), Decimal(10_000))
    return replace(base, **changes)


@pytest.mark.parametrize(
    ("peak", "said"), [(11_000, None), (11_765, "drawdown of 15 % or more below the peak"), (13_334, "drawdown of 25.00 % below the peak")]
)
def test_the_levels_stop_growth_and_then_close_everything(peak, said):
    growing = decide(inputs(risk=risk(peak=Decimal(peak))))
    holding_it = decide(inputs(risk=risk(peak=Decimal(peak)), **holding("0.02")))
    if said is None:
        assert isinstance(growing.by_symbol[BTC].target, Target)
        return
    assert growing.plan == ()
    assert said in str(growing.no_new_risk)
    assert said in growing.by_symbol[BTC].limits[-1]
    if "25" in said:
        assert isinstance(holding_it.by_symbol[BTC].target, Flatten)
        assert [order.correction.contracts for order in holding_it.plan] == [Decimal("0.02")]
    else:
        assert holding_it.by_symbol[BTC].target == ReduceOnly(Decimal("0.04"), str(holding_it.no_new_risk))
        assert holding_it.plan == ()


def test_a_loss_of_the_day_stops_growth_and_not_what_the_votes_reduce():
    lost = risk(day_start=Decimal(11_200))
    assert decide(inputs(risk=lost)).plan == ()
    [order] = decide(inputs(risk=lost, votes={BTC: vote(BTC, 1)}, **holding("0.04"))).plan
    assert order.correction.reduce_only


def test_while_transfers_are_unknown_nothing_grows():
    decision = decide(inputs(risk=risk(), transfers=Unknown("the venue is away")))
    assert decision.plan == ()
    assert decision.by_symbol[BTC].target == ReduceOnly(Decimal("0.04"), "transfers could not be read: the venue is away")
    assert decision.risk == risk()


def test_the_terminal_level_without_consensus_closes_nothing_by_guess():
    observers = {name: reading(name, BTC="0.05") for name in "abc"}
    decision = decide(inputs(risk=risk(terminal="a loss"), observers=observers, **holding("0.04")))
    assert decision.plan == ()
    assert isinstance(decision.by_symbol[BTC].target, Hold)
