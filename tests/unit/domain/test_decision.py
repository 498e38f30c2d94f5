"""One decision, from inputs to plan: what must hold whatever is unknown, late, locked or capped."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threet.application.records import hash_of, inputs_from_json, inputs_to_json, plan_to_json, targets_to_json
from threet.domain.caps import CapExceeded, Caps, Pending, check_caps
from threet.domain.decision import decide
from threet.domain.drawdown import RiskState, RiskTerms
from threet.domain.foreign import ForeignOrder
from threet.domain.inputs import CycleInputs
from threet.domain.sources import Rejected, Rejection, SourceReading
from threet.domain.symbol_state import Explanation, SymbolState
from threet.domain.targets import Flatten, Hold, ReduceOnly, Target
from threet.domain.terms import SymbolTerms, Terms
from threet.domain.values import Known, MarketRules, Symbol, Unknown
from threet.domain.votes import Vote

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
BTC, ETH, OTHER = Symbol("BTC/USDC:USDC"), Symbol("ETH/USDC:USDC"), Symbol("XRP/USDC:USDC")
PRICES = {BTC: Decimal(50_000), ETH: Decimal(2_000)}
TERMS = Terms(
    quorum=2,
    risk_pos_percentage=Decimal(20),
    vote_full_size_runs=4,
    tolerance_lots=Decimal(0),
    account_value_tolerance_percent=Decimal(1),
    settle_margin=timedelta(milliseconds=500),
    max_position_age=timedelta(seconds=10),
    max_observation_age=timedelta(seconds=10),
    max_price_age=timedelta(seconds=10),
    max_clock_skew=timedelta(seconds=2),
    max_quarantined_percent=Decimal(20),
    max_gross_exposure_percent=Decimal(150),
    max_net_exposure_percent=Decimal(100),
    order_slippage_bps=Decimal(50),
    max_hold=timedelta(seconds=600),
    flatten_on_long_hold=False,
    lock_on_external_change=True,
    unlock_after_rounds=3,
    mark_tolerance_percent=Decimal(1),
    stop_slippage_bps=Decimal(500),
    max_order_usd=Decimal(100_000),
    max_orders_per_hour=100,
    risk=RiskTerms(Decimal(10), Decimal(15), Decimal(25), 1),
)
SYMBOL_TERMS = SymbolTerms(
    3, 40, Decimal(25_000), Decimal(10), Decimal(5), can_go_long=True, can_go_short=True, reduce_only=False, stop_loss_percent=None
)


def rules(name: Symbol) -> MarketRules:
    return MarketRules(name, Decimal("0.0001"), 1, 5, Decimal(10), 40)


def reading(source="local", value=10_000, age=1.0, **positions: str) -> Known[SourceReading]:
    at = NOW - timedelta(seconds=age)
    held = {Symbol(f"{coin}/USDC:USDC"): Decimal(size) for coin, size in positions.items()}
    return Known(SourceReading("0xA", True, at, at, held, Decimal(value)), at, source)


def changed(view: Known[SourceReading], **changes) -> Known[SourceReading]:
    return replace(view, value=replace(view.value, **changes))


def vote(name: Symbol, direction_sum: int, voters: int | None = None, **changes) -> Vote:
    return replace(Vote(name, direction_sum, abs(direction_sum) if voters is None else voters, 24, 0, True), **changes)


def inputs(local=None, observers=None, votes=None, states=(), **changes) -> CycleInputs:
    local = reading() if local is None else local
    same = {name: replace(local, source=name) for name in "abc"} if isinstance(local, Known) else {}
    base = CycleInputs(
        epoch="e",
        cycle_id=1,
        account="0xA",
        now=NOW,
        adopted=True,
        flatten_reason=None,
        local=local,
        observers=same if observers is None else observers,
        prices={name: Known(price, NOW, "redis") for name, price in PRICES.items()},
        votes=Known({BTC: vote(BTC, 4), ETH: vote(ETH, 0)} if votes is None else votes, NOW, "runs"),
        rules={name: rules(name) for name in (BTC, ETH, OTHER)},
        products=dict.fromkeys((BTC, ETH), SYMBOL_TERMS),
        pending=(),
        last_activity={},
        explanations={},
        states={
            BTC: SymbolState(BTC, local.value.positions.get(BTC, Decimal(0)) if isinstance(local, Known) else None, NOW),
            **{state.symbol: state for state in states},
        },
        marks=dict.fromkeys("abc", PRICES),
        risk=RiskState("0xA"),
        transfers=Known((), NOW, "venue"),
        stops=(),
        entry_prices={},
        foreign=Known((), NOW, "venue"),
        terms=TERMS,
    )
    return replace(base, **changes)


def target(given_inputs: CycleInputs, name: Symbol = BTC):
    return decide(given_inputs).by_symbol[name].target


def test_a_full_vote_holds_the_risk_percentage_of_the_account():
    decision = decide(inputs())
    assert decision.by_symbol[BTC].target == Target(Decimal("0.04"))
    [order] = decision.plan
    assert (order.correction.signed_contracts, order.correction.reduce_only) == (Decimal("0.04"), False)
    assert order.limit_price == Decimal(50_250)


def test_zero_voters_past_the_warm_up_mean_flat():
    decision = decide(inputs(local=reading(BTC="0.04"), votes={BTC: vote(BTC, 0), ETH: vote(ETH, 0)}))
    assert decision.by_symbol[BTC].target == Target(Decimal(0))
    assert decision.plan[0].correction.reduce_only


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"votes": Unknown("no heartbeat")}, "no heartbeat"),
        ({"votes": Known({BTC: Unknown("its rows differ"), ETH: vote(ETH, 0)}, NOW, "heartbeats")}, "votes: its rows differ"),
        ({"prices": {}}, "never published"),
        ({"prices": {BTC: Known(PRICES[BTC], NOW - timedelta(seconds=10.1), "redis")}}, "10.1 s old"),
        ({"prices": {BTC: Known(PRICES[BTC], NOW + timedelta(seconds=2.1), "redis")}}, "2.1 s in the future"),
        ({"prices": {BTC: Known(Decimal(0), NOW, "redis")}}, "price: 0 is not above 0"),
        ({"rules": {BTC: Unknown("not listed")}}, "not listed"),
        ({"rules": {}}, "the venue's rules were not read"),
        ({"local": Unknown("no snapshot")}, "no snapshot"),
        ({"adopted": False}, "3t adopt"),
        ({"products": {}}, "not in products"),
    ],
)
def test_whatever_is_unknown_holds_and_says_so(change, said):
    decision = decide(replace(inputs(local=reading(BTC="0.04")), **change))
    held = decision.by_symbol[BTC].target
    assert isinstance(held, Hold)
    assert said in held.reason
    assert decision.plan == ()


@pytest.mark.parametrize(
    "votes",
    [{}, {BTC: vote(BTC, 4, warm=False)}, {BTC: vote(BTC, 4, quarantined_runs=7)}, {BTC: vote(BTC, 0, active_runs=0)}],
)
def test_votes_that_are_missing_cold_or_quarantined_hold(votes):
    assert isinstance(target(inputs(local=reading(BTC="0.04"), votes=votes)), Hold)


@pytest.mark.parametrize(("quarantined", "is_hold"), [(6, False), (7, True)])
def test_the_limit_of_quarantined_runs_is_inclusive(quarantined, is_hold):
    votes = {BTC: vote(BTC, 4, active_runs=24, quarantined_runs=quarantined)}
    assert isinstance(target(inputs(votes=votes)), Hold) is is_hold


def test_a_source_older_than_our_last_activity_is_no_witness():
    votes = {BTC: vote(BTC, 4), ETH: vote(ETH, 4)}
    late = inputs(votes=votes, last_activity={BTC: NOW - timedelta(seconds=1.2)})
    assert isinstance(target(late), Hold)
    # BTC's size cannot be counted, so ETH may not grow; it could still shrink.
    assert isinstance(target(late, ETH), ReduceOnly)
    assert decide(late).plan == ()


def test_an_order_whose_end_is_not_known_holds_its_symbol():
    held = inputs(pending=(Pending(BTC, Decimal("0.01"), False),))
    assert isinstance(target(held), Hold)
    assert decide(held).plan == ()


def test_a_symbol_that_is_no_product_is_counted_and_never_traded():
    decision = decide(inputs(local=reading(XRP="100")))
    assert isinstance(decision.by_symbol[OTHER].target, Hold)
    assert all(order.correction.symbol != OTHER for order in decision.plan)
    # Nobody can value it, so nothing new is opened anywhere.
    assert isinstance(decision.by_symbol[BTC].target, ReduceOnly)
    assert decision.plan == ()
    valued = inputs(local=reading(XRP="100"), prices={**inputs().prices, OTHER: Known(Decimal(2), NOW, "mark")})
    assert decide(valued).by_symbol[BTC].target == Target(Decimal("0.04"))


def test_a_change_that_our_fills_do_not_explain_locks_the_symbol():
    decision = decide(inputs(local=reading(BTC="0.04"), states=[SymbolState(BTC, Decimal(0), NOW)]))
    assert decision.by_symbol[BTC].state.locked
    assert isinstance(decision.by_symbol[BTC].target, ReduceOnly)


def test_a_change_that_our_fills_explain_does_not():
    explained = inputs(
        local=reading(BTC="0.04"),
        states=[SymbolState(BTC, Decimal(0), NOW)],
        explanations={BTC: Explanation(Decimal("0.04"), liquidated=False, pending=False)},
    )
    assert not decide(explained).by_symbol[BTC].state.locked


def test_a_lock_opens_after_k_agreeing_rounds_and_starts_again_after_a_disagreement():
    state = SymbolState(BTC, Decimal("0.04"), NOW, lock_reason="why", locked_at=NOW)
    agreeing, silent = inputs(local=reading(BTC="0.04")), {name: Unknown("away") for name in "abc"}
    for expected in (1, 2):
        state = decide(replace(agreeing, states={BTC: state})).by_symbol[BTC].state
        assert (state.locked, state.agreeing_rounds) == (True, expected)
    disturbed = decide(replace(agreeing, states={BTC: state}, observers=silent)).by_symbol[BTC].state
    assert (disturbed.locked, disturbed.agreeing_rounds) == (True, 0)
    assert not decide(replace(agreeing, states={BTC: state})).by_symbol[BTC].state.locked


def test_after_a_liquidation_only_a_person_unlocks():
    liquidated = {BTC: Explanation(Decimal(0), liquidated=True, pending=False)}
    state = decide(inputs(explanations=liquidated)).by_symbol[BTC].state
    for _ in range(10):
        state = decide(inputs(states=[state])).by_symbol[BTC].state
    assert state.locked


def test_a_locked_symbol_only_reduces():
    locked = SymbolState(BTC, Decimal("0.02"), NOW, lock_reason="why", locked_at=NOW)
    growing = decide(inputs(local=reading(BTC="0.02"), states=[locked]))
    assert growing.plan == ()
    shrinking = decide(inputs(local=reading(BTC="0.02"), states=[locked], votes={BTC: vote(BTC, 1), ETH: vote(ETH, 0)}))
    assert [order.correction.reduce_only for order in shrinking.plan] == [True]


def test_a_price_beyond_the_cap_makes_the_symbol_reduce_only_to_the_cap():
    small = {name: replace(SYMBOL_TERMS, max_notional_usd=Decimal(1000)) for name in (BTC, ETH)}
    decision = decide(inputs(local=reading(BTC="0.03"), products=small))
    assert decision.by_symbol[BTC].target == ReduceOnly(Decimal("0.02"), "cap of 1000.00 USD (max_notional_usd, leverage)")
    assert [order.correction.signed_contracts for order in decision.plan] == [Decimal("-0.01")]


def test_flatten_closes_what_consensus_knows_and_nothing_else():
    held = inputs(local=reading(BTC="0.04", ETH="-1"), flatten_reason="told to")
    assert {order.correction.signed_contracts for order in decide(held).plan} == {Decimal("-0.04"), Decimal(1)}
    assert isinstance(target(held), Flatten)
    assert decide(replace(held, observers={})).plan == ()


def test_reductions_come_first():
    decision = decide(inputs(local=reading(ETH="1"), states=[SymbolState(ETH, Decimal(1), NOW)]))
    assert [order.correction.symbol for order in decision.plan] == [ETH, BTC]


def test_a_long_hold_with_a_position_alerts_and_flattens_where_that_was_chosen():
    state = SymbolState(BTC, Decimal("0.04"), NOW, hold_since=NOW - timedelta(seconds=601))
    held = inputs(local=reading(BTC="0.04"), states=[state], votes={})
    assert decide(held).by_symbol[BTC].alert
    assert decide(held).plan == ()
    chosen = replace(held, terms=replace(TERMS, flatten_on_long_hold=True))
    assert [order.correction.reduce_only for order in decide(chosen).plan] == [True]
    flat = inputs(states=[replace(state, agreed_contracts=Decimal(0))], votes={})
    assert decide(flat).by_symbol[BTC].alert is None


sizes = st.integers(-6, 6).map(lambda n: f"{n / 100:.2f}")
views = st.one_of(
    st.builds(lambda btc, eth, age: reading("x", age=age, BTC=btc, ETH=eth), sizes, sizes, st.sampled_from([1.0, 5.0, 11.0])),
    st.just(Unknown("away")),
)
vote_sets = st.one_of(
    st.builds(lambda b, e: Known({BTC: vote(BTC, b), ETH: vote(ETH, e)}, NOW, "heartbeats"), st.integers(-6, 6), st.integers(-6, 6)),
    st.just(Known({BTC: Unknown("its rows differ"), ETH: vote(ETH, 4)}, NOW, "heartbeats")),
    st.just(Unknown("no heartbeat")),
)


@given(local=views, a=views, b=views, c=views, votes=vote_sets, flatten=st.sampled_from([None, "told to"]))
def test_no_order_without_consensus_and_none_beyond_a_cap(local, a, b, c, votes, flatten):
    given_inputs = replace(inputs(), local=local, observers={"a": a, "b": b, "c": c}, votes=votes, flatten_reason=flatten)
    decision = decide(given_inputs)
    for order in decision.plan:
        name = order.correction.symbol
        fresh = [v for v in (a, b, c) if isinstance(v, Known) and v.value.exchange_time >= NOW - timedelta(seconds=10)]
        said = {v.value.positions.get(name, Decimal(0)) for v in fresh}
        assert isinstance(local, Known)
        assert len(fresh) >= 2
        assert said == {local.value.positions.get(name, Decimal(0))}
        after = local.value.positions.get(name, Decimal(0)) + order.correction.signed_contracts
        assert order.correction.reduce_only or abs(after) * PRICES[name] <= 30_000


@given(local=views, a=views, b=views, votes=vote_sets)
def test_the_record_of_a_decision_computes_the_same_plan_again(local, a, b, votes):
    given_inputs = replace(inputs(), local=local, observers={"a": a, "b": b}, votes=votes)
    record = inputs_to_json(given_inputs)
    again = inputs_from_json(record)
    assert again == given_inputs
    assert hash_of(inputs_to_json(again)) == hash_of(record)
    first, second = decide(given_inputs), decide(again)
    assert plan_to_json(first) == plan_to_json(second)
    assert targets_to_json(first, 4, {}) == targets_to_json(second, 4, {})


def test_an_account_that_nobody_adopted_is_not_closed_after_a_long_hold():
    state = SymbolState(BTC, None, None, hold_since=NOW - timedelta(seconds=601))
    waiting = inputs(local=reading(BTC="0.04"), states=[state], adopted=False, terms=replace(TERMS, flatten_on_long_hold=True))
    assert decide(waiting).by_symbol[BTC].alert
    assert decide(waiting).plan == ()


def test_a_pending_order_without_a_price_stops_growth_elsewhere():
    """A flat symbol whose price is unknown is worth nothing only as long as nothing can be bought there."""
    unpriced = {BTC: Known(PRICES[BTC], NOW, "redis"), ETH: Unknown("never published")}
    pending = (Pending(ETH, Decimal(10), False),)
    decision = decide(inputs(prices=unpriced, pending=pending))
    for order in decision.plan:
        assert isinstance(decision.caps, Caps)
        assert not isinstance(decision.exposures, Unknown)
        with pytest.raises(CapExceeded, match="ETH"):
            check_caps(order.correction, decision.exposures, pending, decision.caps)


def test_one_witness_alone_does_not_say_how_much_a_symbol_weighs():
    """Only c is later than our fill of BTC, and c may lie: what BTC weighs is unknown, so ETH may not grow."""
    old, new = reading(age=3.0, BTC="0.5"), reading(age=0.5, BTC="0")
    views = {"a": replace(old, source="a"), "b": replace(old, source="b"), "c": replace(new, source="c")}
    votes = {BTC: vote(BTC, 4), ETH: vote(ETH, 4)}
    late = inputs(local=old, observers=views, votes=votes, last_activity={BTC: NOW - timedelta(seconds=2)})
    assert isinstance(target(late), Hold)
    assert isinstance(target(late, ETH), ReduceOnly)
    assert decide(late).plan == ()


@pytest.mark.parametrize(
    ("view", "kind"),
    [
        (Rejected("observer c: no answer", Rejection.NO_ANSWER), Rejection.NO_ANSWER),
        (Unknown("c: nobody sorted it"), Rejection.UNREADABLE),
        (changed(reading("c"), account="0xB"), Rejection.OTHER_ACCOUNT),
        (changed(reading("c"), complete=False), Rejection.INCOMPLETE),
        (reading("c", age=600.0), Rejection.STALE),
        (reading("c", age=-600.0), Rejection.FUTURE),
    ],
)
def test_every_report_that_does_not_count_is_told_with_its_kind_and_reason(view, kind):
    observers = {"a": reading("a"), "b": reading("b"), "c": view}
    [rejected] = decide(inputs(observers=observers)).rejected
    assert (rejected.source, rejected.kind, rejected.symbols) == ("c", kind, None)
    assert rejected.reason.startswith(("c: ", "observer c: "))


def test_a_report_that_is_older_than_our_last_fill_is_rejected_for_that_symbol_alone():
    observers = {"a": reading("a"), "b": reading("b"), "c": reading("c", age=3.0)}
    [rejected] = decide(inputs(observers=observers, last_activity={BTC: NOW - timedelta(seconds=3) - TERMS.settle_margin})).rejected
    assert (rejected.source, rejected.kind, rejected.symbols) == ("c", Rejection.LATE, (BTC,))


def test_where_all_reports_count_none_is_rejected():
    assert decide(inputs()).rejected == ()


def test_an_order_of_other_origin_is_a_symbol_of_its_own_and_none_that_cannot_be_read_lets_anything_grow():
    other = ForeignOrder("7", OTHER, Decimal(5), reduce_only=False)
    decision = decide(inputs(foreign=Known((other,), NOW, "venue")))
    assert decision.by_symbol[OTHER].foreign_orders == (other,)
    assert isinstance(decision.by_symbol[OTHER].target, Hold)
    assert decision.foreign == (Pending(OTHER, Decimal(5), False),)
    unread = decide(inputs(foreign=Unknown("time-out")))
    assert unread.by_symbol[BTC].target == ReduceOnly(Decimal("0.04"), "orders of other origin could not be read: time-out")
    assert unread.plan == ()


@pytest.mark.parametrize(("lots", "theirs", "agreed"), [(0, "1", True), (0, "1.0001", False), (2, "1.0002", True), (2, "1.0003", False)])
def test_the_tolerance_is_in_lots_of_the_symbol_itself(lots, theirs, agreed):
    """A lot of ETH is a hundred of BTC's here: what is within its tolerance would not be within that of BTC."""
    seen = {name: reading(name, BTC=theirs, ETH="3.02") for name in "abc"}
    coarse = {BTC: rules(BTC), ETH: replace(rules(ETH), lot=Decimal("0.01"))}
    given_inputs = inputs(reading(BTC="1", ETH="3"), seen, rules=coarse, terms=replace(TERMS, tolerance_lots=Decimal(lots)))
    by_symbol = decide(given_inputs).by_symbol
    assert isinstance(by_symbol[BTC].agreement.agreed, Known) is agreed
    assert isinstance(by_symbol[ETH].agreement.agreed, Known) is (lots == 2)
