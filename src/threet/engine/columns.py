"""All runs of a shard as columns: row ``slot`` of every array belongs to one run. The arithmetic is that of ``voms.Voms``."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import numpy as np

from threet.engine.bookings import Bookings
from threet.engine.entries import FUNDING, TRADE, EntryLog
from threet.engine.members import Members
from threet.engine.runs import RunSpec, by_fields_of_specs, id_bytes
from threet.engine.types import Bools, Floats, Ints, Records, Slots
from threet.engine.voms_columns import add_funding, add_trades

_MONEY = ("size", "entry", "realised", "fees", "funding", "mark", "live_pnl")
_FLOATS = (*_MONEY, "start_balance", "leverage", "fee_rate", "least", "target")
_INTS = ("symbol", "strategy", "started_ms", "ends_ms", "closed_trades", "changed_tick")
_BOOLS = ("active", "risen", "votes", "dirty")
_LEAST_SLOTS = 64
_MOST_WAITING = 50_000  # entries that are not in their histories yet
_NEVER_MS = np.iinfo(np.int64).max


class RunColumns:
    """Grows by doubling; a slot whose run ended is used again. ``dirty`` marks what a snapshot does not have yet;
    ``changed_tick`` is kept by the owner of the journal: a tick at or after the last change of a run that is not dirty.
    """

    size: Floats
    entry: Floats
    realised: Floats
    fees: Floats
    funding: Floats
    mark: Floats
    live_pnl: Floats
    start_balance: Floats
    leverage: Floats
    fee_rate: Floats
    least: Floats  # the live_pnl at which the run has lost too much, below 0
    target: Floats
    symbol: Ints
    strategy: Ints
    started_ms: Ints
    ends_ms: Ints
    closed_trades: Ints
    changed_tick: Ints
    active: Bools
    risen: Bools
    votes: Bools
    dirty: Bools

    def __init__(self, parameter_width: int, state_width: int) -> None:
        for names, kind in ((_FLOATS, np.float64), (_INTS, np.int64), (_BOOLS, np.bool_)):
            for name in names:
                setattr(self, name, np.zeros(0, dtype=kind))
        self.parameters: Floats = np.zeros((0, parameter_width))
        self.state: Floats = np.zeros((0, state_width))
        self.ids = np.zeros((0, 2), dtype=np.uint64)
        self.specs: Records = np.zeros(0, dtype=object)  # RunSpec, None where no run is
        self._logs: list[EntryLog] = []
        self._booked = Bookings()
        self.members = Members()
        self._next_end_ms = _NEVER_MS  # no active run ends earlier
        self._free: list[int] = []
        self._used = 0  # slots from here on never held a run
        self.slot_of: dict[str, int] = {}

    def add(self, spec: RunSpec, symbol: int, strategy: int, parameters: Sequence[float]) -> int:
        """A place for a new run, its VOMS empty; returns the slot."""
        return int(self.add_all([spec], [symbol], [strategy], np.array([parameters], dtype=np.float64), [EntryLog()])[0])

    def add_all(
        self,
        specs: Sequence[RunSpec],
        symbols: Sequence[int],
        strategies: Sequence[int] | Ints,
        parameters: Floats,
        logs: Sequence[EntryLog],
    ) -> Slots:
        """Places for runs, each with its symbol's row, its strategy's number, its row of parameters and its history; returns the slots."""
        while len(self._free) < len(specs):
            self._grow()
        chosen = [self._free.pop() for _ in specs]
        slots = np.array(chosen, dtype=np.intp)
        if not chosen:
            return slots
        self._used = max(self._used, max(chosen) + 1)
        for name in _FLOATS + _INTS + _BOOLS:
            getattr(self, name)[slots] = 0
        told = by_fields_of_specs(specs)
        for name in ("start_balance", "leverage", "fee_rate", "started_ms", "ends_ms"):
            getattr(self, name)[slots] = told[name]
        self.least[slots], self.target[slots] = np.negative(told["max_loss_usd"]), told["target_usd"]
        self.symbol[slots], self.strategy[slots] = symbols, strategies
        self.parameters[slots], self.state[slots] = 0.0, 0.0
        self.parameters[slots, : parameters.shape[1]] = parameters
        self.ids[slots] = np.frombuffer(id_bytes(told["id"]), dtype=">u8").reshape(-1, 2)
        self.active[slots] = self.dirty[slots] = True
        self.specs[slots] = np.fromiter(specs, dtype=object, count=len(specs))
        self.slot_of.update(zip(told["id"], chosen, strict=True))
        self._next_end_ms = min(self._next_end_ms, *told["ends_ms"])
        self.members.join(chosen, symbols)
        for slot, log in zip(chosen, logs, strict=True):
            self._logs[slot] = log
        return slots

    def remove(self, slot: int) -> None:
        spec = self.spec(slot)
        self._booked.hand_over(self._logs)
        del self.slot_of[spec.id]
        self.active[slot] = self.dirty[slot] = self.votes[slot] = False
        self.size[slot] = self.live_pnl[slot] = 0.0
        self.least[slot], self.target[slot] = -np.inf, np.inf
        self.specs[slot], self._logs[slot] = None, EntryLog()
        self._free.append(slot)
        self.members.leave(slot, int(self.symbol[slot]))

    @property
    def logs(self) -> list[EntryLog]:
        """By slot; every entry that was booked is in them."""
        self._booked.hand_over(self._logs)
        return self._logs

    def spec(self, slot: int) -> RunSpec:
        spec: RunSpec | None = self.specs[slot]
        if spec is None:
            raise LookupError(f"expected a run in slot {slot}, found none")
        return spec

    def trade(self, slots: Slots, times_ms: Ints, prices: Floats, sizes: Floats) -> None:
        """Books one trade of each of ``slots`` (no slot twice)."""
        add_trades(self, slots, prices, sizes)
        self._book(TRADE, slots, times_ms, prices, sizes)

    def fund(self, slots: Slots, times_ms: Ints, per_contract: Floats) -> None:
        """Books one funding payment of each of ``slots``, on the position that it holds."""
        sizes = self.size[slots]
        add_funding(self, slots, per_contract, sizes)
        self._book(FUNDING, slots, times_ms, per_contract, sizes)

    def update_price(self, slots: Slots, prices: Floats) -> None:
        """Marks ``slots``: live_pnl = realised + size × (mark - entry) - fees - funding."""
        unrealised = self.size[slots] * (prices - self.entry[slots])
        self.mark[slots] = prices
        self.live_pnl[slots] = self.realised[slots] + unrealised - self.fees[slots] - self.funding[slots]

    def update_prices(self, priced: Bools, marks: Floats, now_ms: int) -> Slots:
        """Marks every run whose symbol is ``priced``, both by the symbol's row; returns those that reached loss, target or time.

        Where all active runs are marked, which is what a tick mostly does, the columns are taken as they lie: the sums are those of
        ``update_price``, and what they make of an empty slot nobody reads.
        """
        used = self._used
        symbol, live_pnl = self.symbol[:used], self.live_pnl[:used]
        if priced.all() or not self.members.counts(len(priced))[~priced].any():
            mark = self.mark[:used]
            marks.take(symbol, out=mark, mode="clip")
            np.subtract(mark, self.entry[:used], out=live_pnl)
            np.multiply(self.size[:used], live_pnl, out=live_pnl)
            np.add(self.realised[:used], live_pnl, out=live_pnl)
            live_pnl -= self.fees[:used]
            live_pnl -= self.funding[:used]
        else:
            slots = np.flatnonzero(self.active[:used] & priced[symbol])
            self.update_price(slots, marks[symbol[slots]])
        over = live_pnl <= self.least[:used]
        over |= live_pnl >= self.target[:used]
        if self._next_end_ms <= now_ms:
            over |= self.ends_ms[:used] <= now_ms
            self._next_end_ms = self._first_end_behind(now_ms)
        found = over.nonzero()[0]
        return found[self.active[found] & priced[self.symbol[found]]] if len(found) else found

    def ballots(self) -> bytes:
        """Other bytes where another run votes, or a voter stands in another direction; also where room for more runs was made."""
        long, short = self.votes & (self.size > 0), self.votes & (self.size < 0)
        return self.votes.tobytes() + long.tobytes() + short.tobytes()

    def _first_end_behind(self, now_ms: int) -> int:
        """A run whose time is over and that ends only with a price of its symbol is asked again at each price."""
        ends = self.ends_ms[: self._used][self.active[: self._used]]
        return now_ms if (ends <= now_ms).any() else int(ends.min(initial=_NEVER_MS))

    def _book(self, kind: int, slots: Slots, times_ms: Ints, prices: Floats, sizes: Floats) -> None:
        self.dirty[slots] = True
        self._booked.add(kind, slots, times_ms, prices, sizes)
        if self._booked.count > _MOST_WAITING:
            self._booked.hand_over(self._logs)

    def _grow(self) -> None:
        old = len(self.specs)
        new = max(_LEAST_SLOTS, 2 * old)
        for name in (*_FLOATS, *_INTS, *_BOOLS, "parameters", "state", "ids"):
            column = getattr(self, name)
            larger = np.zeros((new, *column.shape[1:]), dtype=column.dtype)
            larger[:old] = column
            setattr(self, name, larger)
        self.specs = np.append(self.specs, np.full(new - old, None))
        self._logs.extend([EntryLog()] * (new - old))  # one for all, since nothing is booked to a slot without a run
        self._free.extend(range(new - 1, old - 1, -1))


def id_text(high: int, low: int) -> str:
    return str(uuid.UUID(int=(int(high) << 64) | int(low)))
