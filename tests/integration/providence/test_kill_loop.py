"""A real manager with a thousand runs, killed again and again at named points and at random: what it resumes is its undisturbed twin.

`make test-faults` kills 20 times, `make proof` 200 times and writes the report (THREET_KILLS, THREET_PROOF_REPORT).
"""

import json
import os
import random
import shutil
import threading
import time
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
from tests.support import kill_points
from tests.support.market_steps import MINUTE_MS, WARMUP, Prices, session
from tests.support.providence import SYMBOLS, ManagerProcess, publish, wait_for
from tests.support.redis import RedisServer
from tests.support.shard import facts_of
from tests.support.twin import Resumed, Twin

from threet.adapters.market_feed import MarketFeed
from threet_providence.journal import segment_paths
from threet_providence.rules import engine_rules
from threet_providence.snapshots import load

KILLS = int(os.environ.get("THREET_KILLS", "20"))
REPORT = os.environ.get("THREET_PROOF_REPORT")
RUNS = 1_000
LATEST = {"journal": 120, "fsync": 1_500, "snapshot": 1_500, "rename": 1_500, "publish": 10}
"""At which of its passages a manager dies at a named point: drawn from 1 to this."""

AHEAD = 40  # bars
SETTLED = 10
"""After so many kills a life lasts until a round of snapshots is whole: else many short ones would only ever add to the journal."""

BUSY = {
    "providence.runs_per_symbol": RUNS // len(SYMBOLS),
    "providence.last_snapshots_timeout_seconds": 35,  # every file is written anew: on a busy disk that takes its time
    "providence.duration_market_seconds": [6_000, 40_000],
    "providence.max_loss_percent": [4, 40],
    "providence.target_percent": [4, 40],
    "providence.strategies": {
        "trend": {"weight": 1, "parameters": {"fast_bars": [1, 4], "slow_bars": [5, WARMUP], "band_bps": [0, 2]}},
        "breakout": {"weight": 1, "parameters": {"channel_bars": [2, 8], "atr_bars": [2, 8], "stop_atrs": [0.5, 2]}},
        "entropy": {
            "weight": 1,
            "parameters": {"fast_bars": [1, 4], "slow_bars": [5, WARMUP], "entropy_bars": [4, 12], "most_entropy": [0.8, 1]},
        },
    },
}


class Bars:
    """Publishes bar after bar in a thread until ``stop``: a price of every symbol, then its closed candles.

    Never far ahead of what the manager has shown: on a busy machine the work must not pile up.
    """

    def __init__(self, server, manager, steps, pause_seconds):
        self._server, self._manager, self._steps, self._pause = server, manager, steps, pause_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.last_market_ms = 0

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        client = self._server.client()
        while bar := list(islice(self._steps, 1 + len(SYMBOLS))):
            far = bar[0].market_ms - AHEAD * MINUTE_MS
            if self._stop.wait(self._pause):
                return
            while shown_until(self._manager) < far:
                if self._stop.wait(self._pause):
                    return
            for step in bar:
                publish(client, step)
            self.last_market_ms = bar[0].market_ms


