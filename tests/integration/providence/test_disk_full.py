"""A full disk: nothing is shown that is not written down, the reason is told, and with room again nothing is lost."""

import errno
import itertools
import os
import subprocess

import pytest
from tests.support.market_steps import A, B, C, Prices, session
from tests.support.providence import SYMBOLS, ManagerProcess, publish, wait_for
from tests.support.redis import RedisServer
from tests.support.shard import Shard, entries_of
from tests.support.twin import Resumed, Twin

from threet.adapters.market_feed import MarketFeed
from threet_providence.rules import engine_rules


@pytest.fixture
def small_disk(tmp_path):
    """8 MB in memory; only root may mount."""
    if os.geteuid() != 0:
        if os.environ.get("CI") == "true":
            pytest.fail("expected root, which alone can mount a small disk; CI=true allows no skip")
        pytest.skip("only root can mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True, text=True, check=False)
    if mounted.returncode and os.environ.get("CI") != "true":
        pytest.skip(f"this machine lets nobody mount: {mounted.stderr.strip()}")
    assert mounted.returncode == 0, mounted.stderr
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder):
    """To the last byte."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 9, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return ballast


def shown_until(manager):
    moment = manager.market_time()
    return moment and moment.timestamp() * 1000


def test_a_full_disk_stops_what_is_shown_and_costs_nothing(tmp_path, small_disk):
    with RedisServer(tmp_path / "redis") as server:
        # Long between the snapshots, so that it is the journal that meets the full disk.
        changes = {"providence.saved_runs": str(small_disk / "saved_runs"), "providence.snapshot_interval_seconds": 600}
        manager = ManagerProcess(tmp_path / "one", server, **changes)
        manager.saved_runs = small_disk / "saved_runs"
        steps, client = list(session(SYMBOLS, bars=60)), server.client()
        begun = 1 + next(number for number, step in enumerate(steps) if isinstance(step, Prices))
        try:
            for step in steps[:begun]:
                publish(client, step)
            rules = engine_rules(manager.settings, 0)
            twin = Twin(rules, SYMBOLS, MarketFeed(server.client(), block_seconds=0.5, most_entries=500))
            manager.begin()
            wait_for(manager.market_time, "the first price shown")  # a new population begins with the newest: the same for both
            for step in steps[begun:120]:
                publish(client, step)
            wait_for(lambda: manager.market_time() and sum(row["closed_trades"] for row in manager.rows().values()), "trades shown")
            last = max(step.market_ms for step in steps[:120] if isinstance(step, Prices))
            wait_for(lambda: shown_until(manager) == last, "all of it shown")
            ballast = fill(small_disk)
            for step in steps[120:]:
                publish(client, step)
            wait_for(lambda: "room on the disk away" in manager.log(), "a line that the disk is full")
            told = wait_for(lambda: (v := manager.votes()) and all(one.paused for one in v.by_symbol.values()) and v, "the reason shown")
            assert "the disk of saved_runs is full (No space left on device)" in {vote.paused for vote in told.by_symbol.values()}.pop()
            assert not any(vote.warm for vote in told.by_symbol.values())
            shown = manager.rows()
            wait_for(lambda: (v := manager.votes()) and v.heartbeat_at > told.heartbeat_at, "the next heartbeat")
            assert manager.rows() == shown, "nothing that is not on the disk"
            assert shown_until(manager) < max(step.market_ms for step in steps if isinstance(step, Prices))
            assert manager.process is not None
            assert manager.process.poll() is None, "it waits"
            ballast.unlink()
            end = max(step.market_ms for step in steps if isinstance(step, Prices))
            wait_for(lambda: shown_until(manager) == end, "the latest state shown")
            assert "room on the disk is back" in manager.log()
            wait_for(lambda: (v := manager.votes()) and not any(vote.paused for vote in v.by_symbol.values()), "no reason any more")
            manager.kill()  # what is on the disk is all that there is
            Resumed(manager.saved_runs, rules, tmp_path / "copy").assert_is(twin)
            assert twin.engine.market_ms == end
        finally:
            manager.kill()
            manager.engine.dispose()


def test_snapshots_that_found_no_room_are_written_when_there_is_some(tmp_path, small_disk):
    with RedisServer(tmp_path / "redis") as server:
        manager = ManagerProcess(tmp_path / "one", server, **{"providence.saved_runs": str(small_disk / "saved_runs")})
        manager.saved_runs = small_disk / "saved_runs"
        client = server.client()
        try:
            manager.begin()
            wait_for(lambda: "products:" in manager.log(), "the list of products")
            ballast = fill(small_disk)
            for step in session(SYMBOLS, bars=30):
                publish(client, step)
            wait_for(lambda: "room on the disk away" in manager.log(), "a line that the disk is full")
            ballast.unlink()
            wait_for(lambda: len(list(manager.saved_runs.glob("run_*.json"))) == 96, "a file of every run")
            assert manager.stop() == 0
            assert not list(manager.saved_runs.rglob(".*.tmp"))
            manager.begin()
            wait_for(lambda: "resumed 96 runs, 0 quarantined" in manager.log(), "all of them resumed")
        finally:
            manager.kill()
            manager.engine.dispose()


def test_where_there_is_no_room_for_spares_rounds_are_written_without(small_disk):
    shard = Shard(small_disk, (A, B, C), runs_per_symbol=100)
    for entry in entries_of(list(session((A, B, C), bars=30))):
        shard.feed([entry])
    shard.save()
    files = len(list(small_disk.glob("run_*.json")))
    ballast, left = fill(small_disk), 64 * 4096
    os.truncate(ballast, ballast.stat().st_size - left)
    assert files * 4096 > 2 * left, "each once, but not twice"
    shard.engine.runs.dirty[shard.engine.runs.active] = True
    work = shard.round()
    assert not shard.writer._written(work)
    assert shard.writer._written(work), "again, as the writer does it"
    for _ in range(3):
        shard.engine.runs.dirty[shard.engine.runs.active] = True
        assert shard.writer._written(shard.round())
    assert not list(small_disk.rglob(".run_*"))
    assert Shard(small_disk, (A, B, C), runs_per_symbol=100).state() == shard.state()


def test_a_disk_that_is_full_only_when_it_is_synced_has_no_record_twice(tmp_path, monkeypatch):
    """As NFS, or a quota on what is written late: a second record of one tick would be cut by the next start, and all behind it."""
    shard, synced, count = Shard(tmp_path, (A,)), os.fdatasync, itertools.count(1)
    monkeypatch.setattr(shard.loop, "_wait_for_room", lambda: False)

    def sync(handle):
        if next(count) % 3 == 0:
            raise OSError(errno.ENOSPC, "no room")
        synced(handle)

    monkeypatch.setattr(os, "fdatasync", sync)
    for entry in entries_of(list(session((A,), bars=20))):
        shard.feed([entry])
    assert next(count) > 60
    after = Shard(tmp_path, (A,))
    assert not after.found.notes
    assert (after.state(), after.surroundings()) == (shard.state(), shard.surroundings())
