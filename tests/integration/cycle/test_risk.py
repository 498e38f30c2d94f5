"""Limits, losses, transfers, jumps and switches over the real simulator: what they stop, what survives a restart, what a person does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.integration.cycle.test_cycle import until
from tests.integration.cycle.test_time import Changed
from tests.support.cycle import BTC, ETH, MASTER, Desk

from threet.adapters.venue.reading import to_ms
from threet.application.records import inputs_from_json, plan_to_json
from threet.application.store import IntentFacts, OrderRecord
from threet.domain.decision import decide
from threet.domain.drawdown import RiskState
from threet.domain.errors import VenueSilent
from threet.domain.values import Symbol


def with_limits(desk: Desk, **limits: Any) -> None:
    desk.settings = desk.settings.model_copy(update={"limits": desk.settings.limits.model_copy(update=limits)})


def with_symbol(desk: Desk, **values: Any) -> None:
    desk.settings = desk.settings.model_copy(update={"symbol_defaults": desk.settings.symbol_defaults.model_copy(update=values)})


def targets(desk: Desk, name: Symbol) -> dict[str, Any]:
    found: dict[str, Any] = desk.store.decisions(1)[0].targets[name]
    return found


def risk(desk: Desk) -> RiskState:
    return desk.store.risk(MASTER.address)


def peak(desk: Desk) -> Decimal:
    found = risk(desk).peak
    assert found is not None
    return found


def set_mark(desk: Desk, name: Symbol, factor: str) -> None:
    """Moves the market in one step."""
    coin = name.split("/")[0]
    price = (Decimal(desk.simulator.mark(coin)) * Decimal(factor)).to_integral_value()
    desk.simulator.set_price(coin, str(price))


def lose(desk: Desk, percent: int) -> None:
    """The account loses so much of its value on a long position that is worth all of it."""
    set_mark(desk, BTC, str(1 - Decimal(percent) / 100))


def all_in(desk: Desk) -> Decimal:
    """A position worth about the whole account, in one symbol, so that a fall of the price is one of the account."""
    desk.settings = desk.settings.model_copy(
        update={"reconciliation": desk.settings.reconciliation.model_copy(update={"risk_pos_percentage": Decimal(100)})}
    )
    with_limits(desk, max_order_usd=Decimal(50_000), max_net_exposure_percent=Decimal(150))
    desk.vote({BTC: 8})
    assert desk.cycle().status == "traded"
    return desk.held(BTC)


def test_a_large_correction_goes_in_parts_and_each_cycle_says_why(desk):
    with_limits(desk, max_order_usd=Decimal(900))
    desk.vote({BTC: 8})
    desk.cycle()
    assert "max_order_usd" in targets(desk, BTC)["limits"][0]
    for _ in range(3):
        desk.cycle()
    sent = desk.orders_at_the_venue()
    assert 2 <= len(sent) <= 3
    mark = Decimal(desk.simulator.mark("BTC"))
    assert all(Decimal(order["action"]["orders"][0]["s"]) * mark <= 900 for order in sent)
    assert desk.held(BTC) * mark > 1_700


def test_the_orders_of_an_hour_are_counted_and_a_reduction_goes_all_the_same(desk):
    with_limits(desk, max_orders_per_hour=1)
    desk.vote({BTC: 8, ETH: -8})
    desk.cycle()
    refused = next(name for name in (BTC, ETH) if desk.held(name) == 0)
    assert "1 orders in the last hour, the limit is 1" in targets(desk, refused)["not_sent"]
    desk.vote({})
    assert desk.cycle().status == "traded"
    assert desk.held(BTC) == desk.held(ETH) == 0


def test_an_order_of_more_than_an_hour_ago_does_not_count(desk):
    with_limits(desk, max_orders_per_hour=1)
    desk.vote({BTC: 8})
    desk.cycle()
    seen: list[int] = []

    def later(order: OrderRecord, lease: Any, check: Callable[[Any], None]) -> None:
        moved = replace(order, created_at=order.created_at.replace(year=order.created_at.year + 1))

        def looked_at(facts: IntentFacts) -> None:
            seen.append(facts.orders_last_hour)
            check(facts)

        desk.store.commit_intent(moved, lease, looked_at)

    desk.vote({BTC: 8, ETH: 8})
    desk.cycle(store=Changed(desk.store, commit_intent=later))
    assert seen == [0]


def test_a_cycle_that_was_overtaken_cannot_open_on_a_limit_that_was_free_when_it_looked(desk):
    """Between the decision and the intent the other cycle's order came: the transaction counts it."""
    with_limits(desk, max_orders_per_hour=1)
    desk.vote({BTC: 8})
    real = desk.store.commit_intent

    def raced(order: OrderRecord, lease: Any, check: Callable[[Any], None]) -> None:
        rival = replace(order, client_order_id="0x" + "7" * 32, symbol=ETH, reduce_only=True)
        real(rival, lease, lambda facts: None)
        real(order, lease, check)

    desk.cycle(store=Changed(desk.store, commit_intent=raced))
    assert desk.orders_at_the_venue() == []
    assert "orders in the last hour" in targets(desk, BTC)["not_sent"]


