"""The reconcile cycle against the real simulator: what is traded, what is not, and what survives a crash at its worst moments."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.support.cycle import AGENT, BTC, ETH, MASTER, Desk

from threet.adapters.venue import CcxtTrading
from threet.application.facts import OrderAnswer, OrderRequest
from threet.application.store import ServiceReport
from threet.bootstrap import build_cycle
from threet.domain.rounding import limit_price
from threet.domain.values import MarketRules, OrderState, Side, Symbol
from threet.settings import CONTRACT_VERSION


class Killed(BaseException):
    """Stands for a SIGKILL: nothing catches it, nothing after it runs."""


class TradingThat:
    """The real signer, with something happening around a submit."""

    def __init__(self, real: Any, before: Callable[[], None] = lambda: None, after: Callable[[], None] = lambda: None) -> None:
        self._real, self._before, self._after = real, before, after

    def submit(self, request: OrderRequest) -> OrderAnswer:
        self._before()
        answer: OrderAnswer = self._real.submit(request)
        self._after()
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def die() -> None:
    raise Killed


def until(condition: Callable[[], bool], step: Callable[[], Any], seconds: float = 20) -> None:
    """Runs ``step`` again and again until the condition holds."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        step()
    assert condition()


def settled_at_target(desk: Desk, name: Symbol) -> bool:
    """Nothing is open, and the last cycle wants no order: fees make the account, and so the target, a lot smaller than what is held."""
    decided = desk.store.decisions(1)[0].targets[name]
    content = decided["result"].startswith(("at target", "inside the no-trade band"))
    return not desk.store.unsettled_orders() and decided["target"]["kind"] == "Target" and content


def test_votes_become_positions_once(desk):
    desk.vote({BTC: 8, ETH: -8})
    result = desk.cycle()
    assert result.status == "traded", result
    assert result.unresolved == 0
    for name in (BTC, ETH):
        assert desk.held(name) == Decimal(desk.target(name)["contracts"]) != 0
    assert desk.held(BTC) > 0 > desk.held(ETH)
    again = desk.cycle()
    assert (again.status, again.sent) == ("idle", []), again
    assert len(desk.orders_at_the_venue()) == 2


def test_a_flip_closes_first_and_opens_in_a_later_cycle(desk):
    desk.vote({BTC: 8})
    desk.cycle()
    desk.vote({BTC: -8})
    assert desk.cycle().status == "traded"
    assert desk.held(BTC) == 0
    assert desk.cycle().status == "traded"
    assert desk.held(BTC) < 0


def test_fading_votes_reduce(desk):
    desk.vote({BTC: 8})
    desk.cycle()
    full = desk.held(BTC)
    desk.vote({BTC: 4})
    desk.cycle()
    assert 0 < desk.held(BTC) < full
    assert desk.store.orders(1)[0].reduce_only
    desk.vote({BTC: 0})
    desk.cycle()
    assert desk.held(BTC) == 0


def test_one_observer_away_trades_on_two_away_hold(desk):
    desk.vote({BTC: 8})
    desk.observers[0].deaf = True
    assert desk.cycle().status == "traded"
    desk.observers[1].deaf = True
    desk.vote({BTC: 2})
    held = desk.cycle()
    assert (held.status, held.sent) == ("held", [])
    assert "quorum: 1 of 3" in held.reason


def test_one_dissenting_observer_holds(desk):
    desk.vote({BTC: 8})
    desk.observers[2].lie[BTC] = Decimal(1)
    result = desk.cycle()
    assert (result.status, result.sent) == ("held", [])
    assert "dissent" in result.reason


@pytest.mark.parametrize("missing", ["votes", "prices"])
def test_what_is_missing_holds(desk, missing):
    if missing == "votes":
        desk.vote({BTC: 8}, warm=False)
    else:
        desk.vote({BTC: 8})
        desk.prices.deaf = True
    result = desk.cycle()
    assert (result.status, result.sent) == ("held", [])
    assert desk.target(BTC)["kind"] == "Hold"


