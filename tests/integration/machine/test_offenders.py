"""The state machine is a checker: a platform in which one rule was broken on purpose must not pass it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from tests.support.cycle import BTC, ETH
from tests.support.machine.databases import on_sqlite
from tests.support.machine.steps import Machine
from tests.support.machine.world import SYMBOLS, World

from threet.application import execution, gathering, reconcile
from threet.domain import agreement, decision, portfolio, price_band, room, target_of
from threet.domain.caps import Exposure
from threet.domain.consensus import agree, agree_account_value
from threet.domain.errors import VenueSilent
from threet.domain.target_of import after_long_hold, restricted
from threet.domain.targets import Flatten, Hold, Target
from threet.domain.values import Known, OrderState, Unknown
from threet.domain.votes import Vote

Patch = pytest.MonkeyPatch
Offence = Callable[[Patch], Callable[[dict[str, Any]], dict[str, Any]]]


class Instead:
    """The real thing, with some of its methods replaced."""

    def __init__(self, real: Any, **methods: Any) -> None:
        self._real = real
        self.__dict__.update(methods)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def honest(parts: dict[str, Any]) -> dict[str, Any]:
    return parts


def sends_again_what_had_no_answer(patch: Patch) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def submit(trading: Any, request: Any) -> Any:
        try:
            return trading.submit(request)
        except VenueSilent:
            return trading.submit(request)

    return lambda parts: {**parts, "trading": Instead(parts["trading"], submit=lambda request: submit(parts["trading"], request))}


def books_a_lost_answer_as_never_executed(patch: Patch) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def record(store: Any, name: str, state: OrderState, **outcome: Any) -> None:
        if state is OrderState.UNKNOWN:
            state, outcome = OrderState.NOT_EXECUTED, {**outcome, "settled_at": store.now()}
        store.record_outcome(name, state, **outcome)

    def offend(parts: dict[str, Any]) -> dict[str, Any]:
        store = parts["store"]
        return {**parts, "store": Instead(store, record_outcome=lambda name, state, **outcome: record(store, name, state, **outcome))}

    return offend


def commits_nothing_before_it_sends(patch: Patch) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda parts: {**parts, "store": Instead(parts["store"], commit_intent=lambda *_: None, record_outcome=lambda *_, **__: None)}


def listens_to_no_dissent(patch: Patch) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def majority(local: Any, observers: Any, *, quorum: int, tolerance: Any) -> Any:
        near = {name: view for name, view in observers.items() if isinstance(view, Known) and abs(view.value - _value(local)) <= tolerance}
        return agree(local, near, quorum=1, tolerance=tolerance)

    patch.setattr(agreement, "agree", majority)
    return honest


def _value(view: Any) -> Any:
    return view.value if isinstance(view, Known) else 0


def takes_an_unknown_balance_for_nothing(patch: Patch) -> Callable[[dict[str, Any]], dict[str, Any]]:
    real = agree_account_value

    def agreed(local: Any, observers: Any, **terms: Any) -> Any:
        found = real(local, observers, **terms)
        return Known(Decimal(0), local.as_of, "nobody") if isinstance(found, Unknown) and isinstance(local, Known) else found

    patch.setattr(agreement, "agree_account_value", agreed)
    return honest


def takes_silent_runs_for_a_vote_of_nothing(patch: Patch) -> Callable[[dict[str, Any]], dict[str, Any]]:
    real = gathering._votes

    def votes(found: Any, not_after: Any) -> Any:
        told = real(found, not_after)
        if isinstance(told, Known):
            return told
        silent = {name: Vote(name, 0, 0, 8, 0, True) for name in SYMBOLS}
        return Known(silent, not_after, "nobody")

    patch.setattr(gathering, "_votes", votes)
    return takes_the_heartbeats_word(patch)  # the check of the rows would find no fresh heartbeat either


def takes_the_heartbeats_word(patch: Patch) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The rows of the runs are asked of nobody."""
    patch.setattr(reconcile, "decide_on_checked_votes", lambda inputs, check: (inputs, decision.decide(inputs)))
    return honest


def takes_any_old_price(patch: Patch) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """However old: the limit of age is forgotten."""

    def fresh(inputs: Any, name: Any) -> Any:
        return inputs.prices.get(name, Unknown("none"))

    patch.setattr(target_of, "fresh_price", fresh)
    patch.setattr(price_band, "fresh_price", fresh)
    return honest


def takes_a_hold_for_flat(patch: Patch) -> Callable[[dict[str, Any]], dict[str, Any]]:
    real = after_long_hold

    def held(inputs: Any, target: Any, seen: Any, state: Any) -> Any:
        found, alert = real(inputs, target, seen, state)
        return (Target(0 * seen.agreed.value), alert) if isinstance(found, Hold) and isinstance(seen.agreed, Known) else (found, alert)

    patch.setattr(decision, "after_long_hold", held)
    return honest