@pytest.mark.parametrize(
    ("rival", "limits", "symbol_terms", "said"),
    [
        (BTC, {}, {"max_notional_usd": Decimal(2_200)}, "notional of BTC/USDC:USDC"),
        (ETH, {"max_gross_exposure_percent": Decimal(22)}, {}, "gross exposure"),
        (ETH, {"max_net_exposure_percent": Decimal(22)}, {}, "net exposure"),
    ],
)
def test_a_cap_that_another_cycles_order_has_used_meanwhile_refuses_in_the_intents_own_transaction(desk, rival, limits, symbol_terms, said):
    """When the cycle looked, the 20 % that the votes want were free; 300 USD of an order without a known end later they are not."""
    with_limits(desk, **limits)
    with_symbol(desk, **symbol_terms)
    desk.vote({BTC: 8})
    real = desk.store.commit_intent
    contracts = (300 / Decimal(desk.simulator.mark(rival.split("/")[0]))).quantize(Decimal("0.0001"))

    def raced(order: OrderRecord, lease: Any, check: Callable[[Any], None]) -> None:
        other = replace(order, client_order_id="0x" + "7" * 32, symbol=rival, contracts=contracts)
        real(other, lease, lambda facts: None)
        real(order, lease, check)

    desk.cycle(store=Changed(desk.store, commit_intent=raced))
    assert desk.orders_at_the_venue() == []
    assert said in targets(desk, BTC)["not_sent"]


def test_a_level_that_a_person_took_back_between_decision_and_intent_refuses_the_order(desk):
    desk.vote({BTC: 8})
    real = desk.store.commit_intent

    def changed(order: OrderRecord, lease: Any, check: Callable[[Any], None]) -> None:
        assert desk.store.save_risk(replace(risk(desk), soft=True), read=risk(desk), lease=lease)
        real(order, lease, check)

    desk.cycle(store=Changed(desk.store, commit_intent=changed))
    assert desk.orders_at_the_venue() == []
    assert "since this decision" in targets(desk, BTC)["not_sent"]


def test_nothing_is_opened_before_the_readings_that_the_stop_begins_with(desk):
    with_limits(desk, drawdown_readings=3)
    desk.vote({BTC: 8})
    for number in (1, 2):
        desk.cycle()
        assert f"{number} of the 3 readings" in targets(desk, BTC)["target"]["reason"]
    assert desk.orders_at_the_venue() == []
    assert desk.cycle().status == "traded"


def test_a_loss_of_the_day_lets_positions_shrink_and_not_grow(desk):
    held = all_in(desk)
    with_limits(desk, soft_drawdown_percent=Decimal(40), terminal_drawdown_percent=Decimal(50), max_daily_loss_percent=Decimal(10))
    lose(desk, 12)
    desk.vote({BTC: 8, ETH: 8})
    desk.cycle()
    desk.cycle()
    assert "daily loss limit of 10 %" in targets(desk, ETH)["target"]["reason"]
    assert desk.held(ETH) == 0
    assert 0 < desk.held(BTC) <= held
    desk.vote({BTC: 2})
    desk.cycle()
    assert 0 < desk.held(BTC) < held


