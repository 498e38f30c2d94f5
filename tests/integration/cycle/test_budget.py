"""What a quiet cycle asks of the venue, counted, is what settings count with; whatever rests there and whatever it does not list."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import insert
from tests.integration.cycle.test_risk import with_symbol
from tests.support.cycle import BTC, Desk

from threet.adapters.sql.tables import instruments, products
from threet.bootstrap import build_cycle
from threet.settings.budget import CYCLE_WEIGHT, PRICES_WEIGHT, RULES_WEIGHT
from threet.simulator.limits import weight_of_info


class Counter:
    """Each kind of request that the signing process sends, in one cycle after the other of one process."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._asked: list[str] = []
        self._charged = 0.0
        connection = desk.venue.connection
        self._read, self._take = connection._read, connection._take
        connection._read = self._reading  # type: ignore[method-assign]
        connection._take = self._taking  # type: ignore[method-assign]
        # One process: what it remembers from cycle to cycle is part of what it asks. The prices are the workers' to read.
        last = desk.prices.last_prices()
        self._cycle = build_cycle(desk.settings, desk.parts(prices=Still(last)))

    def _reading(self, request: dict[str, Any], weight: float) -> Any:
        self._asked.append(request["type"])
        return self._read(request, weight)

    def _taking(self, path: str, weight: float, what: str, *, urgent: bool) -> None:
        self._charged += weight
        self._take(path, weight, what, urgent=urgent)

    def idle(self) -> tuple[float, list[str]]:
        """What the venue weighs of a cycle that sends nothing, which is what our own limiter took for it; and what was asked."""
        self._desk.snapshots.save(self._desk.account.snapshot())
        self._asked, self._charged = [], 0.0
        result = self._cycle.run()
        assert list(result.sent) == [], result
        weighed = sum(weight_of_info(kind) for kind in self._asked)
        assert self._charged == weighed, self._asked
        return weighed, self._asked


def test_a_round_of_prices_weighs_what_settings_count_with_and_a_balance_or_a_clock_as_little_as_there(desk: Desk) -> None:
    desk.market.rules([BTC])
    connection, asked = desk.venue.connection, []
    read = connection._read

    def reading(request: dict[str, Any], weight: float) -> Any:
        asked.append(weight_of_info(request["type"]))
        return read(request, weight)

    connection._read = reading  # type: ignore[method-assign]
    desk.market.prices([BTC])
    assert sum(asked) == PRICES_WEIGHT
    asked.clear()
    desk.account.snapshot()
    desk.market.market_time()
    assert asked == [2, 2]


class Still:
    """Prices that do not change."""

    def __init__(self, last: Any) -> None:
        self._last = last

    def last_prices(self) -> Any:
        return self._last


def test_a_quiet_cycle_weighs_what_settings_count_with(desk: Desk) -> None:
    desk.vote({})
    desk.market.rules([BTC])
    counter = Counter(desk)
    for _ in range(3):
        assert counter.idle() == (
            CYCLE_WEIGHT,
            ["exchangeStatus", "userFillsByTime", "frontendOpenOrders", "userNonFundingLedgerUpdates"],
        )


def test_the_cycle_that_reads_the_rules_again_weighs_so_much_more(desk: Desk) -> None:
    desk.vote({})
    counter = Counter(desk)
    desk.venue.catalogue._read_at = float("-inf")
    assert counter.idle()[0] == CYCLE_WEIGHT + RULES_WEIGHT
    assert counter.idle()[0] == CYCLE_WEIGHT


def test_a_position_with_a_resting_stop_asks_for_no_more(desk: Desk) -> None:
    with_symbol(desk, stop_loss_percent=Decimal(5))
    desk.vote({BTC: 8})
    for _ in range(5):
        desk.cycle()
    assert len(desk.account.open_orders()) == 1
    counter = Counter(desk)
    assert counter.idle()[0] == CYCLE_WEIGHT
    assert desk.store.decisions(1)[0].status == "idle"


def test_a_product_that_the_venue_does_not_list_is_looked_for_once_and_then_with_the_rules(desk: Desk) -> None:
    with desk.store._engine.begin() as connection:
        connection.execute(insert(instruments), {"id": 99, "name": "NOPE"})
        product = {"instrument_id": 99, "exchange_id": 1, "symbol": "NOPE/USDC:USDC", "product_type": "PERP", "max_leverage": 3}
        connection.execute(insert(products), product)
    desk.vote({})
    counter = Counter(desk)
    weights = []
    for _ in range(4):
        desk.venue.catalogue._read_at -= desk.settings.schedule.reconcile_positions_seconds
        weights.append(counter.idle()[0])
    assert weights == [CYCLE_WEIGHT + RULES_WEIGHT, CYCLE_WEIGHT, CYCLE_WEIGHT, CYCLE_WEIGHT]
