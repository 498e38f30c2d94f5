"""Providence's publisher over a shard of this process, called by hand: the strategy loop answers at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from queue import Queue, SimpleQueue
from threading import Event
from typing import Any

from tests.support.shard import NOW, Shard

from threet.application.facts import Product
from threet.domain.values import Symbol
from threet_providence.messages import Message, ProductsRead, ViewRequest
from threet_providence.publisher import Publisher, PublisherRules, RunsTable


class Named:
    """The port Products."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self._symbols = symbols

    def all(self) -> list[Product]:
        return [Product(number, Symbol(symbol), symbol, 10) for number, symbol in enumerate(self._symbols)]


class Still:
    """A clock that a test moves."""

    seconds = 0.0

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return self.seconds


class Inbox(Queue[Message]):
    """Answers at once, as the strategy loop's thread would."""

    def __init__(self, shard: Shard) -> None:
        super().__init__()
        self.shard = shard
        self.products: list[tuple[str, ...]] = []

    def put(self, item: Message, block: bool = True, timeout: float | None = None) -> None:
        if isinstance(item, ProductsRead):
            self.products.append(item.symbols)
        assert isinstance(item, ProductsRead | ViewRequest)
        self.shard.loop.take(item)


def publisher_of(
    shard: Shard,
    table: RunsTable,
    symbols: Sequence[str],
    most_waiting: int = 1000,
    *,
    report: Callable[[], Any] = lambda: None,
    check: Callable[[], None] = lambda: None,
) -> Publisher:
    """``most_waiting`` ended runs wait for the database in memory."""
    population = shard.engine.rules.population
    rules = PublisherRules(
        population.shard, population.shards, population.seed, publish_seconds=0.01, products_seconds=5.0, most_waiting=most_waiting
    )
    return Publisher(rules, table, Named(symbols), report, check, shard.folders, Still(), Inbox(shard), SimpleQueue(), Event(), Event())
