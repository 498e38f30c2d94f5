"""The invariants I1 to I5, looked at from outside: the simulator's own ledger and log of signed actions against the database and
against what the sources were seen to say. Nothing in here asks the platform's own rules; what they should be is written down again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from threet.adapters.sql import SqlCycleStore
from threet.adapters.sql.tables import leases
from threet.application.facts import AccountSnapshot, Price
from threet.application.store import DecisionRecord, OrderRecord
from threet.domain.values import OrderState, Symbol

if TYPE_CHECKING:
    from tests.support.machine.world import World

CENT = Decimal("0.01")


@dataclass
class Facts:
    """What the sources were seen to say, by the test that made them say it."""

    prices: dict[Symbol, list[tuple[datetime, Decimal]]] = field(default_factory=dict)
    values: list[tuple[datetime, Decimal]] = field(default_factory=list)  # of the account by the ledger
    votes: dict[Symbol, int] = field(default_factory=dict)
    voted_at: datetime | None = None
    snapshot: AccountSnapshot | None = None
    snapshot_true: bool = False


class Audit:
    """``broken`` collects what was violated and when; ``counts`` what was seen at all, for a run that proves nothing must not pass."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._store = SqlCycleStore(world.engine)
        self.facts = Facts()
        self.broken: list[str] = []
        self.counts: dict[str, int] = {}
        self._sent: dict[str, str] = {}
        self._ends: dict[str, OrderState] = {}
        self._states: dict[str, tuple[str, str]] = {}
        self._actions = self._nonce = 0

    # What the world tells

    def published(self, prices: Mapping[Symbol, Price]) -> None:
        for name, price in prices.items():
            self.facts.prices.setdefault(name, []).append((price.observed_at, price.mark))

    def saved(self, snapshot: AccountSnapshot) -> None:
        self.facts.snapshot = snapshot
        self.facts.snapshot_true = {p.symbol: p.contracts for p in snapshot.positions} == self.positions()

    def voted(self, votes: Mapping[Symbol, int]) -> None:
        self.facts.votes, self.facts.voted_at = dict(votes), self._now()

    def begins(self) -> None:
        self._remember_value()

    # The ledger

    def positions(self) -> dict[Symbol, Decimal]:
        account = self._world.simulator.exchange.state.accounts[self._world.desk.address.lower()]
        return {Symbol(f"{coin}/USDC:USDC"): held.contracts for coin, held in account.positions.items()}

    def filled(self, client_order_id: str) -> Decimal:
        account = self._world.simulator.exchange.state.accounts[self._world.desk.address.lower()]
        return sum((Decimal(fill["sz"]) for fill in account.fills if fill["cloid"] == client_order_id.lower()), Decimal(0))

    def _remember_value(self) -> None:
        exchange = self._world.simulator.exchange
        account = exchange.state.accounts[self._world.desk.address.lower()]
        self.facts.values.append((self._now(), exchange.margin(account).account_value))

    def _now(self) -> datetime:
        return self._world.clock.now()

    # At the sending

    def around_send(self, body: dict[str, Any], send: Callable[[], Any]) -> Any:
        self._require("D7", body["nonce"] > self._nonce, f"the nonce {body['nonce']} comes after {self._nonce}")
        self._nonce = body["nonce"]
        if body["action"]["type"] == "order":
            for wire in body["action"]["orders"]:
                self._before_order(wire, body)
        return send()

    def _before_order(self, wire: dict[str, Any], body: dict[str, Any]) -> None:
        cloid = str(wire["c"])
        found = self._store.orders_named(cloid)
        order = found[0] if found else None
        self._require("I4", cloid not in self._sent, f"{cloid} is sent a second time")
        self._sent[cloid] = wire["s"]
        if order is None or order.state is not OrderState.INTENT:
            self._fail("I4", f"{cloid} is sent with {'no intent' if order is None else order.state} in the database")
            return
        listing = self._world.simulator.exchange.market.by_asset(wire["a"])
        assert listing is not None
        name = Symbol(f"{listing.spec.name}/USDC:USDC")
        same = (order.symbol, order.contracts, order.side.sign > 0, order.reduce_only) == (name, Decimal(wire["s"]), wire["b"], wire["r"])
        self._require("I4", same, f"{cloid} is not what was committed")
        decision = self._store.decision(order.cycle_id)
        if decision is None:
            self._fail("I2", f"{cloid} is sent without a recorded decision")
            return
        self._expiry(order, body)
        self.count("stop" if order.is_stop else "reduce" if order.reduce_only else "open")
        self.count(f"sent {name}")
        _Order(self, self._world, order, decision, self._store).check()

    def _expiry(self, order: OrderRecord, body: dict[str, Any]) -> None:
        with self._world.engine.connect() as connection:
            lease = connection.execute(select(leases.c.token, leases.c.expires_at)).one()
        expires = body.get("expiresAfter")
        right = expires is not None and expires <= lease.expires_at.timestamp() * 1000 and lease.token == order.cycle_id
        self._require("I4", right, f"{order.client_order_id} outlives its lease: {expires}, {lease}")

    # After each step

    def after_step(self) -> None:
        self._remember_value()
        self._each_once()
        for order in self._store.orders(10_000):
            self._end(order)

    def _each_once(self) -> None:
        names = [wire["c"] for action in self._world.simulator.actions("order") for wire in action["action"]["orders"] if "c" in wire]
        self._require("I4", len(names) == len(set(names)), "a client order id stands twice in the venue's log")

    def _end(self, order: OrderRecord) -> None:
        cloid, before = order.client_order_id, self._ends.get(order.client_order_id)
        if before is not None:
            self._require("I4", order.state is before, f"{cloid} ended as {before} and is {order.state} now")
        if not order.state.is_final:
            if order.state is OrderState.UNKNOWN:
                self.count("unknown")
            return
        filled = self.filled(cloid)
        self._require(
            "I4", filled == order.filled_contracts, f"{cloid} is {order.state} with {order.filled_contracts}, the ledger: {filled}"
        )
        if before is None:
            self.count(order.state.value)
            self._ends[cloid] = order.state

    def tell_news(self, say: Callable[..., None]) -> None:
        """What the venue executed and the database recorded since the last time."""
        actions = self._world.simulator.actions()
        for action in actions[self._actions :]:
            say("signed", action["nonce"], action["action"], action["expires_after"], action["outcome"], action["answer"])
        self._actions = len(actions)
        for order in reversed(self._store.orders(10_000)):
            shown = (order.state.value, order.text)
            if self._states.get(order.client_order_id) != shown:
                self._states[order.client_order_id] = shown
                filled = order.filled_contracts.normalize()
                say("order", order.client_order_id, order.symbol, order.side, order.contracts.normalize(), *shown, filled)
        for decision in self._store.decisions(1):
            say("decision", decision.cycle_id, decision.status, decision.inputs_hash, decision.plan)

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def _require(self, which: str, holds: bool, said: str) -> None:
        if not holds:
            self._fail(which, said)

    def _fail(self, which: str, said: str) -> None:
        self.broken.append(f"{which} at {self._now().isoformat()}: {said}")