def test_an_executed_order_whose_answer_was_lost_is_found_and_not_sent_again(desk):
    desk.vote({BTC: 8})
    desk.simulator.fault("lost_answer", count=1, match={"path": "exchange", "type": "order"})
    result = desk.cycle()
    [sent] = result.sent
    assert sent.state is OrderState.UNKNOWN
    until(lambda: settled_at_target(desk, BTC), desk.cycle)
    assert desk.store.orders(1)[0].state is OrderState.FILLED
    assert len([order for order in desk.store.orders(10) if order.filled_contracts > 0]) == 1


def test_an_order_that_never_arrived_ends_as_not_executed_and_only_then_trading_goes_on(desk):
    desk.vote({BTC: 8})
    desk.simulator.fault("http_500", count=1, match={"path": "exchange", "type": "order"})
    [sent] = desk.cycle().sent
    assert sent.state is OrderState.UNKNOWN
    first = desk.store.orders(1)[0].client_order_id
    assert desk.cycle().sent == []
    until(lambda: settled_at_target(desk, BTC) and desk.held(BTC) != 0, desk.cycle)
    states = {order.client_order_id: order.state for order in desk.store.orders(10)}
    assert states[first] is OrderState.NOT_EXECUTED


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_between_intent_and_answer_the_order_is_found_by_its_id_and_never_sent_twice(desk, moment):
    desk.vote({BTC: 8})
    with pytest.raises(Killed):
        desk.cycle(trading=TradingThat(desk.trading, **{moment: die}))
    assert desk.store.orders(1)[0].state is OrderState.INTENT
    lost = desk.store.orders(1)[0].client_order_id
    until(lambda: settled_at_target(desk, BTC) and desk.held(BTC) != 0, desk.cycle)
    state = next(order.state for order in desk.store.orders(10) if order.client_order_id == lost)
    assert state is (OrderState.NOT_EXECUTED if moment == "before" else OrderState.FILLED)
    assert len([order for order in desk.store.orders(10) if order.filled_contracts]) == 1


def test_halted_in_the_middle_of_a_cycle_nothing_more_is_sent(desk):
    desk.vote({BTC: 8, ETH: -8})
    halting = TradingThat(desk.trading, after=lambda: desk.halt.halt("a test", "enough"))
    result = desk.cycle(trading=halting)
    assert len(desk.orders_at_the_venue()) == 1
    assert "halted" in result.sent[-1].text
    blocked = desk.cycle()
    assert (blocked.status, blocked.sent) == ("blocked", [])
    assert "enough" in blocked.reason
    desk.controls.resume()
    assert desk.cycle().status == "traded"


def test_halted_between_intent_and_send_the_order_is_known_as_never_sent(desk):
    desk.vote({BTC: 8})
    real = desk.store.commit_intent

    class Store:
        def __getattr__(self, name: str) -> Any:
            return getattr(desk.store, name)

        def commit_intent(self, *given: Any) -> None:
            real(*given)
            desk.halt.halt("a test", "enough")

    desk.cycle(store=Store())
    assert desk.orders_at_the_venue() == []
    assert desk.store.orders(1)[0].state is OrderState.NOT_EXECUTED


def test_flatten_closes_everything_and_stays_halted_until_a_person_resumes(desk):
    desk.vote({BTC: 8, ETH: -8})
    desk.cycle()
    desk.controls.flatten("a test", "enough")
    desk.cycle()
    assert desk.held(BTC) == desk.held(ETH) == 0
    assert desk.cycle().sent == []
    desk.controls.resume()
    assert desk.cycle().status == "traded"


def test_a_position_that_a_stranger_opened_locks_the_symbol(desk):
    desk.vote({BTC: 4, ETH: 4})
    desk.cycle()
    before = desk.held(BTC)
    by_hand(desk, BTC, Decimal("0.01"))
    result = desk.cycle()
    decision = desk.store.decisions(1)[0]
    assert "do not explain" in decision.targets[BTC]["locked"], result
    assert decision.targets[ETH]["locked"] is None
    until(lambda: desk.store.symbol_states()[BTC].lock_reason is None, desk.cycle)
    desk.cycle()
    # The fees of the stranger's trade made the account, and with it the target, a little smaller.
    assert before * Decimal("0.99") <= desk.held(BTC) <= before


