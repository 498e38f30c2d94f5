"""A recorded live session, replayed from its record by deciding again, makes exactly the same trades: to the bit (one path for both)."""

import csv
import gzip
from collections import Counter
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path

import pytest
from tests.support.market_steps import WARMUP, Candles, Prices, session
from tests.support.providence import SYMBOLS, ManagerProcess, publish, wait_for
from tests.support.redis import RedisServer

from threet.engine.columns import id_text
from threet.engine.engine import Engine
from threet.engine.entries import FUNDING, TRADE
from threet_providence.journal import read_segment, segment_paths
from threet_providence.rules import engine_rules
from threet_providence.steps import changes_of

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "candles"
BARS = 150

ALL_STRATEGIES = {
    "trend": {"weight": 1, "parameters": {"fast_bars": [1, 4], "slow_bars": [5, WARMUP], "band_bps": [0, 2]}},
    "breakout": {"weight": 1, "parameters": {"channel_bars": [2, 8], "atr_bars": [2, 8], "stop_atrs": [0.5, 2]}},
    "entropy": {
        "weight": 1,
        "parameters": {"fast_bars": [1, 4], "slow_bars": [5, WARMUP], "entropy_bars": [4, 12], "most_entropy": [0.8, 1]},
    },
}


def own_market():
    return list(session(SYMBOLS, bars=BARS))


def real_market():
    """The first candles of the recorded markets; prices inside a bar are its open and its low."""
    rows = {symbol: _rows(REAL / f"{symbol.split('/')[0]}-USDT-1m.csv.gz") for symbol in SYMBOLS}
    steps: list[Prices | Candles] = [Candles(symbol, tuple(rows[symbol][:WARMUP])) for symbol in SYMBOLS]
    rates = dict.fromkeys(SYMBOLS, 0.0000125)
    for bar in range(WARMUP, WARMUP + BARS):
        opened = int(rows[SYMBOLS[0]][bar][0])
        steps += [Prices(opened + column * 5_000, {symbol: rows[symbol][bar][column] for symbol in SYMBOLS}, rates) for column in (1, 3)]
        steps += [Candles(symbol, (rows[symbol][bar],)) for symbol in SYMBOLS]
    return steps


def _rows(path):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [
            (
                float(int(datetime.fromisoformat(row["timestamp"]).timestamp()) * 1000),
                *(float(row[c]) for c in ("open", "high", "low", "close", "volume")),
            )
            for row in islice(csv.DictReader(file), WARMUP + BARS)
        ]


def shows(manager, market_ms):
    at = manager.market_time()
    return at and at.timestamp() * 1000 == market_ms


def recorded(manager, client, steps):
    """Plays the steps to a real manager that is killed once on the way; returns its record: all that its journal ever held."""
    half = len(steps) // 2
    manager.begin()
    for part in (steps[:half], steps[half:]):
        for step in part:
            publish(client, step)
        last = max(step.market_ms for step in part if isinstance(step, Prices))
        wait_for(partial(shows, manager, last), f"market time {last} shown", 60)
        if part[0] is steps[0]:
            manager.kill()
            manager.begin()
    manager.kill()
    return [read_segment(path) for path in segment_paths(manager.saved_runs, 0, 1)]


def effects_of(engine, step):
    if step.products is not None:
        return engine.on_products(step.products)
    if step.kind == "prices":
        return engine.on_prices(step.marks, step.market_ms, step.funding)
    return engine.on_candles(step.candles)


def in_order(rows):
    """By run: a restart gives runs other places in the columns, so that trades of one moment may stand in another order."""
    return sorted(row.tobytes() for row in rows)


def assert_replays(segments, rules):
    """Every step of the record, decided again by an engine that was never stopped; returns trades by strategy, and payments of funding."""
    engine, tick = Engine(rules), 0
    trades: Counter[str] = Counter()
    payments = 0
    strategy: dict[str, str] = {}
    for segment in segments:
        assert (segment.tick, segment.damage) == (tick, None), "the record has no gap"
        for record in segment.ticks:
            for step in record.steps:
                again = changes_of(effects_of(engine, step), engine.state_width)
                for ours, recorded_ones in ((again.entries, step.changes.entries), (again.states, step.changes.states)):
                    assert in_order(ours) == in_order(recorded_ones)
                assert sorted(again.ended, key=repr) == sorted(step.changes.ended, key=repr)
                assert again.started == step.changes.started
                strategy |= {spec.id: spec.strategy for spec in again.started}
                trades.update(strategy[id_text(*row["id"])] for row in again.entries if row["kind"] == TRADE)
                payments += int((again.entries["kind"] == FUNDING).sum())
            tick = record.tick
    return trades, payments


@pytest.mark.parametrize("market", ["own", "real"])
def test_a_live_session_with_a_restart_in_it_replays_to_the_same_trades(tmp_path, market):
    if market == "real" and not REAL.is_dir():
        print(f"{REAL.name}: no recorded candles here; our own market, with another seed, stands in for them")
    steps = (
        real_market()
        if market == "real" and REAL.is_dir()
        else list(session(SYMBOLS, bars=BARS, seed=2))
        if market == "real"
        else own_market()
    )
    with RedisServer(tmp_path / "redis") as server:
        # No round of snapshots, so that the journal holds all from the beginning.
        manager = ManagerProcess(
            tmp_path / "one", server, **{"providence.snapshot_interval_seconds": 600, "providence.strategies": ALL_STRATEGIES}
        )
        try:
            segments = recorded(manager, server.client(), steps)
        finally:
            manager.kill()
            manager.engine.dispose()
        assert len(segments) == 2, "a restart lies in it"
        trades, payments = assert_replays(segments, engine_rules(manager.settings, 0))
    assert trades.total() >= 200
    assert payments > 0
    assert set(trades) == set(ALL_STRATEGIES)


def test_a_record_in_which_one_trade_differs_is_seen(tmp_path):
    """The check above on a planted offender: the last bit of one price."""
    with RedisServer(tmp_path / "redis") as server:
        manager = ManagerProcess(tmp_path / "one", server, **{"providence.snapshot_interval_seconds": 600})
        try:
            segments = recorded(manager, server.client(), list(session(SYMBOLS, bars=20)))
        finally:
            manager.kill()
            manager.engine.dispose()
        step = next(step for segment in segments for record in segment.ticks for step in record.steps if len(step.changes.entries))
        changed = step.changes.entries.copy()
        changed["price"].view("<u8")[0] ^= 1
        object.__setattr__(step.changes, "entries", changed)
        with pytest.raises(AssertionError):
            assert_replays(segments, engine_rules(manager.settings, 0))
