"""Observer nodes in the test's process: the node's own reading of the venue, its own signature, and the harm that a test does to either.

What asks them is the real reader (``HttpObserver``) with every check of it; only the socket in between is left out.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.support.machine.in_process import InProcessSimulator
from tests.support.observer import SEEDS

from threet.adapters.observers import HttpObserver
from threet.application.facts import AccountSnapshot, Observation
from threet.domain.values import Known, Unknown
from threet.observer.report import Reading, Signer
from threet.observer.view import Unreadable, account_view, mark_prices

OTHER = "0x" + "cd" * 20
COIN = "BTC/USDC:USDC"
"""Where the lies are told that are about one symbol."""


def _bigger(reading: Reading, node: HarmedNode, by: Decimal) -> Reading:
    return replace(reading, positions={**reading.positions, COIN: reading.positions.get(COIN, Decimal(0)) + by})


def _flipped(reading: Reading) -> Reading:
    return replace(reading, positions={name: -contracts for name, contracts in reading.positions.items()})


def _omitted(reading: Reading) -> Reading:
    return replace(reading, positions={name: contracts for name, contracts in reading.positions.items() if name != COIN})


def _yesterday(reading: Reading, node: HarmedNode) -> Reading:
    """An old look that is passed off as one of now: its owner signs whatever it wants."""
    old = node.history[0] if node.history else reading
    return replace(old, observed_at=reading.observed_at, exchange_time=reading.exchange_time)


READINGS: Mapping[str, Callable[[Reading, HarmedNode], Reading]] = {
    "lies": lambda reading, node: _bigger(reading, node, Decimal("0.011") + Decimal(ord(node.name)) / 1000),
    "colludes": lambda reading, node: _bigger(reading, node, Decimal("0.05")),
    "says flat": lambda reading, node: replace(reading, positions={}),
    "omits": lambda reading, node: _omitted(reading),
    "flips signs": lambda reading, node: _flipped(reading),
    "passes old for new": _yesterday,
    "delays": lambda reading, node: node.history[0] if node.history else reading,
    "is incomplete": lambda reading, node: replace(reading, complete=False),
    "doubles the value": lambda reading, node: replace(reading, account_value=reading.account_value * 2),
    "halves the value": lambda reading, node: replace(reading, account_value=reading.account_value / 2),
    "lies about prices": lambda reading, node: replace(reading, mark_prices={n: p * 2 for n, p in reading.mark_prices.items()}),
    "lives ahead": lambda reading, node: replace(reading, exchange_time=reading.exchange_time + timedelta(minutes=5)),
}
"""Harm to what was read, signed with the node's own key."""

ERRORS: Mapping[str, Callable[[AccountSnapshot], AccountSnapshot]] = {
    "says flat": lambda seen: replace(seen, positions=()),
    "omits": lambda seen: replace(seen, positions=tuple(position for position in seen.positions if position.symbol != COIN)),
    "flips signs": lambda seen: replace(seen, positions=tuple(replace(held, contracts=-held.contracts) for held in seen.positions)),
}
"""The same harm, done by a reader of our own."""

WIRES = ("replays", "forges", "another account", "garbage", "is away")
HARMS = (*READINGS, *WIRES)


@dataclass
class HarmedNode:
    """``harm`` is one of HARMS or None. ``told`` is the last report that it gave, whatever became of it; None where it gave none."""

    name: str
    account: str
    simulator: InProcessSimulator
    harm: str | None = None
    told: dict[str, Any] | None = None
    honest: Reading | None = None
    history: deque[Reading] = field(default_factory=lambda: deque(maxlen=3))
    _replayed: bytes | None = None
    _sequence: int = 0

    def answer(self, nonce: str) -> tuple[int, bytes]:
        """Status and body. Raises OSError where it is away."""
        self.told = None
        if self.harm == "is away":
            raise ConnectionRefusedError("nobody listens")
        try:
            reading = self.honest = self._read()
        except Unreadable as error:
            self.honest = None
            return 503, json.dumps({"error": str(error)}).encode()
        if self.harm == "replays" and self._replayed is not None:
            return 200, self._replayed
        shown = READINGS[self.harm](reading, self) if self.harm is not None and self.harm in READINGS else reading
        self.history.append(reading)
        body = self._signed(shown, nonce)
        self._replayed = body
        return (200, b"[" * 50) if self.harm == "garbage" else (200, body)

    def _read(self) -> Reading:
        at = self.simulator.clock.now()
        view = account_view(self._info({"type": "clearinghouseState", "user": self.account}))
        marks = mark_prices(self._info({"type": "metaAndAssetCtxs"}))
        return Reading(at, view.exchange_time, True, view.positions, view.account_value, marks)

    def _info(self, request: dict[str, Any]) -> Any:
        found = self.simulator.info(request, f"3t-observer {self.name}")
        if found is None:
            raise Unreadable(f"{request['type']}: no answer")
        return found

    def _signed(self, reading: Reading, nonce: str) -> bytes:
        self._sequence = max(self._sequence + 1, self.simulator.clock.wall_ms())
        seed = "0d" * 32 if self.harm == "forges" else SEEDS[self.name]
        account = OTHER if self.harm == "another account" else self.account
        signer = Signer(self.name, account, Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)))
        self.told = signer.report(reading, self._sequence, nonce)
        return json.dumps(self.told).encode()


class Nodes:
    """Stands in the place of the sockets: ``get`` has the signature of ``bounded_get``."""

    def __init__(self, nodes: list[HarmedNode]) -> None:
        self.by_name = {node.name: node for node in nodes}

    @staticmethod
    def url(name: str) -> str:
        return f"http://node-{name}.in-process"

    def get(self, url: str, timeout_seconds: float, max_bytes: int) -> tuple[int, bytes]:
        parts = urlsplit(url)
        name = (parts.hostname or "").removeprefix("node-").removesuffix(".in-process")
        status, body = self.by_name[name].answer(parse_qs(parts.query)["nonce"][0])
        return status, body[:max_bytes]


class _Turn:
    def __init__(self, places: int) -> None:
        self._places, self._next, self._changed = places, 0, threading.Condition()

    @contextmanager
    def of(self, place: int) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: self._next == place)
        try:
            yield
        finally:
            with self._changed:
                self._next = (self._next + 1) % self._places
                self._changed.notify_all()


@dataclass
class InTurn:
    """An observer that answers after the one before it: asked side by side, they would meet the simulator in any order."""

    real: HttpObserver
    place: int
    turn: _Turn

    @property
    def name(self) -> str:
        return self.real.name

    def observe(self) -> Known[Observation] | Unknown:
        with self.turn.of(self.place):
            return self.real.observe()


def in_turn(observers: list[HttpObserver]) -> list[InTurn]:
    turn = _Turn(len(observers))
    return [InTurn(observer, place, turn) for place, observer in enumerate(observers)]
