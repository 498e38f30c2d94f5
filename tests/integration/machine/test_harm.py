"""Observers that do harm, each kind by one, two and three of them, through the whole cycle (D2).

While our own reader is honest no number of them makes a wrong trade: what is sent is right by the ledger. Where it is wrong in the same
way, so that a quorum agrees on a lie, no order leads beyond a cap all the same (I5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from tests.support.cycle import BTC, ETH
from tests.support.machine.databases import MakeEngine
from tests.support.machine.harmed import ERRORS, HARMS
from tests.support.machine.world import SOL, SYMBOLS, World

from threet.domain.values import Symbol

HARMLESS_ALONE = (
    "replays",
    "forges",
    "another account",
    "garbage",
    "is away",
    "is incomplete",
    "lives ahead",
    "lies about prices",
    "delays",
)
"""What does not count, or says nothing of the account: two of three still make a quorum. A delayed report is late where we have just
traded, and stale in the end; as long as nothing has changed it is right."""
RIGHT_AT_FIRST = ("lies about prices", "delays", "passes old for new", "replays")
"""What still confirms a truth, until something has changed."""


ROOM = {"limits": {"max_gross_exposure_percent": 120, "max_net_exposure_percent": 120}}
"""The cap of one symbol is what holds, so that each of them settles down by itself."""


pytestmark = pytest.mark.timeout(400)  # a backstop: some hundred cycles each, on a busy machine too


@pytest.fixture
def world(tmp_path: Path, make_engine: MakeEngine) -> Iterator[World]:
    world = World(tmp_path, make_engine, changes=ROOM)
    yield world
    world.close()


def settle_down(world: World, votes: dict[Symbol, int]) -> None:
    """Nothing is wrong, everything is at its target, and nothing was violated on the way."""
    world.heal()
    for name in SYMBOLS:
        world.unlock(name)
        world.vote(name, votes.get(name, 0))
    world.cycle()
    for _ in range(12):
        result = world.cycle()
        if result is not None and result.status == "idle" and not result.sent and result.unresolved == 0:
            break
    else:
        raise AssertionError(world.log[-20:])
    assert world.audit.broken == []


def harmful(world: World, harm: str, observers: int) -> None:
    for name in "abc"[:observers]:
        world.harm(name, harm)


@pytest.mark.parametrize("observers", [1, 2, 3])
def test_with_an_honest_reader_of_our_own_no_observer_makes_a_wrong_trade(world: World, observers: int) -> None:
    """Full positions, a harm, then new votes, a jump of the price and somebody else's trade: whatever is sent is right by the ledger."""
    wanted = {BTC: 8, ETH: 8, SOL: 8}
    settle_down(world, wanted)
    for number, harm in enumerate(HARMS):
        harmful(world, harm, observers)
        before = world.audit.counts.get(f"sent {BTC}", 0)
        wanted = {**wanted, BTC: -wanted[BTC], ETH: 8 - wanted[ETH]}
        for name, votes in wanted.items():
            world.vote(name, votes)
        world.cycle()
        world.move_price(BTC, Decimal("1.02") if number % 2 else Decimal("0.98"))
        world.cycle()
        if number % 3 == 0:
            world.foreign_order(ETH, 200, rests=False)
            world.cycle()
        assert world.audit.broken == [], f"{observers} x {harm}: {world.log[-20:]}"
        sent = world.audit.counts.get(f"sent {BTC}", 0) - before
        if observers == 1 and harm in HARMLESS_ALONE:
            assert sent, f"{harm}: one of three that does not count stops nothing: {world.log[-20:]}"
        if observers == 3 and harm not in RIGHT_AT_FIRST:
            assert not sent, f"{harm} by all of them: {world.log[-20:]}"
        settle_down(world, wanted)


@pytest.mark.parametrize("harm", ERRORS)
@pytest.mark.parametrize("away", ["", "c"])
def test_where_a_quorum_agrees_on_our_own_readers_error_no_order_leads_beyond_a_cap(world: World, harm: str, away: str) -> None:
    """Long enough for the lock of the change to open by itself, and again; then the votes turn round."""
    settle_down(world, dict.fromkeys(SYMBOLS, 8))
    harmful(world, harm, 3)
    if away:
        world.harm(away, "is away")
    world.our_reader_errs(harm)
    for _ in range(10):
        world.cycle()
    agreed = world.desk.store.decisions(1)[0].targets[BTC]["actual"]
    assert agreed is not None
    assert Decimal(agreed) != world.audit.positions()[BTC], "the lie was not believed: this proves nothing"
    for name in SYMBOLS:
        world.vote(name, -8)
    for _ in range(8):
        world.cycle()
    assert world.audit.broken == [], world.log[-20:]
    settle_down(world, {BTC: 8})  # the fills were right all the time: nobody has to say so


def test_a_value_of_the_account_that_all_tell_wrongly_leads_beyond_no_cap_in_dollars(world: World) -> None:
    """The caps in per cent are per cent of what was agreed on; the others hold whatever that is."""
    settle_down(world, {BTC: 8})
    harmful(world, "doubles the value", 3)
    world.harm_snapshot = lambda seen: replace(seen, account_value=seen.account_value * 2)
    for name in SYMBOLS:
        world.vote(name, 8)
    for _ in range(6):
        world.cycle()
    beyond = [said for said in world.audit.broken if "USD of all" not in said]
    assert beyond == []
    cap = world.settings.for_symbol(BTC).max_notional_usd
    assert {name: size * Decimal(world.simulator.mark(name[:3])) <= cap for name, size in world.audit.positions().items()} == dict.fromkeys(
        world.audit.positions(), True
    )