def test_an_account_with_positions_that_this_database_never_traded_waits_to_be_adopted(desk):
    by_hand(desk, BTC, Decimal("0.01"))
    desk.vote({BTC: 0, ETH: 8})
    result = desk.cycle()
    assert (result.status, result.sent) == ("held", [])
    assert "3t adopt" in result.reason
    assert desk.controls.adopt() == 1
    assert desk.cycle().status == "traded"
    assert desk.held(BTC) == 0
    assert desk.held(ETH) > 0


def test_a_service_with_another_config_stops_trading_until_it_runs_this_one(desk):
    desk.vote({BTC: 8})
    mine = ServiceReport("providence-0", desk.settings.config_hash, CONTRACT_VERSION, "dev", desk.clock.now())
    desk.store.report_service(replace(mine, config_hash="0" * 64))
    assert "providence-0 runs another config" in desk.cycle().reason
    desk.store.report_service(replace(mine, contract_version=CONTRACT_VERSION + 1))
    assert "contract version" in desk.cycle().reason
    desk.store.report_service(mine)
    assert desk.cycle().status == "traded"


def test_a_service_that_has_gone_with_another_config_holds_nobody_up(desk):
    desk.vote({BTC: 8})
    limit = timedelta(seconds=desk.settings.freshness.max_service_age_seconds)
    gone = ServiceReport("celery_worker/market@3f2a9c", "0" * 64, CONTRACT_VERSION, "dev", desk.store.now() - limit + timedelta(seconds=30))
    desk.store.report_service(gone)
    assert "market@3f2a9c runs another config" in desk.cycle().reason
    desk.store.report_service(replace(gone, seen_at=desk.store.now() - limit))
    assert desk.cycle().status == "traded"


def test_a_skewed_clock_of_the_venue_stops_trading(desk):
    desk.vote({BTC: 8})
    desk.simulator.fault("skewed_clock", seconds=60)
    result = desk.cycle()
    assert result.status == "blocked"
    assert "clock skew" in result.reason
    assert desk.orders_at_the_venue() == []


def test_a_venue_that_is_away_blocks_and_is_told(desk, tmp_path):
    desk.vote({BTC: 8})
    desk.cycle()
    desk.vote({BTC: 4})
    desk.simulator.stop()
    result = build_cycle(desk.settings, desk.parts()).run()
    assert (result.status, result.sent) == ("blocked", [])
    assert "clock could not be read" in result.reason
    desk.simulator.start()
    desk.simulator.pause()
    assert desk.cycle().status == "traded"


def test_two_cycles_at_once_are_one(desk):
    lease = desk.store.acquire_lease("reconcile", "somebody else", 10)
    desk.vote({BTC: 8})
    assert desk.cycle().status == "busy"
    desk.store.release_lease(lease)
    assert desk.cycle().status == "traded"


def test_every_order_expires_and_carries_no_builder(desk):
    desk.vote({BTC: 8, ETH: -8})
    desk.cycle()
    actions = desk.simulator.actions()
    assert {action["type"] for action in actions} == {"updateLeverage", "order"}
    for action in desk.orders_at_the_venue():
        assert action["expires_after"]
        assert "builder" not in action["action"]


def by_hand(desk: Desk, name: Symbol, contracts: Decimal) -> None:
    """Somebody trades on the same account, past this database."""
    desk.trading.close()
    other = CcxtTrading(desk.settings, desk.clock, MASTER.address, AGENT.private_key, desk.settings.state_folder / "nonce", desk.venue)
    rules = desk.market.rules([name])[name]
    assert isinstance(rules, MarketRules)
    mark = desk.market.prices([name])[name].mark
    price = limit_price(mark, Side.BUY, Decimal(100), rules)
    other.submit(OrderRequest("0x" + "ab" * 16, name, Side.BUY, contracts, price, False, desk.clock.now() + timedelta(seconds=5)))
    other.close()
    desk.trading = CcxtTrading(
        desk.settings, desk.clock, MASTER.address, AGENT.private_key, desk.settings.state_folder / "nonce", desk.venue
    )


def test_a_state_folder_that_cannot_be_looked_into_stops_trading(desk):
    desk.vote({BTC: 8})
    folder = desk.settings.state_folder
    folder.rename(folder.with_name("elsewhere"))
    result = desk.cycle()
    assert (result.status, result.sent) == ("blocked", [])
    assert "halt file cannot be told" in result.reason
    folder.with_name("elsewhere").rename(folder)
    assert desk.cycle().status == "traded"