def test_the_soft_level_stops_growth_and_survives_a_restart_and_one_odd_reading_is_nothing(desk):
    with_limits(desk, drawdown_readings=2)
    all_in_after_two(desk)
    with_limits(desk, max_daily_loss_percent=Decimal(90), soft_drawdown_percent=Decimal(10), terminal_drawdown_percent=Decimal(50))
    lose(desk, 20)
    desk.cycle()
    assert not risk(desk).soft
    desk.cycle()
    assert risk(desk).soft
    before = peak(desk)
    # Each cycle of a desk is built anew, as a new process would: it knows what the database does and nothing else.
    desk.vote({BTC: 8, ETH: 8})
    result = desk.cycle()
    assert "drawdown of 10 %" in targets(desk, ETH)["target"]["reason"], result
    assert peak(desk) == before
    set_mark(desk, BTC, "1.25")
    desk.cycle()
    assert risk(desk).soft
    desk.cycle()
    assert not risk(desk).soft


def all_in_after_two(desk: Desk) -> None:
    desk.vote({})
    desk.cycle()
    desk.cycle()
    all_in(desk)


def test_the_terminal_level_closes_everything_and_stays_halted_until_a_person_resumes(desk):
    all_in(desk)
    with_limits(desk, max_daily_loss_percent=Decimal(90), soft_drawdown_percent=Decimal(10), terminal_drawdown_percent=Decimal(25))
    lose(desk, 30)
    desk.cycle()
    until_flat(desk)
    assert targets(desk, BTC)["target"]["kind"] == "Flatten"
    assert desk.halt.is_halted()
    control = desk.store.control()
    assert control.halted
    assert "drawdown of" in str(control.flatten_reason)
    set_mark(desk, BTC, "1.4")
    count = len(desk.orders_at_the_venue())
    for _ in range(3):
        desk.cycle()
    assert len(desk.orders_at_the_venue()) == count
    desk.controls.resume()
    assert desk.cycle().status == "traded"
    assert risk(desk).terminal is None
    assert peak(desk) < 9_000
    assert desk.held(BTC) > 0


def until_flat(desk: Desk) -> None:
    for _ in range(8):
        if desk.held(BTC) == 0:
            return
        desk.cycle()
    assert desk.held(BTC) == 0


def test_the_terminal_level_closes_also_where_a_person_had_only_halted(desk):
    all_in(desk)
    with_limits(desk, max_daily_loss_percent=Decimal(90), terminal_drawdown_percent=Decimal(25))
    desk.controls.halt("a test", "a look at things")
    lose(desk, 30)
    assert desk.cycle().status == "blocked"
    until_flat(desk)


def test_a_resume_where_no_level_was_reached_keeps_the_peak(desk):
    desk.vote({BTC: 8})
    desk.cycle()
    before = risk(desk)
    desk.controls.halt("a test", "a look at things")
    desk.controls.resume()
    assert risk(desk) == before


@pytest.mark.parametrize("amount", ["-6000", "20000"])
def test_a_transfer_moves_the_peak_and_reaches_no_level(desk, amount):
    desk.vote({BTC: 8})
    desk.cycle()
    before = peak(desk)
    desk.simulator.transfer(MASTER.address, amount)
    for _ in range(3):
        desk.cycle()
    moved = risk(desk)
    assert not moved.needs_person
    # Between the first reading and now lie the fees of the orders alone.
    assert abs(peak(desk) - before - Decimal(amount)) < 5
    assert desk.store.decisions(1)[0].targets[BTC]["limits"] == []


def test_while_transfers_cannot_be_read_nothing_grows_and_reductions_go_on(desk):
    desk.vote({BTC: 4})
    desk.cycle()
    held = desk.held(BTC)
    desk.simulator.fault("http_500", match={"path": "info", "type": "userNonFundingLedgerUpdates"})
    desk.vote({BTC: 8, ETH: 8})
    desk.cycle()
    assert "transfers could not be read" in targets(desk, ETH)["target"]["reason"]
    assert (desk.held(BTC), desk.held(ETH)) == (held, 0)
    desk.vote({BTC: 2})
    desk.cycle()
    assert 0 < desk.held(BTC) < held
    desk.simulator.clear_faults()
    desk.vote({BTC: 2, ETH: 8})
    assert desk.cycle().status == "traded"
    assert desk.held(ETH) > 0