def opens_where_it_may_only_reduce(patch: Patch) -> Callable[[dict[str, Any]], dict[str, Any]]:
    real = restricted

    def freely(*arguments: Any) -> Any:
        found = real(*arguments)
        return found if isinstance(found, Hold | Flatten) else Target(arguments[1])

    patch.setattr(decision, "restricted", freely)
    return honest


def knows_no_cap(patch: Patch) -> Callable[[dict[str, Any]], dict[str, Any]]:
    patch.setattr(execution, "check_caps", lambda *_: None)
    patch.setattr(decision, "clamp", lambda wanted, cap: wanted)
    patch.setattr(room, "room_of", lambda correction, *_: (correction.contracts, "none"))
    return honest


def believes_its_sources_alone(patch: Patch) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """What the fills make of a position is forgotten: the limits count with what is agreed on."""
    patch.setattr(portfolio, "Exposure", lambda contracts, price, or_else=None: Exposure(contracts, price))
    return honest


OFFENCES: tuple[tuple[Offence, str], ...] = (
    (sends_again_what_had_no_answer, "I4"),
    (books_a_lost_answer_as_never_executed, "I4"),
    (commits_nothing_before_it_sends, "I4"),
    (listens_to_no_dissent, "I2"),
    (takes_an_unknown_balance_for_nothing, "I1"),
    (takes_silent_runs_for_a_vote_of_nothing, "I1"),
    (takes_the_heartbeats_word, "I1"),
    (takes_any_old_price, "I1"),
    (takes_a_hold_for_flat, "I1"),
    (opens_where_it_may_only_reduce, "I3"),
    (knows_no_cap, "I5"),
    (believes_its_sources_alone, "I5"),
)

AT_EACH_COMMIT = (sends_again_what_had_no_answer, listens_to_no_dissent, takes_an_unknown_balance_for_nothing)
"""The others are looked for in `make test-faults`."""


def tour(machine: Machine) -> Iterator[None]:
    """Steps of the machine, in an order in which each rule is needed; the invariants are looked at after each."""
    world = machine.world
    machine.all_vote_alike(8)
    machine.a_cycle()
    for kind, seconds in (("lost_answer", 0.0), ("slow", 5.0)):
        yield machine.the_venue_fails_at_an_order((kind, {"match": {"type": "order"}, "count": 1, "seconds": seconds}), 4.0, in_order=False)
        yield machine.a_person_puts_everything_right()
        machine.a_cycle()
    for harm in ("lies", "halves the value"):
        yield machine.observers_do_harm("a", harm, turns=True)
        yield machine.a_person_puts_everything_right()
        machine.a_cycle()
    yield machine.a_heartbeat_tells_otherwise(BTC, -8)
    yield machine.a_person_puts_everything_right()
    machine.a_cycle()
    for feed, seconds in (("voting", 40), ("feed_deaf", 15)):
        machine.a_feed_stops_or_starts(feed)
        machine.time_passes(seconds)
        world.move_price(BTC, Decimal("1.2"))
        yield machine.all_vote_alike(-8)
        yield machine.a_person_puts_everything_right()
        machine.a_cycle()
    world.lock(ETH, 3600)
    world.vote(ETH, -8)
    for _ in range(3):
        yield machine.a_cycle()
    yield machine.the_worker_dies("commit commit_intent 1", "after", BTC, -8)
    yield machine.a_person_puts_everything_right()
    machine.our_own_reader_errs_and_observers_with_it("says flat", "abc")
    for _ in range(5):
        yield machine.a_cycle()


def tour_of(offend: Callable[[dict[str, Any]], dict[str, Any]]) -> World:
    """The world in which it ended. Raises AssertionError where something was violated."""

    class OnSqlite(Machine):
        make_engine = staticmethod(on_sqlite)
        offends = staticmethod(offend)

    machine = OnSqlite()
    try:
        for _ in tour(machine):
            machine.nothing_is_broken()
        return machine.world
    finally:
        machine.world.close()
        machine.folder.cleanup()


def test_the_tour_finds_nothing_where_nothing_is_broken() -> None:
    counts = tour_of(honest).audit.counts
    assert min(counts[what] for what in ("open", "reduce", "stop", "unknown", "FILLED", "NOT_EXECUTED", "rows differ")) > 0, counts


def case(offence: Offence, invariant: str) -> Any:
    return pytest.param(offence, invariant, id=offence.__name__, marks=[] if offence in AT_EACH_COMMIT else [pytest.mark.faults])


@pytest.mark.parametrize(("offence", "invariant"), [case(*each) for each in OFFENCES])
def test_a_broken_rule_is_found(offence: Offence, invariant: str, monkeypatch: Patch) -> None:
    with pytest.raises(AssertionError, match=f"{invariant} at "):
        tour_of(offence(monkeypatch))
