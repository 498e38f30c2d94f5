"""Reads the picture: the database, Redis, the halt file and the observers, each by itself, so that one that is away hides no other."""

from __future__ import annotations

import shutil
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TypeVar

from threet.adapters.redis import Canaries
from threet.adapters.sql.errors import DatabaseError
from threet.adapters.sql.run_totals import RunTotals
from threet.application.facts import AccountSnapshot, Price
from threet.application.store import DecisionRecord
from threet.bootstrap import CliServices
from threet.cli.status.picture import Aged, ObserverView, Picture, ServiceView, SymbolView
from threet.cli.status.services import view_services
from threet.domain.symbol_state import SymbolState
from threet.domain.values import Known, Symbol, Unknown
from threet.settings import ObserverNodeSettings, Settings
from threet.settings.sections import ObserversSettings

T = TypeVar("T")

_MOST_BYTES = 2000  # of an observer's answer: the format has some hundred
_EVER = datetime(2000, 1, 1, tzinfo=UTC)
_QUEUES = ("market", "account", "reconcile")


class Reader:
    """Reads pictures again and again. It raises nothing for a part that is away, and changes nothing anywhere."""

    def __init__(self, services: CliServices, canaries: Canaries, runs: Callable[[], RunTotals], settings: Settings) -> None:
        self._services = services
        self._runs = runs
        self._canaries = canaries
        self._settings = settings

    def read(self) -> Picture:
        now = self._services.clock.now()
        store = self._services.store
        snapshot = _from_database(lambda: store.snapshot(self._services.account))
        decision = _from_database(lambda: next(iter(store.decisions(1)), None))
        return Picture(
            at=now,
            account=self._services.account,
            config_hash=self._settings.config_hash,
            free_disk_mb=self._free_disk_mb(),
            halt_file=self._halt_file(),
            control=_from_database(store.control),
            services=self._service_views(),
            canary_ages=self._canary_ages(now),
            waiting=self._canaries.queue_lengths(_QUEUES),
            observers=ask_observers(self._settings.observers),
            heartbeat_age=self._heartbeat_age(now),
            runs=_from_database(self._runs),
            account_value=Aged(snapshot.value.account_value, _age(now, snapshot.as_of)) if isinstance(snapshot, Known) else snapshot,
            symbols=self._symbols(now, snapshot, decision),
            unresolved=_from_database(store.unsettled_orders),
            last_orders=_from_database(lambda: store.orders(self._settings.cli.orders_shown)),
            decision=decision,
        )

    def _free_disk_mb(self) -> float | Unknown:
        try:
            return shutil.disk_usage(self._settings.state_folder).free / 1e6
        except OSError as error:
            return Unknown(f"the free space of {self._settings.state_folder} cannot be told: {error.strerror}")

    def _halt_file(self) -> str | Unknown | None:
        try:
            return self._services.halt.reason() if self._services.halt.is_halted() else None
        except OSError as error:
            return Unknown(f"the halt file could not be looked for: {error}")

    def _service_views(self) -> Sequence[ServiceView] | Unknown:
        store = self._services.store
        return _from_database(lambda: view_services(store.services(), store.now(), self._settings))

    def _canary_ages(self, now: datetime) -> Mapping[str, float] | Unknown:
        runs = self._canaries.last_runs()
        return runs if isinstance(runs, Unknown) else {queue: _age(now, at.value) for queue, at in sorted(runs.items())}

    def _heartbeat_age(self, now: datetime) -> float | Unknown:
        """The age of the oldest shard's heartbeat, however old; Unknown where a shard has none."""
        votes = _from_database(lambda: self._services.store.votes(self._settings.providence.shards, _EVER))
        return votes if isinstance(votes, Unknown) else _age(now, votes.heartbeat_at)

    def _symbols(
        self, now: datetime, snapshot: Known[AccountSnapshot] | Unknown, decision: DecisionRecord | Unknown | None
    ) -> Sequence[SymbolView]:
        store = self._services.store
        products = _from_database(lambda: {product.symbol for product in store.products()})
        states = _from_database(store.symbol_states)
        prices = self._services.prices.last_prices()
        decided = decision.targets if isinstance(decision, DecisionRecord) else {}
        held = {position.symbol for position in snapshot.value.positions} if isinstance(snapshot, Known) else set()
        names = {Symbol(name) for name in decided} | held | (set() if isinstance(products, Unknown) else products)
        return [
            SymbolView(
                symbol=name,
                is_product=isinstance(products, Unknown) or name in products,
                price=_price(now, prices, name),
                actual=snapshot.value.contracts(name) if isinstance(snapshot, Known) else snapshot,
                decided=decided.get(name),
                state=_state(states, name),
            )
            for name in sorted(names)
        ]


def ask_observers(told: ObserversSettings) -> list[ObserverView]:
    """Asks every node's /health side by side. Their reports are left to the cycle, whose sequence numbers must not be used up here."""
    with ThreadPoolExecutor(max_workers=max(1, len(told.nodes))) as pool:
        return list(pool.map(lambda node: _ask_observer(node, told.request_timeout_seconds), told.nodes))


def _ask_observer(node: ObserverNodeSettings, timeout_seconds: float) -> ObserverView:
    url = f"{node.url.rstrip('/')}/health"
    try:
        with urllib.request.urlopen(url, timeout=timeout_seconds) as answer:
            body = answer.read(_MOST_BYTES).decode(errors="replace").strip()
            return ObserverView(node.name, node.url, answer.status == 200, body)
    except (OSError, ValueError) as error:
        cause = getattr(error, "reason", error)  # what urllib has wrapped
        return ObserverView(node.name, node.url, False, f"no answer from {node.url}: {getattr(cause, 'strerror', None) or cause}")


def _from_database(read: Callable[[], T]) -> T | Unknown:
    try:
        return read()
    except DatabaseError as error:
        return Unknown(f"the database cannot be read: {str(error).splitlines()[0]}")


def _age(now: datetime, at: datetime) -> float:
    return (now - at).total_seconds()


def _price(now: datetime, prices: Mapping[Symbol, Known[Price]] | Unknown, name: Symbol) -> Aged | Unknown:
    if isinstance(prices, Unknown):
        return prices
    price = prices.get(name)
    return Unknown("never published") if price is None else Aged(price.value.mark, _age(now, price.as_of))


def _state(states: Mapping[Symbol, SymbolState] | Unknown, name: Symbol) -> SymbolState | None:
    return None if isinstance(states, Unknown) else states.get(name)
