"""Every fault of the simulator at every request of a cycle, and at none, one or two observers: what happens, and for how long after it.

The cases of one fault share a world, and each starts from one that is in order: one symbol is held with its stop, and the votes turn to the
other one, so that a cycle closes, cancels, opens, sets a leverage and looks up what became of its orders while the fault is on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from tests.support.cycle import BTC, ETH, MASTER, QUICK
from tests.support.settings import raw_config
from tests.support.world import World

from threet.application.reconcile import CycleResult
from threet.domain.values import Symbol
from threet.settings import Settings


@dataclass(frozen=True, slots=True, eq=False)
class Fault:
    """One of the simulator's kinds with what it is given; ``title`` is a trader's word for it."""

    title: str
    kind: str
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Step:
    """One request of the platform's way to a decision: who asks (User-Agent) for what. ``lengths``: for how many cycles the fault is on.

    What is asked for an order's sake is also harmed for one cycle alone: the next one then finds an order without an end.
    """

    title: str
    source: str
    type: str
    lengths: tuple[int, ...] = (2,)


FAULTS = (
    Fault("The exchange is slow (2 s)", "slow", {"seconds": 2}),
    Fault("The exchange does not answer", "no_answer", {}),
    Fault("The exchange does it, and the answer is lost", "lost_answer", {}),
    Fault("Too many requests (status 429)", "http_429", {}),
    Fault("An error of the exchange (status 500)", "http_500", {}),
    Fault("The list in the answer is empty", "empty_list", {}),
    Fault("About half of the list in the answer is missing", "partial_list", {"seed": 1}),
    Fault("The account is shown as it was when the fault began", "stale_positions", {}),
    Fault("Positions have the opposite sign", "wrong_sign", {}),
    Fault("Times in the answer are 60 s ahead", "skewed_clock", {"seconds": 60}),
    Fault("Times in the answer are 60 s behind", "skewed_clock", {"seconds": -60}),
)
STEPS = (
    Step("the exchange's clock", "3t-venue", "exchangeStatus"),
    Step("our fills", "3t-venue", "userFillsByTime"),
    Step("what became of an order", "3t-venue", "orderStatus", (2, 1)),
    Step("open orders", "3t-venue", "frontendOpenOrders"),
    Step("the markets' rules", "3t-venue", "metaAndAssetCtxs"),
    Step("transfers", "3t-venue", "userNonFundingLedgerUpdates"),
    Step("balance and positions", "3t-worker", "clearinghouseState"),
    Step("the market's clock", "3t-worker", "l2Book"),
    Step("prices", "3t-worker", "metaAndAssetCtxs"),
    Step("setting the leverage", "3t-signer", "updateLeverage"),
    Step("sending an order", "3t-signer", "order", (2, 1)),
    Step("cancelling an order", "3t-signer", "cancelByCloid"),
)
OBSERVERS = ("none", "one", "two")
"""How many observers meet the fault besides, at all that they ask."""

CHANGES: dict[str, dict[str, Any]] = {
    **{section: {key: raw_config()[section][key] for key in list(keys)} for section, keys in QUICK.items()},  # those of config.yml
    "symbol_defaults": {"max_notional_usd": 1000, "stop_loss_percent": 5},  # below what full votes want: the target is one number
    "schedule": {"update_prices_seconds": 5, "update_balance_seconds": 4, "reconcile_positions_seconds": 12},
}
CHANGES["exchange"]["requests_per_minute"] = 1_000_000  # what our own limit keeps back is proven elsewhere
SIDES: tuple[dict[Symbol, int], ...] = ({BTC: 8}, {ETH: -8})
MOST_CYCLES = 12
_EVER = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Case:
    """What happened. ``said``: each cycle's status and reason while the fault was on; ``sent``: the orders of these cycles;
    ``unresolved``: those without an end after the last one.

    ``untouched``: in order although the fault was on. ``back``: cycles after its end until in order, and ``seconds``. ``wrong``: what must
    never be.
    """

    fault: Fault
    step: Step
    observers: str
    cycles: int
    hits: int
    observer_hits: int
    said: tuple[str, ...]
    sent: int
    unresolved: int
    untouched: bool
    back: int
    seconds: float
    wrong: tuple[str, ...]


class Matrix:
    """The cases of one fault, one after the other."""

    def __init__(self, folder: Path, make_engine: Callable[[Settings], Engine], fault: Fault) -> None:
        self.world = World(folder, make_engine, CHANGES)
        self._fault = fault
        self._side = 0
        self._full: dict[int, dict[Symbol, Decimal]] = {}

    def run(self, steps: Sequence[Step] = STEPS) -> Iterator[Case]:
        with self.world:
            self.learn()
            for step in steps:
                for cycles in step.lengths:
                    for count, observers in enumerate(OBSERVERS):
                        yield self._case(step, observers, count, cycles)

    def learn(self) -> None:
        """What a full position is, undisturbed."""
        for side in (0, 1, 0):
            self._turn(side)
            self._until_quiet()
            self._full[side] = self._held()

    def _case(self, step: Step, observers: str, count: int, cycles: int) -> Case:
        world = self.world
        world.restart_signer()
        world.pass_by(0.5)
        fault = self._set({"source": step.source, "type": step.type})
        others = [self._set({"source": f"3t-observer-{name}"}) for name in "abc"[:count]]
        self._turn(1 - self._side)
        results = [world.cycle() for _ in range(cycles)]
        untouched = self._in_order(results[-1])
        hits, observer_hits = world.simulator.hits(fault), min((world.simulator.hits(each) for each in others), default=0)
        world.simulator.clear_faults()
        ended = world.clock.monotonic()
        back = self._until(self._in_order)
        seconds = round(world.clock.monotonic() - ended, 1)
        self._until_quiet()
        said = tuple(f"{result.status}: {result.reason}" for result in results)
        sent = sum(one.state is not None for result in results for one in result.sent)
        wrong = tuple(self._wrong())
        return Case(
            self._fault, step, observers, cycles, hits, observer_hits, said, sent, results[-1].unresolved, untouched, back, seconds, wrong
        )

    def _set(self, match: Mapping[str, str]) -> int:
        return self.world.simulator.fault(self._fault.kind, match=match, **self._fault.values)

    def _turn(self, side: int) -> None:
        self._side = side
        self.world.vote(SIDES[side])

    def _until(self, done: Callable[[CycleResult], bool]) -> int:
        """So many cycles; one more than ``MOST_CYCLES`` where those were not enough."""
        return next((count for count in range(1, MOST_CYCLES + 1) if done(self.world.cycle())), MOST_CYCLES + 1)

    def _in_order(self, result: CycleResult) -> bool:
        """Decided on consensus about every symbol, no order without an end, no symbol locked, and the positions are those of the votes."""
        store = self.world.desk.store
        decided = store.decisions(1)[0]
        agreed = result.cycle_id == decided.cycle_id and decided.consensus_symbols == len(decided.targets) > 0
        locked = any(state.lock_reason is not None for state in store.symbol_states().values())
        return agreed and result.unresolved == 0 and not locked and self._held() == self._full[self._side]

    def _until_quiet(self) -> None:
        """Until a cycle finds nothing to do: the stop behind the position is there, and no other."""

        def quiet(result: CycleResult) -> bool:
            stops = list(self.world.simulator.info({"type": "frontendOpenOrders", "user": MASTER.address}))
            return result.status == "idle" and not result.sent and [f"{stop['coin']}/USDC:USDC" for stop in stops] == [*SIDES[self._side]]

        cycles = self._until(quiet)
        assert cycles <= MOST_CYCLES, f"expected quiet within {MOST_CYCLES} cycles, was {self.world.desk.store.decisions(1)[0].reason}"

    def _held(self) -> dict[Symbol, Decimal]:
        return {name: self.world.desk.held(name) for name in (BTC, ETH)}

    def _wrong(self) -> Iterator[str]:
        """What the venue's own books say against I1 to I5, over all that this world has done."""
        exchange, store = self.world.simulator.venue.exchange, self.world.desk.store
        sent = Counter(order["c"] for action in exchange.state.actions if action["type"] == "order" for order in action["action"]["orders"])
        ours = {order.client_order_id: order for order in store.orders(1000)}
        yield from (f"order {name} was sent {times} times" for name, times in sent.items() if times > 1)
        yield from (f"order {name} has no intent" for name in sent if name not in ours)
        yield from (f"order {one.client_order_id} is {one.state}" for one in ours.values() if not one.state.is_final and not one.rests)
        fills = exchange.state.accounts[MASTER.address].fills
        for name in (BTC, ETH):
            allowed = [Decimal(0), *(full[name] for full in self._full.values())]
            mine = [fill for fill in fills if fill["coin"] == name.split("/")[0]]
            ways = [Decimal(fill["startPosition"]) + (1 if fill["side"] == "B" else -1) * Decimal(fill["sz"]) for fill in mine]
            if ways and not min(allowed) <= min(ways) <= max(ways) <= max(allowed):
                yield f"{name} went from {min(ways)} to {max(ways)}, allowed is {min(allowed)} to {max(allowed)}"
            booked = sum((one.filled_contracts * one.side.sign for one in ours.values() if one.symbol == name), Decimal(0))
            if booked != self.world.desk.held(name):
                yield f"{name}: the orders' fills make {booked}, the exchange has {self.world.desk.held(name)}"
        unread = {fill["tid"] for fill in fills} - {int(item.fill.fill_id) for item in store.fills_after(_EVER)}
        yield from (f"fill {number} was never read" for number in sorted(unread))
