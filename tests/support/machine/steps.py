"""The state machine that drives a World: Hypothesis draws the steps, and the invariants I1 to I5 are looked at after each one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.support.machine.databases import MakeEngine
from tests.support.machine.harmed import ERRORS, HARMS
from tests.support.machine.world import POINTS, SYMBOLS, World

symbols = st.sampled_from(SYMBOLS)
ORDER_FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("lost_answer", {"match": {"type": "order"}, "count": 1}),
    ("lost_answer", {"match": {"type": "order"}, "rate": 0.5}),
    ("no_answer", {"match": {"type": "order"}, "count": 1, "seconds": 1.0}),
    ("no_answer", {"match": {"type": "order"}, "count": 1, "seconds": 30.0}),
    ("slow", {"match": {"type": "order"}, "count": 1, "seconds": 1.0}),
    ("slow", {"match": {"type": "order"}, "count": 1, "seconds": 5.0}),
    ("slow", {"match": {"type": "order"}, "count": 1, "seconds": 7.0}),
    ("slow", {"match": {"type": "order"}, "count": 1, "seconds": 25.0}),
    ("http_429", {"match": {"type": "order"}, "count": 1}),
    ("http_500", {"match": {"type": "order"}, "count": 1}),
    ("http_500", {"match": {"type": "updateLeverage"}, "count": 1}),
)
READING_FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("http_429", {"match": {"path": "info"}, "rate": 0.1}),
    ("http_500", {"match": {"path": "info"}, "rate": 0.1}),
    ("lost_answer", {"match": {"type": "orderStatus"}, "rate": 0.5}),
    ("slow", {"match": {"path": "info"}, "rate": 0.2, "seconds": 0.7}),
    ("empty_list", {"match": {"type": "userFillsByTime"}, "count": 2}),
    ("partial_list", {"match": {"type": "userFillsByTime"}, "count": 3}),
    ("empty_list", {"match": {"type": "frontendOpenOrders"}, "count": 2}),
    ("empty_list", {"match": {"type": "userNonFundingLedgerUpdates"}, "count": 1}),
    ("empty_list", {"match": {"type": "metaAndAssetCtxs"}, "count": 1}),
    ("partial_list", {"match": {"type": "metaAndAssetCtxs"}, "count": 2}),
    ("empty_list", {"match": {"type": "clearinghouseState", "source": "3t-worker"}, "count": 2}),
    ("partial_list", {"match": {"type": "clearinghouseState", "source": "3t-worker"}, "count": 2}),
    ("wrong_sign", {"match": {"type": "clearinghouseState", "source": "3t-worker"}, "count": 2}),
    ("stale_positions", {"match": {"type": "clearinghouseState", "source": "3t-worker"}, "count": 2}),
    ("stale_positions", {"match": {"type": "clearinghouseState"}, "count": 4}),
    ("empty_list", {"match": {"type": "clearinghouseState", "source": "observer a"}}),
    ("wrong_sign", {"match": {"type": "clearinghouseState", "source": "observer b"}}),
    ("skewed_clock", {"match": {"type": "exchangeStatus"}, "count": 2, "seconds": 4.5}),
    ("skewed_clock", {"match": {"type": "exchangeStatus"}, "count": 2, "seconds": -4.5}),
    ("skewed_clock", {"match": {"type": "exchangeStatus"}, "count": 1, "seconds": 60.0}),
    ("skewed_clock", {"match": {"type": "clearinghouseState", "source": "observer"}, "count": 3, "seconds": -8.0}),
)
"""Every kind of the simulator is in one of the two, where it hurts."""


class Machine(RuleBasedStateMachine):
    """``make_engine`` gives an empty database in a folder; ``finished`` gets each world at its end, before it is closed."""

    make_engine: MakeEngine
    offends: Callable[[dict[str, Any]], dict[str, Any]] = staticmethod(lambda parts: parts)
    finished: Callable[[World], None] = staticmethod(lambda world: None)

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="3t-machine-")
        self.world = World(Path(self.folder.name), type(self).make_engine, offend=type(self).offends)
        for _ in range(2):
            self.world.cycle()

    @rule()
    def a_cycle(self) -> None:
        self.world.cycle()

    @rule(after=st.sampled_from([0.5, 1.5, 3.0, 4.0, 6.0]))
    def a_cycle_soon(self, after: float) -> None:
        self.world.cycle(after=after)

    @rule(name=symbols, votes=st.sampled_from([-8, -5, 0, 5, 8, 8, -8]))
    def votes_change(self, name: Any, votes: int) -> None:
        self.world.vote(name, votes)
        self.world.cycle()

    @rule(name=symbols, told=st.sampled_from([-8, 0, 8]))
    def a_heartbeat_tells_otherwise(self, name: Any, told: int) -> None:
        self.world.tell_otherwise(name, told)
        self.world.cycle()

    @rule(votes=st.sampled_from([-8, 8]))
    def all_vote_alike(self, votes: int) -> None:
        for name in SYMBOLS:
            self.world.vote(name, votes)
        self.world.cycle()
        self.world.cycle()

    @rule(name=symbols, percent=st.sampled_from([-30, -7, -3, -1, 1, 3, 7, 40]))
    def the_price_moves(self, name: Any, percent: int) -> None:
        self.world.move_price(name, 1 + Decimal(percent) / 100)
        self.world.cycle()

    @rule(fault=st.sampled_from(ORDER_FAULTS), after=st.sampled_from([1.5, 4.0, 6.0, 10.0]), in_order=st.booleans())
    def the_venue_fails_at_an_order(self, fault: tuple[str, dict[str, Any]], after: float, in_order: bool) -> None:
        """Something is to be sent meanwhile, and looked up soon; ``in_order``: nothing else is wrong, so that it surely is."""
        if in_order:
            self.a_person_puts_everything_right()
        self.world.fault(fault[0], **fault[1])
        self._turn_round()
        self.world.cycle()
        self.world.cycle(after=after)

    @rule(fault=st.sampled_from(READING_FAULTS), turns=st.booleans())
    def the_venue_fails_at_a_reading(self, fault: tuple[str, dict[str, Any]], turns: bool) -> None:
        self.world.fault(fault[0], **fault[1])
        if turns:
            self._turn_round()
        self.world.cycle()

    @rule()
    def the_venue_recovers(self) -> None:
        self.world.clear_faults()

    @rule(names=st.sampled_from(["a", "b", "c", "ab", "bc", "abc"]), harm=st.sampled_from(HARMS), turns=st.booleans())
    def observers_do_harm(self, names: str, harm: str, turns: bool) -> None:
        for name in names:
            self.world.harm(name, harm)
        if turns:
            self._turn_round()
        self.world.cycle()

    @rule()
    def observers_recover(self) -> None:
        for name in "abc":
            self.world.harm(name, None)

    @rule(error=st.sampled_from(list(ERRORS)), observers=st.sampled_from(["", "a", "ab", "abc"]))
    def our_own_reader_errs_and_observers_with_it(self, error: str, observers: str) -> None:
        self.world.our_reader_errs(error)
        for name in observers:
            self.world.harm(name, error)
        for _ in range(2):
            self.world.cycle()

    @rule()
    def our_own_reader_is_mended(self) -> None:
        self.world.our_reader_errs(None)

    @rule(
        point=st.sampled_from(POINTS),
        when=st.sampled_from(["before", "after"]),
        name=symbols,
        votes=st.sampled_from([-8, 0]),
        in_order=st.booleans(),
    )
    def the_worker_dies(self, point: str, when: str, name: Any, votes: int, in_order: bool = False) -> None:
        if in_order:
            self.a_person_puts_everything_right()
        self.world.vote(name, votes)
        self.world.cycle((when, point))

    @rule()
    def the_worker_is_restarted(self) -> None:
        self.world.restart()

    @rule(usd=st.sampled_from([-4000, -500, 300, 6000]))
    def money_moves(self, usd: int) -> None:
        self.world.transfer(usd)

    @rule()
    def everything_is_liquidated(self) -> None:
        self.world.liquidate()
        self.world.cycle()

    @rule(name=symbols, usd=st.sampled_from([-2000, -200, 200, 2000]), rests=st.booleans())
    def somebody_else_trades(self, name: Any, usd: int, rests: bool) -> None:
        self.world.foreign_order(name, usd, rests=rests)
        self.world.cycle()

    @rule()
    def others_cancel(self) -> None:
        self.world.cancel_foreign()

    @rule(seconds=st.sampled_from([1, 5, 15, 40, 700, 4000]))
    def time_passes(self, seconds: int) -> None:
        self.world.pass_time(seconds)

    @rule(which=st.sampled_from(["voting", "worker_deaf", "feed_deaf"]))
    def a_feed_stops_or_starts(self, which: str) -> None:
        setattr(self.world, which, not getattr(self.world, which))
        self.world.say("turned over", which)
        self.world.cycle()

    @rule()
    def a_person_halts(self) -> None:
        self.world.halt()

    @rule()
    def a_person_flattens(self) -> None:
        self.world.flatten()
        self.world.cycle()

    @precondition(lambda self: self.world.desk.halt.is_halted())
    @rule()
    def a_person_resumes(self) -> None:
        self.world.resume()

    @rule()
    def a_person_puts_everything_right(self) -> None:
        self.world.heal()
        for name in SYMBOLS:
            self.world.unlock(name)
            self.world.vote(name, 8)
        self.world.cycle()
        self.world.cycle()

    @rule(name=symbols)
    def a_person_unlocks(self, name: Any) -> None:
        self.world.unlock(name)

    def _turn_round(self) -> None:
        """Every vote becomes another, so that orders are wanted."""
        for name in SYMBOLS:
            self.world.vote(name, -8 if self.world.votes[name] > 0 else 8)

    @invariant()
    def nothing_is_broken(self) -> None:
        if self.world.audit.broken:
            raise AssertionError("\n".join([*self.world.audit.broken, *self.world.log[-40:]]))

    def teardown(self) -> None:
        try:
            self._settles()
            type(self).finished(self.world)
        finally:
            self.world.close()
            self.folder.cleanup()

    def _settles(self) -> None:
        """Once nothing is wrong any more every order has an end, and nothing was violated on the way there."""
        if self.world.audit.broken:
            return
        self.world.heal()
        for _ in range(3):
            self.world.cycle()
        left = [order for order in self.world.desk.store.unsettled_orders() if not order.rests]
        if left:
            raise AssertionError("\n".join([f"no end of {left}", *self.world.log[-30:]]))
        self.nothing_is_broken()
