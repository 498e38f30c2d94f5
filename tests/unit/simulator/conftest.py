"""A venue without sockets and with a wall clock that stands until it is moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from threet.simulator.options import SimulatorOptions
from threet.simulator.placing import Status, Wanted, place
from threet.simulator.venue import Venue

ADDRESS = "0x" + "11" * 20
START_MS = 1_800_000_000_000


class Wall:
    """Milliseconds that only a test moves."""

    def __init__(self) -> None:
        self.ms = START_MS

    def __call__(self) -> int:
        return self.ms


class Desk:
    """One funded account on one venue, and short words for what is done with it."""

    def __init__(self, folder: Path, wall: Wall, **options: Any) -> None:
        self.wall = wall
        deposit = options.pop("deposit", Decimal(10_000))
        self.options = SimulatorOptions(folder, accounts=((ADDRESS, deposit),), **options)
        self.venue = Venue(self.options, wall)
        self.exchange = self.venue.exchange

    @property
    def account(self) -> Any:
        return self.exchange.state.accounts[ADDRESS]

    def at(self, coin: str, price: str) -> None:
        """Sets the mark."""
        self.venue.set_price(coin, Decimal(price))

    def order(self, coin: str, side: str, size: str, price: str, tif: str = "Ioc", **more: Any) -> Status:
        asset = list(self.exchange.market.listings).index(coin)
        values = {"reduce_only": False, "cloid": None, **more}
        wanted = Wanted(asset, side == "buy", Decimal(price), Decimal(size), values.pop("reduce_only"), tif, values.pop("cloid"), **values)
        return place(self.exchange, self.account, wanted)

    def value(self) -> Decimal:
        return self.exchange.margin(self.account).account_value

    def advance(self, seconds: float) -> None:
        """Moves wall time in steps that the reserved market time allows, ticking."""
        target = self.wall.ms + round(seconds * 1000)
        while self.wall.ms < target:
            self.wall.ms = min(target, self.wall.ms + 1000)
            self.venue.tick()


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def make_desk(tmp_path: Path, wall: Wall) -> Iterator[Callable[..., Desk]]:
    """Each call gives a venue in a folder of its own; `folder=` names one to go on in."""
    desks: list[Desk] = []

    def make(folder: str = "", **options: Any) -> Desk:
        desk = Desk(tmp_path / (folder or f"venue{len(desks)}"), wall, **options)
        desks.append(desk)
        return desk

    yield make
    for desk in desks:
        desk.venue.close()


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    """BTC at 100,000 and ETH at 2,500 on paused market time, so that a price is what the test set."""
    made = make_desk()
    made.exchange.clock.pause()
    made.at("BTC", "100000")
    made.at("ETH", "2500")
    return made
