"""The engine: prices mark runs and end them, bar closes decide. Deterministic: time, prices and candles are arguments, no clock, no I/O.

Symbols never influence each other, so that candles of several symbols may come in one call or in several, in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter

import numpy as np

from threet.engine.columns import RunColumns
from threet.engine.descent import Ancestor, Ancestors
from threet.engine.effects import ENTRY, Effects, state_dtype
from threet.engine.entries import FUNDING, TRADE, EntryLog
from threet.engine.market import CandleRow, Market
from threet.engine.population import PopulationRules, draw_run
from threet.engine.runs import ACTIVE, ENDED, RunImage, RunSpec, by_fields
from threet.engine.strategy import Strategy
from threet.engine.types import Floats, Ints, Records, Slots
from threet.engine.voms import Voms
from threet.engine.votes import VoteRules, risen, votes

HOUR_MS = 3_600_000
"""Funding is paid by the hour (Hyperliquid's documentation, "Funding")."""


@dataclass(frozen=True, slots=True)
class EngineRules:
    """``fill_cost`` gives a symbol's half spread plus slippage, as a fraction of the mark."""

    population: PopulationRules
    votes: VoteRules
    interval_ms: int
    warmup_bars: int
    fill_cost: Callable[[str], float]


class Engine:
    """All runs of a shard. ``tick`` is the number of the last journal record that this state contains; its owner counts it."""

    def __init__(self, rules: EngineRules) -> None:
        self.rules = rules
        self.strategies = tuple(choice.strategy for choice in rules.population.choices)
        self.strategy_index = {strategy.name: i for i, strategy in enumerate(self.strategies)}
        self.state_width = max(len(s.state) for s in self.strategies)
        self.runs = RunColumns(max(len(s.parameters) for s in self.strategies), self.state_width)
        self.market = Market(rules.interval_ms, rules.warmup_bars)
        self.products: tuple[str, ...] = ()
        self.next_number: dict[str, int] = {}
        self.born_ms: dict[str, int] = {}  # per symbol, when its population began
        self._runs_here = cache(rules.population.runs_here)
        self.ancestors = Ancestors(rules.population.descent.best)
        self.market_ms = 0
        self.tick = 0
        self._wanted: Ints = np.zeros(0, dtype=np.int64)  # by the symbol's row, the runs that it should have,
        self._costs: Floats = np.zeros(0)  # and what a fill costs there, nan until it is asked for

    def on_products(self, symbols: Iterable[str]) -> Effects:
        """The symbols that exist now. Runs of one that is gone end; a new one gets its runs once it is warm and has a price."""
        effects = Effects()
        self.products = tuple(sorted(symbols))
        for symbol in self.products:
            self.market.add(symbol)
        gone = [row for name, row in self.market.index.items() if name not in self.products]
        self.born_ms = {symbol: born for symbol, born in self.born_ms.items() if symbol in self.products}
        self._end(np.flatnonzero(self.runs.active & np.isin(self.runs.symbol, gone)), "product removed", effects)
        self._fill(self.products, effects)
        return effects

    def on_wishes(self, wishes: Mapping[str, str]) -> Effects:
        """A person wants these runs to end: id to reason. One that has ended, or that lives in another shard, is passed over."""
        effects, runs = Effects(), self.runs
        slots = {run_id: runs.slot_of[run_id] for run_id in sorted(wishes) if run_id in runs.slot_of}
        symbols = sorted({runs.spec(slot).symbol for slot in slots.values()})
        for run_id, slot in slots.items():
            self._end(np.array([slot], dtype=np.intp), wishes[run_id], effects)
        self._fill(symbols, effects)
        return effects

    def hours_over(self, market_ms: int) -> int:
        """The full hours of market time that ended between the last prices and those of ``market_ms``; none before the first prices."""
        return max(0, market_ms // HOUR_MS - self.market_ms // HOUR_MS) if self.market_ms else 0

    def on_prices(self, marks: Mapping[str, float], market_ms: int, funding: Mapping[str, float] | None = None) -> Effects:
        """Marks the runs of the symbols in ``marks`` and ends those that reached their loss, their target or their time.

        ``funding``: by symbol, the rate for an hour. It is paid with the first prices after each full hour, for all hours since the last.
        """
        effects, market, runs = Effects(), self.market, self.runs
        hours = self.hours_over(market_ms)
        self.market_ms = max(self.market_ms, market_ms)
        rows = market.price(marks)
        if hours and funding:
            self._pay_funding({symbol: hours * rate for symbol, rate in funding.items() if symbol in marks}, effects)
        priced = np.zeros(len(market.names), dtype=np.bool_)
        priced[rows] = True
        over = runs.update_prices(priced, market.marks, self.market_ms)
        if len(over):
            pnl = runs.live_pnl[over]
            self._end(over[pnl <= runs.least[over]], "loss", effects)
            self._end(over[(pnl >= runs.target[over]) & runs.active[over]], "target", effects)
            self._end(over[(self.market_ms >= runs.ends_ms[over]) & runs.active[over]], "duration", effects)
        self._fill(marks, effects)
        return effects

    def _pay_funding(self, rates: Mapping[str, float], effects: Effects) -> None:
        """Each run that holds a position pays ``rates`` of its value at the mark: longs to shorts where the rate is positive."""
        runs, by_row = self.runs, np.zeros(len(self.market.names))
        by_row[[self.market.index[symbol] for symbol in rates]] = list(rates.values())
        slots = np.flatnonzero(runs.active & (runs.size != 0))
        slots = slots[by_row[runs.symbol[slots]] != 0]
        if len(slots):
            per_contract = (self.market.marks * by_row)[runs.symbol[slots]]
            times_ms = np.full(len(slots), self.market_ms, dtype=np.int64)
            sizes = runs.size[slots]
            runs.fund(slots, times_ms, per_contract)
            effects.entries.append(self._record(FUNDING, slots, times_ms, per_contract, sizes))

    def on_candles(self, closed: Mapping[str, Sequence[CandleRow]]) -> Effects:
        """Takes closed candles (oldest first) and decides on the newest of each symbol that is warm: wanted directions, then votes.

        Of several candles at once only the newest decides: a trade at a bar that is long past would be fiction.
        """
        effects = Effects()
        rows = self.market.warm_rows(self.market.append_all(closed))
        numbers: list[int] = rows.tolist()
        mine = self.runs.members.slots(numbers)
        if any(map(len, mine)):
            in_call = np.arange(len(rows)).repeat(list(map(len, mine)))
            self._decide(np.concatenate(mine), rows, in_call, effects)
        self._fill([self.market.names[row] for row in numbers], effects)
        return effects

    def _decide(self, slots: Slots, rows: Slots, in_call: Ints, effects: Effects) -> None:
        """``in_call`` is by the run: where in ``rows`` its symbol's row stands."""
        runs, bars = self.runs, self.market.bars(rows)
        # Those of one strategy side by side, so that its part of every column is a slice.
        played = runs.strategy[slots].astype(np.int16)
        order = played.argsort(kind="stable")
        ends = played[order].searchsorted(np.arange(len(self.strategies)), side="right").tolist()
        slots, in_call = slots[order], in_call[order]
        direction = np.sign(runs.size[slots]).astype(np.int64)
        parameters, before = runs.parameters.take(slots, axis=0), runs.state.take(slots, axis=0)
        wanted, states = direction.copy(), before.copy()
        for strategy, begin, end in zip(self.strategies, [0, *ends], ends, strict=False):
            if begin < end:
                mine, width = slice(begin, end), len(strategy.state)
                wanted[mine], states[mine, :width] = strategy.decide(
                    bars, in_call[mine], parameters[mine, : len(strategy.parameters)], states[mine, :width], wanted[mine]
                )
        now_ms = np.maximum(self.market.closes_ms(rows), self.market_ms)[in_call]
        turning = (wanted != direction).nonzero()[0]
        if len(turning):
            self._turn(slots[turning], wanted[turning], now_ms[turning], effects)
        self._vote(slots, before, states, now_ms, effects)

    def _turn(self, slots: Slots, wanted: Ints, now_ms: Ints, effects: Effects) -> None:
        """Trades each run to its wanted direction, at full size, at the mark plus the cost of a fill."""
        runs = self.runs
        buys = wanted > np.sign(runs.size[slots])
        prices = self._fill_prices(slots, buys)
        full = runs.start_balance[slots] * runs.leverage[slots] / prices
        self._trade(slots, now_ms, prices, wanted * full - runs.size[slots], effects)
        runs.update_price(slots, self.market.marks[runs.symbol[slots]])

    def _vote(self, slots: Slots, before: Floats, states: Floats, now_ms: Ints, effects: Effects) -> None:
        """``before`` and ``states``: what the strategies keep of each run, as it was and as it is now."""
        runs, rules = self.runs, self.rules.votes
        was_up, did_vote = runs.risen[slots], runs.votes[slots]
        up = risen(was_up, runs.live_pnl[slots] / runs.start_balance[slots], rules)
        vote = votes(up, now_ms - runs.started_ms[slots], runs.closed_trades[slots], rules)
        differs = (up != was_up) | (vote != did_vote)
        for old, new in zip(before.T, states.T, strict=True):
            differs |= old != new
        changed = differs.nonzero()[0]
        if len(changed):
            picked, record = slots[changed], np.empty(len(changed), dtype=state_dtype(self.state_width))
            record["id"], record["state"] = runs.ids.take(picked, axis=0), states.take(changed, axis=0)
            record["risen"], record["votes"] = up[changed], vote[changed]
            runs.risen[picked], runs.votes[picked], runs.state[picked] = record["risen"], record["votes"], record["state"]
            runs.dirty[picked] = True
            effects.states.append(record)

    def _end(self, slots: Slots, reason: str, effects: Effects) -> None:
        runs = self.runs
        held = slots[runs.size[slots] != 0]
        if len(held):
            prices = self._fill_prices(held, runs.size[held] < 0)
            self._trade(held, np.full(len(held), self.market_ms, dtype=np.int64), prices, -runs.size[held], effects)
            runs.update_price(held, self.market.marks[runs.symbol[held]])
        runs.votes[slots] = False
        for slot in slots.tolist():
            image = self.image(slot, status=ENDED, exit_reason=reason, ended_ms=self.market_ms)
            effects.ended.append(image)
            self._remember(image, effects)
            runs.remove(slot)

    def _remember(self, image: RunImage, effects: Effects) -> None:
        """Only where new runs descend at all: what nobody asks for is not written down either."""
        if self.rules.population.descent.share > 0:
            spec = image.spec
            one = Ancestor(spec.id, spec.symbol, spec.strategy, image.live_pnl / spec.start_balance, spec.parameters)
            if self.ancestors.take(one):
                effects.ancestors.append(one)

    def _trade(self, slots: Slots, times_ms: Ints, prices: Floats, sizes: Floats, effects: Effects) -> None:
        if not len(slots):
            return
        self.runs.trade(slots, times_ms, prices, sizes)
        effects.entries.append(self._record(TRADE, slots, times_ms, prices, sizes))

    def _record(self, kind: int, slots: Slots, times_ms: Ints, prices: Floats, sizes: Floats) -> Records:
        record = np.empty(len(slots), dtype=ENTRY)
        record["id"], record["kind"], record["time_ms"] = self.runs.ids.take(slots, axis=0), kind, times_ms
        record["price"], record["size"] = prices, sizes
        return record

    def _fill_prices(self, slots: Slots, buys: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Floats:
        rows, known = self.runs.symbol[slots], len(self._costs)
        if known < len(self.market.names):
            self._costs = np.append(self._costs, np.full(len(self.market.names) - known, np.nan))
        costs = self._costs[rows]
        if np.isnan(costs).any():
            for row in np.unique(rows).tolist():
                self._costs[row] = self.rules.fill_cost(self.market.names[row])
            costs = self._costs[rows]
        return self.market.marks[rows] * np.where(buys, 1.0 + costs, 1.0 - costs)

    def _fill(self, symbols: Iterable[str], effects: Effects) -> None:
        """Fresh runs for each product that is warm, has a price and has fewer than it should."""
        names, known = self.market.names, len(self._wanted)
        if known < len(names):
            self._wanted = np.append(self._wanted, [self.rules.population.runs_here(name) for name in names[known:]])
        counts = self.runs.members.counts(len(names))
        short = counts < self._wanted
        if not short.any():
            return
        for symbol in symbols:
            row = self.market.index[symbol]
            if short[row] and symbol in self.products and self.market.is_warm(symbol) and not np.isnan(self.market.marks[row]):
                effects.started.extend(self._start(symbol) for _ in range(int(self._wanted[row] - counts[row])))

    def _start(self, symbol: str) -> RunSpec:
        number = self.next_number.get(symbol, 0)
        self.next_number[symbol] = number + 1
        spec = draw_run(self.rules.population, symbol, number, self._now_ms(symbol), self.ancestors.of(symbol))
        self.born_ms.setdefault(symbol, spec.started_ms)
        slots = self.add([spec], [EntryLog()])
        self.runs.mark[slots] = self.market.marks[self.market.index[symbol]]
        return spec

    def _now_ms(self, symbol: str) -> int:
        """The market time of a decision: of the last price, or of the symbol's newest bar close where that is later."""
        return max(self.market_ms, self.market.newest_close_ms(symbol) or 0)

    def add(self, specs: Sequence[RunSpec], logs: Sequence[EntryLog]) -> Slots:
        symbols = [spec.symbol for spec in specs]
        self.market.add_all(symbols)
        strategies = np.array([self.strategy_index[spec.strategy] for spec in specs], dtype=np.int64)
        parameters = np.zeros((len(specs), self.runs.parameters.shape[1]))
        for strategy, mine in self._played(strategies):
            told = [specs[number].parameters for number in mine.tolist()]
            for column, parameter in enumerate(strategy.parameters):
                parameters[mine, column] = [one[parameter.name] for one in told]
        return self.runs.add_all(specs, [self.market.index[symbol] for symbol in symbols], strategies, parameters, logs)

    def _played(self, numbers: Ints) -> Iterator[tuple[Strategy, Slots]]:
        """Each strategy that is among ``numbers``, and where."""
        for number, strategy in enumerate(self.strategies):
            mine = np.flatnonzero(numbers == number)
            if len(mine):
                yield strategy, mine

    def load(self, images: Sequence[RunImage], voms: Sequence[Voms]) -> Slots:
        """Takes runs after the replay of all their entries; then marks them with the latest price. Returns their slots."""
        told, runs = by_fields(images), self.runs
        slots = self.add(told["spec"], told["entries"])
        names_of_voms = ("size", "entry", "realised", "fees", "funding", "closed_trades", "mark")
        for name, column in zip(names_of_voms, zip(*map(attrgetter(*names_of_voms), voms), strict=True), strict=False):
            getattr(runs, name)[slots] = column
        runs.risen[slots], runs.votes[slots] = told["risen"], told["votes"]
        for strategy, mine in self._played(runs.strategy[slots]):
            states = [told["state"][number] for number in mine.tolist()] if strategy.state else []
            for place, key in enumerate(strategy.state):
                runs.state[slots[mine], place] = [state.get(key, 0.0) for state in states]
        marks = self.market.marks[runs.symbol[slots]]
        runs.update_price(slots, np.where(np.isnan(marks), runs.mark[slots], marks))
        return slots

    def image(self, slot: int, status: str = ACTIVE, exit_reason: str | None = None, ended_ms: int | None = None) -> RunImage:
        runs = self.runs
        spec, log = runs.spec(slot), runs.logs[slot]
        names = self.strategies[int(runs.strategy[slot])].state
        return RunImage(
            spec=spec,
            tick=self.tick,
            direction=int(np.sign(runs.size[slot])),
            live_pnl=float(runs.live_pnl[slot]),
            last_price=float(runs.mark[slot]),
            risen=bool(runs.risen[slot]),
            votes=bool(runs.votes[slot]),
            state=dict(zip(names, runs.state[slot].tolist(), strict=False)),
            entries=log,
            entry_count=len(log),
            status=status,
            exit_reason=exit_reason,
            ended_ms=ended_ms,
            closed_trades=int(runs.closed_trades[slot]),
        )
