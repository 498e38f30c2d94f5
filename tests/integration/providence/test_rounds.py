"""A round of snapshots that writes many files: several wait for the disk together, and each is whole or not there."""

import errno
from threading import Barrier

import pytest
from tests.support.market_steps import A, B, C, session
from tests.support.shard import Shard, entries_of, facts_of

from threet_providence import writer
from threet_providence.files import write_whole
from threet_providence.snapshots import load

AT_ONCE = 4


@pytest.fixture(autouse=True)
def large_rounds_are_small(monkeypatch):
    monkeypatch.setattr(writer, "_AT_ONCE", AT_ONCE)
    monkeypatch.setattr(writer, "_MANY", 8)


@pytest.fixture
def shard(tmp_path):
    """Runs of which none is in a file yet."""
    made = Shard(tmp_path, (A, B, C))
    for entry in entries_of(list(session((A, B, C), bars=30))):
        made.feed([entry])
    return made


def runs_of(shard):
    return {spec.id: facts_of(shard.engine.image(slot)) for slot, spec in enumerate(shard.engine.runs.specs) if spec is not None}


def files_in(root):
    return {path.stem.removeprefix("run_"): facts_of(load(path)[0]) for path in root.glob("run_*.json")}


def test_files_of_a_large_round_are_written_together(shard, tmp_path, monkeypatch):
    together = Barrier(AT_ONCE)

    def write(path, content):
        together.wait(timeout=30)  # until as many are here
        write_whole(path, content)

    work = shard.round()
    shard.writer.write(type(work)(work.tick, (), work.ended))
    monkeypatch.setattr(writer, "write_whole", write)
    images = work.images[: len(work.images) // AT_ONCE * AT_ONCE]
    assert len(images) >= 2 * AT_ONCE
    shard.writer.write(type(work)(work.tick, images, ()))
    runs = runs_of(shard)
    assert files_in(tmp_path) == {image.spec.id: runs[image.spec.id] for image in images}


def test_a_full_disk_in_the_middle_of_it_costs_nothing(shard, tmp_path, monkeypatch):
    work, left = shard.round(), [40]

    def write(path, content):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "no room", str(path))
        write_whole(path, content)

    monkeypatch.setattr(writer, "write_whole", write)
    segments = sorted(tmp_path.glob("journal-*"))
    assert not shard.writer._written(work)
    assert sorted(tmp_path.glob("journal-*")) == segments, "they hold what the files do not"
    monkeypatch.setattr(writer, "write_whole", write_whole)
    assert shard.writer._written(work)
    assert files_in(tmp_path) == runs_of(shard)
    assert Shard(tmp_path, (A, B, C)).state() == shard.state()