def plans(chance):
    """Half at named points, each as often as the others and at all its moments; half at random."""
    named = 0
    for number in range(KILLS):
        if number % 2:
            yield None
            continue
        point = list(LATEST)[named % len(LATEST)]
        moments = kill_points.POINTS[point]
        yield point, chance.randint(1, LATEST[point]), moments[named // len(LATEST) % len(moments)]
        named += 1


def die(manager, plan, chance, *, settle):
    """Starts it and lets it die: at the point of the plan, or of a SIGKILL from outside."""
    manager.script = [kill_points.__file__, "none:1:before" if plan is None else ":".join(map(str, plan))]
    if plan is None:
        manager.begin()
        if settle:
            wait_for(lambda: len(segment_paths(manager.saved_runs, 0, 1)) <= 2, "a whole round of snapshots", 240)
        time.sleep(chance.uniform(0.0, 3.0))  # the moment of the kill is what is drawn, not waited for
        manager.kill()
    else:
        manager.start()
        assert manager.process.wait(240) == -9, manager.log()[-2000:]


@pytest.mark.faults
@pytest.mark.timeout(300 + 20 * KILLS)
def test_a_thousand_runs_killed_anywhere_are_their_undisturbed_twin_to_the_bit(tmp_path):
    chance, began = random.Random(4), time.monotonic()
    died: Counter[str] = Counter()
    ticks: dict[int, int] = {}
    oldest: set[str] = set()
    with RedisServer(tmp_path / "redis") as server:
        manager = ManagerProcess(tmp_path / "victim", server, **BUSY)
        steps = session(SYMBOLS, bars=400 * KILLS, prices_per_bar=1)
        client = server.client()
        for step in islice(steps, len(SYMBOLS) + 1):  # the history, and the price that both begin with
            publish(client, step)
        assert isinstance(step, Prices)
        for closing in islice(steps, len(SYMBOLS)):
            publish(client, closing)
        rules = engine_rules(manager.settings, 0)
        twin = Twin(rules, SYMBOLS, MarketFeed(server.client(), block_seconds=0.5, most_entries=500))
        try:
            manager.begin()  # a new population begins with the newest price: before there is another
            wait_for(manager.market_time, "the first price shown")
            manager.kill()
            with Bars(server, manager, steps, pause_seconds=0.08) as bars:
                for number, plan in enumerate(plans(chance)):
                    die(manager, plan, chance, settle=number % SETTLED == SETTLED - 1)
                    died["random" if plan is None else plan[0]] += 1
                    resumed = Resumed(manager.saved_runs, rules, tmp_path / f"copy-{number}")
                    resumed.assert_is(twin)
                    ticks |= resumed.ticks
                    oldest.add(resumed.oldest_segment)
                    shutil.rmtree(resumed.folders.root)
            manager.begin()
            wait_for(lambda: shown_until(manager) == bars.last_market_ms, "the last price shown", 240)
            assert manager.stop() == 0, manager.log()[-2000:]
            Resumed(manager.saved_runs, rules, tmp_path / "last").assert_is(twin)
            assert_archives_and_rows(manager, twin)
        finally:
            manager.kill()
            manager.engine.dispose()
    busy = sum(trades > 0 for trades in ticks.values())
    tell(died, ticks, twin, len(oldest) - 1, time.monotonic() - began)
    assert int(twin.engine.runs.active.sum()) >= RUNS
    assert len(oldest) > 1, "no round of snapshots was ever whole: only journals were resumed"
    assert busy > len(ticks) / 2, f"trades in {busy} of {len(ticks)} ticks"
    assert set(died) == {*LATEST, "random"}
    assert died["random"] * 2 == died.total() == KILLS, "half at random"


def shown_until(manager):
    return manager.market_time().timestamp() * 1000


def assert_archives_and_rows(manager, twin):
    archives = [load(path)[0] for path in (manager.saved_runs / "ended").glob("run_*.json.gz")]
    assert {image.spec.id: facts_of(image) for image in archives}.items() <= twin.ended.items()
    rows = manager.rows()
    assert {run_id for run_id, row in rows.items() if row["status"] == "active"} == set(twin.engine.runs.slot_of)
    assert {run_id for run_id, row in rows.items() if row["status"] == "ended"} == set(twin.ended)
    for run_id, slot in twin.engine.runs.slot_of.items():
        assert rows[run_id]["live_pnl"] == float(twin.engine.runs.live_pnl[slot])


def tell(died, ticks, twin, rounds, seconds):
    """One line, and where the proof asks for it a report."""
    facts = {
        "kills": died.total(),
        "kills_by_point": dict(sorted(died.items())),
        "resumed_equal_to_the_twin": died.total() + 1,
        "runs": int(twin.engine.runs.active.sum()),
        "runs_ended": len(twin.ended),
        "times_that_a_round_of_snapshots_was_whole": rounds,
        "ticks_looked_at": len(ticks),
        "ticks_with_trades": sum(trades > 0 for trades in ticks.values()),
        "trades_in_them": sum(ticks.values()),
        "seconds": round(seconds),
    }
    print(json.dumps(facts))
    if REPORT:
        rows = "\n".join(f"| {name.replace('_', ' ')} | {value} |" for name, value in facts.items() if name != "kills_by_point")
        points = "\n".join(f"| {point} | {count} |" for point, count in facts["kills_by_point"].items())
        Path(REPORT).write_text(
            "# The kill loop\n\nWritten by `make proof`: a real manager, killed with SIGKILL; after each kill what its files resume to is "
            "compared, to the bit, with an engine that took the same streams undisturbed.\n\n"
            f"| what | |\n|---|---|\n{rows}\n\n| killed at | times |\n|---|---|\n{points}\n",
            encoding="utf-8",
        )