class _Order:
    """One order that is about to leave, against all that is known of its symbol."""

    def __init__(self, audit: Audit, world: World, order: OrderRecord, decision: DecisionRecord, store: SqlCycleStore) -> None:
        self._audit, self._world, self._order, self._store = audit, world, order, store
        self._inputs: Mapping[str, Any] = decision.inputs
        self._target: Mapping[str, Any] = decision.targets[order.symbol]
        self._terms = world.desk.parts().terms.terms
        self._at = datetime.fromisoformat(decision.inputs["now"])

    def check(self) -> None:
        commanded = self._inputs["flatten_reason"] is not None or self._target["target"]["kind"] == "Flatten"
        self._consensus()
        self._truth()
        if not self._order.is_stop:
            self._direction()
            self._readings(commanded)
        if not self._order.reduce_only:
            self._nothing_unknown()
            self._caps()
        if self._world.desk.halt.is_halted():
            self._require("I7", self._order.reduce_only and commanded, "sent although halted")

    def _require(self, which: str, holds: bool, said: str) -> None:
        self._audit._require(which, holds, f"{self._order.symbol} {self._order.side} {self._order.contracts}: {said}")

    # I2: the recorded evidence is what was said, and it is a consensus

    def _voices(self) -> dict[str, Decimal]:
        """The sources that count, judged anew, and what each says of the symbol."""
        name, now = self._order.symbol, self._at
        activity = self._inputs["last_activity"].get(name)
        after = None if activity is None else datetime.fromisoformat(activity) + self._terms.settle_margin
        views = {"local": (self._inputs["local"], self._terms.max_position_age)}
        views |= {node: (view, self._terms.max_observation_age) for node, view in self._inputs["observers"].items()}
        voices: dict[str, Decimal] = {}
        for source, (view, max_age) in views.items():
            if "value" not in view:
                continue
            read = view["value"]
            times = [datetime.fromisoformat(read[key]) for key in ("observed_at", "exchange_time")]
            fresh = all(-self._terms.max_clock_skew <= now - at <= max_age for at in times)
            if (
                fresh
                and read["complete"]
                and read["account"].lower() == self._world.desk.address.lower()
                and (after is None or times[1] > after)
            ):
                voices[source] = Decimal(read["positions"].get(name, "0"))
        return voices

    def _consensus(self) -> None:
        voices = self._voices()
        agreed = self._target["actual"]
        observers = sum(source != "local" for source in voices)
        self._require("I2", "local" in voices, f"no local snapshot that counts: {voices}")
        self._require("I2", observers >= self._terms.quorum, f"{observers} observers count: {voices}")
        self._require("I2", len(set(voices.values())) <= 1, f"the sources dissent: {voices}")
        self._require("I2", agreed is not None and set(voices.values()) == {Decimal(agreed)}, f"agreed on {agreed}, they say {voices}")

    def _truth(self) -> None:
        """What was recorded was said; and where one of those that agree is honest, it is what the ledger says."""
        name = self._order.symbol
        honest = self._audit.facts.snapshot_true
        voices = self._voices()
        for node in self._world.nodes:
            view = self._inputs["observers"][node.name]
            if "value" in view:
                told = {key: Decimal(size) for key, size in (node.told or {}).get("positions", {}).items()}
                recorded = {key: Decimal(size) for key, size in view["value"]["positions"].items()}
                self._require("I2", told == recorded, f"{node.name} said {told}, recorded is {recorded}")
                if node.name in voices and node.honest is not None and told == node.honest.positions:
                    honest = honest or told == self._audit.positions()
        if honest:
            held = self._audit.positions().get(name, Decimal(0))
            self._require("I2", held == Decimal(self._target["actual"] or "NaN"), f"agreed on {self._target['actual']}, held is {held}")
            self._audit.count("true consensus")

    # I3

    def _direction(self) -> None:
        target, actual = self._target["target"], Decimal(self._target["actual"] or "NaN")
        after = actual + self._order.contracts * self._order.side.sign
        self._require("I3", target["kind"] != "Hold", f"sent on a hold: {target['reason']}")
        if target["kind"] == "Hold":
            return
        aim = Decimal(0) if target["kind"] == "Flatten" else Decimal(target["contracts"])
        if target["kind"] != "Target" or self._locked():
            self._require("I3", self._order.reduce_only, f"opened on {target}, locked: {self._locked()}")
        self._require("I3", after * actual >= 0, f"from {actual} through zero to {after}")
        if self._order.reduce_only:
            self._require("I3", after * actual >= 0 and abs(after) < abs(actual), f"a reduction from {actual} leads to {after}")
        self._require("I3", min(actual, aim) <= after <= max(actual, aim), f"from {actual} to {after} is not toward {target}")

    def _locked(self) -> bool:
        """By what was remembered when the decision was made, or by what it found."""
        state = self._inputs["states"].get(self._order.symbol, {})
        by_person = state.get("manual_until") is not None and self._at < datetime.fromisoformat(state["manual_until"])
        return by_person or self._target["locked"] is not None

    # I1: what was not read moves nothing

    def _readings(self, commanded: bool) -> None:
        facts, name = self._audit.facts, self._order.symbol
        price = self._inputs["prices"].get(name, {})
        fresh = [mark for at, mark in facts.prices.get(name, []) if self._at - at <= self._terms.max_price_age]
        self._require("I1", "value" in price and Decimal(price["value"]) in fresh, f"priced at {price}, published were {fresh}")
        if commanded:
            return
        self._require("I1", self._value() is not None, f"sized by no account value that was agreed on: {self._inputs['local']}")
        limit = timedelta(seconds=float(self._world.settings.freshness.max_heartbeat_age_seconds))
        alive = facts.voted_at is not None and self._at - facts.voted_at < limit
        self._require("I1", alive, f"the last votes are of {facts.voted_at}")
        vote = self._target["vote"] or {}
        wanted = facts.votes.get(name, 0)
        self._require("I1", vote.get("direction_sum") == wanted, f"voted {wanted}, recorded {vote}")
        target = Decimal(self._target["target"]["contracts"] or 0)
        self._require("I1", target * wanted >= 0, f"voted {wanted}, target {target}")

    def _value(self) -> Decimal | None:
        """The lowest of the account values that the sources which count tell, where they are one within the tolerance."""
        local = self._inputs["local"]
        values = [
            Decimal(view["value"]["account_value"])
            for view in [local, *self._inputs["observers"].values()]
            if "value" in view
            and view["value"]["complete"]
            and self._at - datetime.fromisoformat(view["value"]["exchange_time"]) <= self._terms.max_observation_age
            and datetime.fromisoformat(view["value"]["exchange_time"]) - self._at <= self._terms.max_clock_skew
        ]
        if "value" not in local or len(values) < 1 + self._terms.quorum:
            return None
        mine = Decimal(local["value"]["account_value"])
        snapshot = self._audit.facts.snapshot
        if snapshot is None or snapshot.account_value != mine:
            return None
        near = all(abs(value - mine) <= abs(mine) * self._terms.account_value_tolerance_percent / 100 for value in values)
        return min(values) if near and min(values) > 0 else None

    # I4, I5

    def _open_orders(self) -> list[OrderRecord]:
        return [each for each in self._store.unsettled_orders() if each.client_order_id != self._order.client_order_id]

    def _nothing_unknown(self) -> None:
        before = [each for each in self._open_orders() if each.symbol == self._order.symbol and not each.rests]
        self._require("I4", not before, f"opens while {[each.client_order_id for each in before]} has no known end")

    def _caps(self) -> None:
        """By the ledger, each order of ours that may still be executed at its whole size, and resting ones of others too."""
        held = self._audit.positions()
        pending = [(each.symbol, self._left(each) * each.side.sign) for each in [*self._open_orders(), self._order] if not each.reduce_only]
        exchange = self._world.simulator.exchange
        for other in exchange.state.orders_of(self._world.desk.address.lower()):
            if other.cloid is None and not other.reduce_only:
                pending.append((Symbol(f"{other.coin}/USDC:USDC"), other.size * (1 if other.is_buy else -1)))
        worst: dict[Symbol, Decimal] = {}
        net = Decimal(0)
        for name in {*held, *(name for name, _ in pending)}:
            ups = sum((size for each, size in pending if each == name and size > 0), Decimal(0))
            downs = sum((size for each, size in pending if each == name and size < 0), Decimal(0))
            now = held.get(name, Decimal(0))
            worst[name] = max(abs(now + ups), abs(now + downs)) * self._price(name)
            net += (now + (ups if self._order.side.sign > 0 else downs)) * self._price(name) * self._order.side.sign
        cap = self._world.settings.for_symbol(self._order.symbol).max_notional_usd
        mine = worst[self._order.symbol]
        self._require("I5", mine <= cap + CENT, f"may lead to {mine:.2f} USD, the cap is {cap}")
        since = self._at - timedelta(seconds=20)
        value = max(value for at, value in self._audit.facts.values if at >= since)
        gross = value * self._terms.max_gross_exposure_percent / 100
        total = sum(worst.values())
        self._require("I5", total <= gross + CENT, f"may lead to {total:.2f} USD of all, the cap is {gross:.2f}")
        most = value * self._terms.max_net_exposure_percent / 100
        self._require("I5", net <= most + CENT, f"may lead to {net:.2f} USD of all on one side, the cap is {most:.2f}")
        usd = self._order.contracts * self._price(self._order.symbol)
        self._require("I5", usd <= self._terms.max_order_usd + CENT, f"an order of {usd:.2f} USD")

    def _left(self, order: OrderRecord) -> Decimal:
        """What of an order of ours may still be executed: nothing once the venue has ended it, or must refuse it as expired."""
        exchange = self._world.simulator.exchange
        oid = exchange.state.by_cloid.get((self._world.desk.address.lower(), order.client_order_id))
        if oid is not None:
            known = exchange.state.order(oid)
            return known.size if known is not None and known.is_live else Decimal(0)
        return order.contracts if self._audit._now() <= order.expires_at else Decimal(0)

    def _price(self, name: Symbol) -> Decimal:
        """The one that the decision had; of a symbol that it had none of, the venue's own."""
        price = self._inputs["prices"].get(name, {})
        return Decimal(price["value"]) if "value" in price else Decimal(self._world.simulator.mark(name.split("/")[0]))
