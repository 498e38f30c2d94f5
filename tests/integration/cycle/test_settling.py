"""How orders end that went another way than sent, answered, filled (D5): over the real simulator, on both databases."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine
from tests.integration.cycle.test_cycle import TradingThat, settled_at_target, until
from tests.integration.cycle.test_risk import with_symbol
from tests.integration.cycle.test_time import Changed
from tests.support.cycle import BTC, ETH, MASTER, Desk, fund
from tests.support.settings import raw_config
from tests.support.simulator import SimulatorProcess

from threet.application.facts import OrderAnswer, OrderRequest
from threet.application.settlement import Settler
from threet.application.store import OrderRecord
from threet.domain.errors import VenueRefused, VenueSilent
from threet.domain.values import OrderState
from threet.settings import Settings

FILLS, STATUS = {"type": "userFillsByTime"}, {"type": "orderStatus"}


@pytest.fixture
def thin_desk(tmp_path: Path, make_database: Callable[[Settings], Engine]) -> Iterator[Desk]:
    """A desk whose market has 1,000 USD to give at a time, in two fills: every larger order is filled in part."""
    values = raw_config()
    values["simulator"] |= {"book_levels": 2, "book_level_usd": 500}
    values["exchange"]["requests_per_minute"] = 60000
    (tmp_path / "thin.yml").write_text(yaml.safe_dump(values))
    flags = ["--config", str(tmp_path / "thin.yml"), "--speed", "1", "--seed", "3"]
    with SimulatorProcess(tmp_path / "simulator", flags) as simulator:
        fund(simulator)
        simulator.pause()
        desk = Desk(tmp_path, simulator, make_database)
        yield desk
        desk.close()


def first_order(desk: Desk) -> OrderRecord:
    return desk.store.orders(100)[-1]


def ledger_fills(desk: Desk) -> int:
    """How many executions the simulator's own books have."""
    return int(desk.simulator.account(MASTER.address)["fills"])


def sent_ids(desk: Desk) -> list[str]:
    return [order["c"] for action in desk.orders_at_the_venue() for order in action["action"]["orders"]]


@pytest.mark.parametrize("silent", [STATUS, FILLS], ids=lambda match: match["type"])
def test_accepted_and_then_silent_it_stays_open_blocks_its_symbol_and_ends_when_the_venue_speaks(desk, silent):
    """Past its expiry too: an order that was accepted is not taken for never executed because nobody answers."""
    desk.vote({BTC: 4})
    desk.cycle(trading=TradingThat(desk.trading, after=lambda: desk.simulator.fault("http_500", match=silent)))
    assert first_order(desk).state is OrderState.ACCEPTED
    order = first_order(desk)
    desk.vote({BTC: 8, ETH: 4})
    until(lambda: desk.market.exchange_time() > order.expires_at + timedelta(seconds=1), lambda: time.sleep(0.1))
    results = [desk.cycle(), desk.cycle()]
    assert all(result.unresolved >= 1 for result in results)
    assert first_order(desk).state is OrderState.ACCEPTED
    assert BTC not in {one.symbol for result in results for one in result.sent}
    assert desk.held(BTC) == order.contracts
    desk.simulator.clear_faults()
    until(lambda: settled_at_target(desk, BTC) and first_order(desk).state is OrderState.FILLED, desk.cycle)
    assert sent_ids(desk).count(order.client_order_id) == 1


def test_a_partial_fill_ends_as_cancelled_with_what_was_filled_and_the_rest_is_the_next_cycles_business(thin_desk):
    desk = thin_desk
    desk.vote({BTC: 8})
    desk.cycle()
    until(lambda: first_order(desk).state.is_final, desk.cycle)
    first = first_order(desk)
    assert first.state is OrderState.CANCELLED
    assert 0 < first.filled_contracts < first.contracts
    until(lambda: settled_at_target(desk, BTC), desk.cycle, 60)
    orders = desk.store.orders(100)
    assert len(orders) >= 3
    assert sum((order.filled_contracts for order in orders), Decimal(0)) == desk.held(BTC)
    assert not desk.store.symbol_states()[BTC].locked


def test_a_partial_fill_whose_answer_was_lost_is_settled_with_what_was_filled(thin_desk):
    desk = thin_desk
    desk.vote({BTC: 8})
    desk.simulator.fault("lost_answer", count=1, match={"path": "exchange", "type": "order"})
    [sent] = desk.cycle().sent
    assert sent.state is OrderState.UNKNOWN
    until(lambda: first_order(desk).state.is_final, desk.cycle)
    first = first_order(desk)
    assert first.state is OrderState.CANCELLED
    assert 0 < first.filled_contracts < first.contracts
    assert sent_ids(desk).count(first.client_order_id) == 1


@pytest.mark.parametrize("told", [0, 1])
def test_late_fills_keep_an_order_open_until_they_are_all_there(thin_desk, told):
    """The status says how much was filled; while the fills that were ever told say less, nothing is final."""
    desk = thin_desk
    desk.vote({BTC: 8})
    late = Changed(desk.account, fills_since=lambda start: desk.account.fills_since(start)[:told])
    results = [desk.cycle(account=late) for _ in range(3)]
    assert ledger_fills(desk) > told
    assert first_order(desk).state is OrderState.ACCEPTED
    assert (results[-1].sent, results[-1].unresolved) == ([], 1)
    until(lambda: first_order(desk).state.is_final, desk.cycle)
    assert first_order(desk).filled_contracts > 0
    until(lambda: desk.store.decisions(1)[0].targets[BTC]["agreed"], desk.cycle)
    assert not desk.store.symbol_states()[BTC].locked