def test_an_update_of_an_unknown_kind_is_no_answer(desk):
    real = desk.account._venue.connection.info

    def strange(request: dict[str, Any], weight: float) -> Any:
        if request["type"] != "userNonFundingLedgerUpdates":
            return real(request, weight)
        return [{"time": 1_800_000_000_000, "hash": "0x1", "delta": {"type": "somethingNew", "usdc": "5.0"}}]

    desk.account._venue.connection.info = strange
    with pytest.raises(VenueSilent, match="somethingNew"):
        desk.account.transfers_since(desk.clock.now())


def test_a_transfer_of_an_unknown_kind_stops_growth_until_a_person_begins_with_a_new_peak(desk):
    """It stays in the list that is asked for, since without a reading the list is asked from the same time for ever."""
    desk.settings = desk.settings.model_copy(
        update={"reconciliation": desk.settings.reconciliation.model_copy(update={"fills_overlap_seconds": 0.2})}
    )
    desk.vote({BTC: 4})
    desk.cycle()
    real, strange = desk.account._venue.connection.info, to_ms(desk.market.exchange_time())

    def with_a_strange_one(request: dict[str, Any], weight: float) -> Any:
        if request["type"] != "userNonFundingLedgerUpdates" or request["startTime"] > strange:
            return real(request, weight)
        return [{"time": strange, "hash": "0x1", "delta": {"type": "somethingNew", "usdc": "5.0"}}]

    desk.account._venue.connection.info = with_a_strange_one
    desk.vote({BTC: 4, ETH: 8})
    until(lambda: to_ms(desk.market.exchange_time()) > strange + 1000, desk.cycle)
    assert "somethingNew" in targets(desk, ETH)["target"]["reason"]
    desk.controls.resume()
    desk.cycle()
    assert desk.held(ETH) == 0
    assert desk.controls.resume(new_peak=True)
    until(lambda: desk.held(ETH) > 0, desk.cycle)


def test_after_a_liquidation_the_transfers_can_be_read(desk):
    start = desk.market.exchange_time()
    desk.vote({BTC: -8})
    desk.cycle()
    desk.simulator.set_price("BTC", "900000")
    until(lambda: desk.held(BTC) == 0, lambda: desk.simulator.mark("BTC"))
    assert all(transfer.usd >= 0 for transfer in desk.account.transfers_since(start))


def test_a_price_that_jumped_holds_without_the_observers_and_trades_with_them(desk):
    desk.vote({BTC: 8, ETH: 8})
    desk.cycle()
    held = desk.held(BTC)
    set_mark(desk, BTC, "1.2")
    for observer in desk.observers:
        observer.mark_lies[BTC] = Decimal(desk.simulator.mark("BTC")) / 2
    desk.vote({BTC: 2, ETH: 2})
    desk.cycle()
    assert targets(desk, BTC)["target"]["kind"] == "Hold"
    assert "outside the band" in targets(desk, BTC)["result"]
    assert desk.held(BTC) == held
    for observer in desk.observers:
        observer.mark_lies.clear()
    desk.cycle()
    assert 0 < desk.held(BTC) < held
    assert desk.store.symbol_states()[BTC].accepted_price == Decimal(desk.simulator.mark("BTC"))


@pytest.mark.parametrize("switch", ["can_go_long", "reduce_only"])
def test_a_switch_stops_growth_and_never_closes(desk, switch):
    desk.vote({BTC: 4})
    desk.cycle()
    held = desk.held(BTC)
    with_symbol(desk, **{switch: switch == "reduce_only"})
    desk.vote({BTC: 8, ETH: 8})
    desk.cycle()
    assert (desk.held(BTC), desk.held(ETH)) == (held, 0)
    assert switch in targets(desk, ETH)["target"]["reason"]
    desk.vote({BTC: 2})
    desk.cycle()
    assert 0 < desk.held(BTC) < held


def test_what_a_decision_knew_of_risk_makes_the_same_plan_again(desk):
    with_limits(desk, max_order_usd=Decimal(900))
    desk.vote({BTC: 8, ETH: -8})
    desk.cycle()
    recorded = desk.store.decisions(1)[0]
    decision = decide(inputs_from_json(recorded.inputs))
    assert plan_to_json(decision) == recorded.plan
    assert decision.risk == risk(desk)
