"""What it costs that nothing is lost: ticks with their journal on the disk, snapshots, and the way back from both."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.files import NOW, StoredShard, bare_append, folder
from benchmarks.measure import Figure, Took, by_turns, named, timed, took
from benchmarks.population import WalkingMarket, born, give_history
from threet.engine.engine import Engine, EngineRules
from threet.engine.entries import KIND_NAMES
from threet.engine.voms import Voms
from threet_providence.files import Folders, run_name, sync_folder, write_whole
from threet_providence.resume import Resume
from threet_providence.snapshots import to_bytes

RUNS, SYMBOLS, TRADES = 10_000, 200, 100
BARS_A_TICK = 30  # so many symbols close in one tick that 1.4 % of the runs trade
TICKS_A_ROUND, ROUNDS = 7, 21
"""config.yml: a price every 3 seconds, a round of snapshots every 20."""


def durable_tick_vs_fsync() -> Figure:
    """Every tick brings a price of each symbol, and a bar of a few symbols closes with a jump, so that 1.4 % of the runs trade."""
    with folder() as root:
        engine, market = born(RUNS, SYMBOLS)
        shard = StoredShard(root / "shard", engine)
        jumping = Jumps(market, shard, symbols=BARS_A_TICK)
        with bare_append(root / "bare") as append:
            ours, reference = by_turns(jumping.next_tick, lambda: append, rounds=101)
        traded = jumping.trades_of_the_last(100)
    note = f"{RUNS} runs marked, {traded / RUNS:.2%} trade; one price of {SYMBOLS} symbols and {jumping.symbols} bars that close a tick; "
    note += f"processor time {ours.processor * 1e6:.0f} against {reference.processor * 1e6:.0f} us"
    return Figure("durable_tick_vs_fsync", ours.seconds * 1e6, reference.seconds * 1e6, "us", 5.0, note=note)


class Jumps:
    """Ticks in which the bars of the next few symbols close far above or below: most of their runs turn."""

    def __init__(self, market: WalkingMarket, shard: StoredShard, symbols: int) -> None:
        self.symbols, self._market, self._shard = symbols, market, shard
        self._trades: list[int] = []
        self._tick = 0

    def next_tick(self) -> Callable[[], None]:
        """The tick, made ready; calling it is all that is measured."""
        count = len(self._market.symbols)
        rows = [(self._tick * self.symbols + number) % count for number in range(self.symbols)]
        candles = self._market.jump(rows)
        batch = self._shard.batch(self._market.marks(), self._market.now_ms, candles)
        self._tick += 1

        def tick() -> None:
            before = self._shard.loop.trades
            self._shard.loop.take(batch)
            self._trades.append(self._shard.loop.trades - before)

        return tick

    def trades_of_the_last(self, ticks: int) -> float:
        return float(np.mean(self._trades[-ticks:]))


def history_growth() -> Figure:
    """Both sides by turns, tick by tick and round by round, so that both meet the same machine."""
    runs, symbols, long, short = 1_000, 20, 10_000, 10
    with folder() as root:
        sides = {trades: Growing(root / str(trades), runs, symbols, trades) for trades in (short, long)}
        for _ in range(ROUNDS + 1):
            for _ in range(TICKS_A_ROUND):
                for side in sides.values():
                    side.take_tick()
            for side in sides.values():
                side.save()
        figure = {trades: side.seconds_of_a_tick() for trades, side in sides.items()}
        cpu = {trades: side.processor_seconds() for trades, side in sides.items()}
    return Figure(
        name="history_growth",
        ours=figure[long] * 1e6,
        reference=figure[short] * 1e6,
        unit="us",
        goal=1.2,
        note=f"{runs} runs with {long} trades each against {short}; a tick with its journal, and 1/{TICKS_A_ROUND} of a round of snapshots"
        f"; processor time alone {cpu[long] * 1e6:.0f} against {cpu[short] * 1e6:.0f} us",
    )


class Growing:
    """A shard whose runs have so many trades each, and what its ticks and its rounds of snapshots took."""

    def __init__(self, root: Path, runs: int, symbols: int, trades: int) -> None:
        engine, market = born(runs, symbols)
        give_history(engine, trades)
        self._root, self._shard = root, StoredShard(root, engine)
        self._shard.save()
        self._whole_seconds, self._whole_bytes = _whole_files(self._shard)
        self._jumping = Jumps(market, self._shard, symbols=1)
        self._ticks: list[Took] = []
        self._rounds: list[Took] = []
        self._tails: list[int] = []

    def take_tick(self) -> None:
        self._ticks.append(took(self._jumping.next_tick()))

    def save(self) -> None:
        self._rounds.append(took(self._shard.save))
        self._tails.append(_bytes(self._root, "run_*.tail"))

    def seconds_of_a_tick(self) -> float:
        """The tick itself, and its part of what the snapshot writer does for it."""
        # What is appended now is written once more when its run's file is written as a whole.
        put_off = max(0, self._tails[-1] - self._tails[0]) / ROUNDS / self._whole_bytes * self._whole_seconds
        tick = statistics.median(one.seconds for one in self._ticks)
        return tick + (statistics.median(one.seconds for one in self._rounds) + put_off) / TICKS_A_ROUND

    def processor_seconds(self) -> float:
        """Of the same, without what a tail puts off."""
        tick = statistics.median(one.processor for one in self._ticks)
        return tick + statistics.median(one.processor for one in self._rounds) / TICKS_A_ROUND


def _whole_files(shard: StoredShard) -> tuple[float, int]:
    """Seconds and bytes of the files of all runs, written as a whole."""
    images = [shard.engine.image(slot) for slot in np.flatnonzero(shard.engine.runs.active).tolist()[:100]]
    with folder() as elsewhere:

        def write() -> None:
            for image in images:
                write_whole(elsewhere / run_name(image.spec.id), to_bytes(image))

        return timed(write), _bytes(elsewhere, "run_*.json")


def _bytes(root: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in root.glob(pattern))


def restart_vs_naive() -> Figure:
    """The naive side reads files of the same content, as ``json.dump(indent=4)`` wrote them."""
    with folder() as root:
        rules = _write_both(root / "ours", root / "naive")
        ours, reference = by_turns(
            lambda: lambda: _restart(root / "ours", rules), lambda: lambda: _restart_naively(root / "naive"), rounds=7
        )
    note = f"{RUNS} runs of {TRADES} trades: checksums, replay, live_pnl to the bit; the naive side reads the indented files"
    return Figure("restart_vs_naive", RUNS / ours.seconds, RUNS / reference.seconds, "runs/s", 3.0, goal_is_minimum=True, note=note)


def _write_both(ours: Path, naive: Path) -> EngineRules:
    """The rules of what was written; the engine itself is gone when this returns, as it is at a start."""
    shard = _with_trades(ours)
    naive.mkdir()
    for name, body in _bodies(shard).items():
        (naive / name).write_text(json.dumps(body, indent=4))
    return shard.engine.rules


def snapshot_vs_indent() -> Figure:
    with folder() as root:
        shard = _with_trades(root / "ours")
        bodies, naive = _bodies(shard), root / "naive"
        naive.mkdir()

        def all_again() -> None:
            shard.engine.runs.dirty[shard.engine.runs.active] = True
            shard.save()

        ours, reference = by_turns(lambda: all_again, lambda: lambda: _write_indented(naive, bodies), rounds=5)
    note = f"{RUNS} runs of {TRADES} trades, every file written and synced; ours with the journal's new segment"
    return Figure("snapshot_vs_indent", RUNS / ours.seconds, RUNS / reference.seconds, "runs/s", 2.0, goal_is_minimum=True, note=note)


def _with_trades(root: Path) -> StoredShard:
    engine, _ = born(RUNS, SYMBOLS)
    give_history(engine, TRADES)
    shard = StoredShard(root, engine)
    shard.save()
    return shard


def _bodies(shard: StoredShard) -> dict[str, Any]:
    """The same keys as our files have, and each entry as DESIGN names it: kind, time, price, size."""
    bodies = {path.name: json.loads(path.read_bytes()) for path in sorted(shard.folders.root.glob("run_*.json"))}
    for body in bodies.values():
        told = body["voms_state"]
        kinds = [KIND_NAMES["tf".index(letter)] for letter in told["kinds"]]
        body["voms_state"] = {"entries": list(map(list, zip(kinds, told["times_ms"], told["prices"], told["sizes"], strict=True)))}
    return bodies


def _write_indented(naive: Path, bodies: dict[str, Any]) -> None:
    for name, body in bodies.items():
        temporary = naive / f".{name}.tmp"
        with open(temporary, "w") as file:
            json.dump(body, file, indent=4)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, naive / name)
    sync_folder(naive)


def _restart(root: Path, rules: EngineRules) -> None:
    engine = Engine(rules)
    found = Resume(Folders(root), 0, 1, engine, lambda: NOW).run()
    if found.resumed != RUNS or found.quarantined:
        raise RuntimeError(f"expected {RUNS} runs, resumed {found.resumed}, quarantined {len(found.quarantined)}")


def _restart_naively(root: Path) -> None:
    for path in sorted(root.glob("run_*.json")):
        with open(path) as file:
            body = json.load(file)
        voms = Voms(start_balance=body["start_balance"], leverage=body["leverage"], fee_rate=body["fee_rate"])
        for _kind, _time, price, size in body["voms_state"]["entries"]:
            voms.add_trade(price, size)
        voms.update_price(body["last_price"])
        if voms.live_pnl != body["live_pnl"]:
            raise RuntimeError(f"{path.name}: expected {body['live_pnl']}, was {voms.live_pnl}")


FIGURES = named(durable_tick_vs_fsync, history_growth, restart_vs_naive, snapshot_vs_indent)