def test_fills_that_are_never_told_all_at_once_are_counted_together(thin_desk):
    """Each answer leaves out about half, another one each time."""
    desk = thin_desk
    desk.vote({BTC: 8})
    desk.simulator.fault("partial_list", match=FILLS)
    desk.cycle()
    until(lambda: first_order(desk).state.is_final, desk.cycle)
    desk.simulator.clear_faults()
    until(lambda: settled_at_target(desk, BTC), desk.cycle, 60)
    assert sum((order.filled_contracts for order in desk.store.orders(100)), Decimal(0)) == desk.held(BTC)
    assert not desk.store.symbol_states()[BTC].locked


def test_a_fill_that_is_told_again_and_again_counts_once(desk):
    """Each cycle pulls an overlap; here every answer has each fill twice, too."""
    desk.vote({BTC: 8})
    twice = Changed(desk.account, fills_since=lambda start: desk.account.fills_since(start) * 2)
    desk.cycle(account=twice)
    until(lambda: settled_at_target(desk, BTC), lambda: desk.cycle(account=twice))
    orders = [order for order in desk.store.orders(100) if order.filled_contracts]
    assert all(order.state is OrderState.FILLED for order in orders)
    assert sum((order.filled_contracts for order in orders), Decimal(0)) == desk.held(BTC)
    recorded = desk.store.fills_after(orders[-1].created_at - timedelta(minutes=1))
    assert len(recorded) == ledger_fills(desk)
    assert sum((item.fill.contracts for item in recorded), Decimal(0)) == desk.held(BTC)
    assert not desk.store.symbol_states()[BTC].locked


def test_a_fill_that_comes_after_the_end_explains_the_position_and_stands_in_its_order(thin_desk):
    """The venue forgot the order itself and told its fills one after the other."""
    desk = thin_desk
    desk.vote({BTC: 8})
    desk.simulator.fault("lost_answer", count=1, match={"path": "exchange", "type": "order"})
    desk.cycle(account=Changed(desk.account, order=lambda client_order_id, name: None, fills_since=lambda start: []))
    order = first_order(desk)
    desk.vote({BTC: 0})
    first, late = desk.account.fills_since(order.created_at)
    until(lambda: desk.market.exchange_time() > order.expires_at + timedelta(seconds=1), lambda: time.sleep(0.1))
    settle(desk, Changed(desk.account, order=lambda client_order_id, name: None, fills_since=lambda start: [first]))
    assert (first_order(desk).state, first_order(desk).filled_contracts) == (OrderState.CANCELLED, first.contracts)
    settle(desk, desk.account)
    ended = first_order(desk)
    assert (ended.state, ended.filled_contracts) == (OrderState.CANCELLED, first.contracts + late.contracts)
    assert f"{late.contracts} more by fills that came after its end" in ended.text
    desk.cycle()
    until(lambda: desk.held(BTC) == 0, desk.cycle)
    assert not desk.store.symbol_states()[BTC].locked


def settle(desk: Desk, account: Any) -> None:
    chosen = desk.settings.reconciliation
    settler = Settler(
        desk.store,
        account,
        expiry_margin=timedelta(seconds=float(chosen.expiry_margin_seconds)),
        fills_overlap=timedelta(seconds=float(chosen.fills_overlap_seconds)),
        max_clock_skew=timedelta(seconds=5),
    )
    settler.settle(desk.market.exchange_time(), desk.clock.now())


def test_a_cancel_that_meets_a_fill_ends_as_filled(desk):
    """A stop of ours is executed while its cancel is on the way: the venue's fills decide, not what we wanted."""
    with_symbol(desk, stop_loss_percent=Decimal(5))
    desk.vote({BTC: 8})
    until(lambda: any(order.is_stop and order.state is OrderState.ACCEPTED for order in desk.store.orders(9)), desk.cycle)
    [stop] = [order for order in desk.store.orders(9) if order.is_stop]

    def executed_first(client_order_id: str, name: Any) -> None:
        desk.simulator.set_price("BTC", str(Decimal(desk.simulator.mark("BTC")) * Decimal("0.94")))
        until(lambda: desk.held(BTC) == 0, lambda: time.sleep(0.1))
        desk.trading.cancel(client_order_id, name)

    with pytest.raises(VenueRefused):
        executed_first(stop.client_order_id, BTC)

    def ended() -> OrderRecord:
        return next(order for order in desk.store.orders(20) if order.client_order_id == stop.client_order_id)

    until(lambda: ended().state.is_final, desk.cycle)
    assert (ended().state, ended().filled_contracts) == (OrderState.FILLED, stop.contracts)


def test_a_worker_that_got_no_answer_does_not_doubt_what_another_cycle_has_learned(desk):
    """Its request hung while its successor found the order accepted: that it heard nothing is no news."""
    desk.vote({BTC: 8})

    def hangs(request: OrderRequest) -> OrderAnswer:
        answer = desk.trading.submit(request)
        accepted = replace(answer, state=OrderState.ACCEPTED, filled_contracts=Decimal(0))
        settle(desk, Changed(desk.account, order=lambda client_order_id, name: accepted, fills_since=lambda start: []))
        raise VenueSilent("no answer")

    result = desk.cycle(trading=Changed(desk.trading, submit=hangs))
    assert result.status == "overtaken"
    assert "is ACCEPTED, it cannot become UNKNOWN" in result.reason
    assert first_order(desk).state is OrderState.ACCEPTED
    until(lambda: settled_at_target(desk, BTC), desk.cycle)
    assert first_order(desk).state is OrderState.FILLED
