"""Replaying the journal's tail over the runs of the snapshots: effects are applied, nothing is decided again."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from threet.engine.columns import id_text
from threet.engine.descent import Ancestors
from threet.engine.entries import Entry, EntryLog
from threet.engine.market import CANDLE_COLUMNS, Market, SymbolMarket
from threet.engine.runs import ACTIVE, ENDED, RunImage, RunSpec
from threet.engine.strategy import Strategy
from threet.engine.types import Records
from threet.engine.voms import Voms
from threet_providence.snapshots import book
from threet_providence.steps import BaseRecord, EndedMark, Step, TickRecord


@dataclass(slots=True)
class ReplayedRun:
    """A run on its way from its snapshot (or its birth) to the journal's end.

    ``image`` is replaced, never written to: what it says of a position and its result is of its beginning, and ``now`` says it anew;
    its ``tick`` is what the run contained then.
    """

    image: RunImage
    voms: Voms
    changed: bool = False  # since its snapshot: needs a new one

    @classmethod
    def born(cls, spec: RunSpec, tick: int) -> ReplayedRun:
        voms = Voms(start_balance=spec.start_balance, leverage=spec.leverage, fee_rate=spec.fee_rate)
        return cls(RunImage(spec, tick, 0, 0.0, 0.0, False, False, {}, EntryLog(), 0), voms, changed=True)

    def now(self, tick: int) -> RunImage:
        return self.image._replace(
            tick=tick,
            direction=self.voms.direction,
            live_pnl=self.voms.live_pnl,
            last_price=self.voms.mark,
            entry_count=len(self.image.entries),
            closed_trades=self.voms.closed_trades,
        )


class Replay:
    """The state that base records and ticks lead to. Runs that are ``settled`` (quarantined, or archived as ended) are passed over."""

    def __init__(
        self,
        market: Market,
        strategies: dict[str, Strategy],
        runs: dict[str, ReplayedRun],
        settled: set[str],
        ancestors: Ancestors,
    ) -> None:
        self.market = market
        self.runs = runs
        self.ids: dict[str, str] = {}
        self.products: tuple[str, ...] = ()
        self.next_number: dict[str, int] = {}
        self.born_ms: dict[str, int] = {}
        self.ancestors = ancestors
        self.market_ms = 0
        self.tick = 0
        self._strategies = strategies
        self._settled = settled

    def take_base(self, base: BaseRecord) -> None:
        self.tick, self.market_ms = base.tick, base.market_ms
        self.ids, self.products = dict(base.ids), base.products
        self.next_number, self.born_ms = dict(base.next_number), dict(base.born_ms)
        self.ancestors.load(base.ancestors)
        self.market.add_all(base.markets)
        for symbol, saved in base.markets.items():
            # Candles of another interval are no warm-up for this one: the window fills again.
            same = base.interval_ms == self.market.interval_ms
            self.market.load(symbol, saved if same else SymbolMarket(candles=np.zeros((0, CANDLE_COLUMNS)), mark=saved.mark))

    def take_tick(self, record: TickRecord) -> None:
        self.tick = record.tick
        for step in record.steps:
            self._take_market(step)
            for entry in step.changes.entries:
                self._take_entry(entry, record.tick)
            for state in step.changes.states:
                self._take_state(state, record.tick)
            for ended in step.changes.ended:
                self._take_end(ended, record.tick)
            for ancestor in step.changes.ancestors:
                self.ancestors.take(ancestor)
            for spec in step.changes.started:
                self._take_start(spec, record.tick)

    def _take_market(self, step: Step) -> None:
        self.ids.update(step.ids)
        if step.kind == "prices":
            self.market_ms = max(self.market_ms, step.market_ms)
        if step.products is not None:
            self.products = step.products
            self.born_ms = {symbol: born for symbol, born in self.born_ms.items() if symbol in step.products}
            for symbol in step.products:
                self.market.add(symbol)
        for symbol, mark in step.marks.items():
            self.market.marks[self.market.add(symbol)] = mark
        for symbol, candles in step.candles.items():
            self.market.append(symbol, candles)

    def _open_run(self, run_id: str, tick: int) -> ReplayedRun | None:
        """The run, if this record is news to it."""
        run = self.runs.get(run_id)
        return run if run is not None and run.image.tick < tick and run.image.status == ACTIVE else None

    def _take_entry(self, row: Records, tick: int) -> None:
        run = self._open_run(id_text(*row["id"]), tick)
        if run is not None:
            entry = Entry(int(row["kind"]), int(row["time_ms"]), float(row["price"]), float(row["size"]))
            book(run.voms, entry)
            run.image.entries.append(entry)
            run.changed = True

    def _take_state(self, row: Records, tick: int) -> None:
        run = self._open_run(id_text(*row["id"]), tick)
        if run is not None:
            played = self._strategies.get(run.image.spec.strategy)
            state = dict(zip(played.state if played else (), np.asarray(row["state"]).tolist(), strict=False))
            run.image = run.image._replace(risen=bool(row["risen"]), votes=bool(row["votes"]), state=state)
            run.changed = True

    def _take_end(self, ended: EndedMark, tick: int) -> None:
        run = self._open_run(ended.run_id, tick)
        if run is not None:
            self.mark(run)
            run.image = run.image._replace(status=ENDED, exit_reason=ended.reason, ended_ms=ended.ended_ms, votes=False)
            run.changed = True

    def _take_start(self, spec: RunSpec, tick: int) -> None:
        self.born_ms.setdefault(spec.symbol, spec.started_ms)
        self.next_number[spec.symbol] = max(self.next_number.get(spec.symbol, 0), spec.number + 1)
        if spec.id not in self.runs and spec.id not in self._settled:
            # Later steps of this very record may already trade it.
            self.runs[spec.id] = ReplayedRun.born(spec, tick - 1)

    def mark(self, run: ReplayedRun) -> None:
        """Marks the run with the last price of its symbol, where there is one."""
        row = self.market.index.get(run.image.spec.symbol)
        if row is not None and not math.isnan(self.market.marks[row]):
            run.voms.update_price(float(self.market.marks[row]))
