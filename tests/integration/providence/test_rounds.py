"""A round of snapshots that writes many files: several wait for the disk together, and each is whole or not there."""

import errno
import itertools
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Barrier

import pytest
from tests.support.market_steps import A, B, C, session
from tests.support.shard import Shard, entries_of, facts_of

from threet_providence import rewriting, writer
from threet_providence.calm import Deadline
from threet_providence.messages import EndRuns
from threet_providence.rewriting import SPARE, Rewriter
from threet_providence.snapshots import load

AT_ONCE = 4
TOGETHER = 8


@pytest.fixture(autouse=True)
def large_rounds_are_small(monkeypatch):
    monkeypatch.setattr(writer, "_AT_ONCE", AT_ONCE)
    monkeypatch.setattr(writer, "_TOGETHER", TOGETHER)
    monkeypatch.setattr(writer, "_MANY", TOGETHER)


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


def all_again(shard):
    shard.engine.runs.dirty[shard.engine.runs.active] = True
    return shard.round()


def test_files_of_a_large_round_wait_for_the_disk_together(shard, tmp_path, monkeypatch):
    together, fsync = Barrier(AT_ONCE), os.fsync

    def sync(handle):
        if handle in handles:
            together.wait(timeout=30)  # until as many are here
        fsync(handle)

    handles = set()
    written = Rewriter.write

    def write(self, name, content):
        written(self, name, content)
        handles.add(self._written[name])

    work = shard.round()
    images = work.images[: len(work.images) // TOGETHER * TOGETHER]
    assert len(images) >= 2 * TOGETHER
    monkeypatch.setattr(Rewriter, "write", write)
    monkeypatch.setattr(os, "fsync", sync)
    shard.writer._write_each(shard.writer._files, images, shard.writer._save, Deadline(60))
    runs = runs_of(shard)
    assert files_in(tmp_path) == {image.spec.id: runs[image.spec.id] for image in images}


def test_a_full_disk_in_the_middle_of_it_costs_nothing(shard, tmp_path, monkeypatch):
    work, left, written = shard.round(), [40], Rewriter.write

    def write(self, name, content):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "no room", name)
        written(self, name, content)

    monkeypatch.setattr(Rewriter, "write", write)
    segments = sorted(tmp_path.glob("journal-*"))
    assert not shard.writer._written(work)
    assert sorted(tmp_path.glob("journal-*")) == segments, "they hold what the files do not"
    monkeypatch.setattr(Rewriter, "write", written)
    assert shard.writer._written(work)
    assert files_in(tmp_path) == runs_of(shard)
    assert Shard(tmp_path, (A, B, C)).state() == shard.state()


@contextmanager
def failing(monkeypatch, number, error):
    """The ``number``-th call of the system is refused; yields the names of those that were."""
    count, refused = itertools.count(1), []

    def refusing(name, call):
        def calling(*arguments, **named):
            if next(count) == number:
                refused.append(name)
                raise OSError(error, "planned", name)
            return call(*arguments, **named)

        return calling

    with monkeypatch.context() as patch:
        for module, name in (*((os, name) for name in CALLS), (rewriting, "exchange")):
            patch.setattr(module, name, refusing(name, getattr(module, name)))
        yield refused


CALLS = ("open", "write", "ftruncate", "fsync", "replace", "unlink")


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_whatever_is_refused_in_a_round_files_are_whole_and_nothing_is_left_behind(tmp_path, monkeypatch, error):
    """Each call of a round in turn, in which runs with spares change, one ends and another begins; where the disk was full this process
    writes the round again, and the next one goes on from what is there in any case."""
    entries = iter(entries_of(list(session((A,), bars=120))))
    shard = Shard(tmp_path, (A,), runs_per_symbol=3)
    shard.feed(list(itertools.islice(entries, 60)))
    seen = set()
    for number in itertools.count(1):
        shard.writer.write(all_again(shard))
        ends = min(shard.engine.runs.slot_of)
        shard.loop.take(EndRuns({ends: "asked for"}))
        shard.feed([next(entries)])
        work, handles = all_again(shard), len(os.listdir("/proc/self/fd"))
        with failing(monkeypatch, number, error) as refused, suppress(OSError):
            shard.writer._written(work)
        if not refused:
            break
        seen.update(refused)
        for path in tmp_path.rglob("run_*.json"):
            load(path)
        if error == errno.ENOSPC and "unlink" not in refused:
            assert shard.writer._written(work)
            assert len(os.listdir("/proc/self/fd")) == handles
            assert {path.name for path in tmp_path.rglob(".run_*")} == {f".{name}{SPARE}" for name in shard.writer._files._spares}
            assert files_in(tmp_path) == runs_of(shard)
            assert ends in files_in(tmp_path / "ending")
        before, shard = shard, Shard(tmp_path, (A,), runs_per_symbol=3)
        shard.writer.take_over(shard.found.with_spare)
        assert not shard.found.quarantined
        assert shard.state() == before.state()
        assert {path.name for path in tmp_path.rglob(".run_*")} == {f".{name}{SPARE}" for name in shard.found.with_spare}
    assert seen == {*CALLS, "exchange"}


def test_the_next_version_is_written_over_the_one_before_the_last(shard, tmp_path):
    """Two files to a run, for ever; no inode comes or goes."""
    inodes = []
    for _ in range(4):
        shard.writer.write(all_again(shard))
        inodes.append({path.name: path.stat().st_ino for path in tmp_path.glob("run_*.json")})
    first, second, third, fourth = inodes
    assert third == first
    assert fourth == second
    assert not set(first.values()) & set(second.values())
    assert {path.name for path in tmp_path.glob(".run_*")} == {f".{name}{SPARE}" for name in first}
    assert files_in(tmp_path) == runs_of(shard)


def spares_in(root):
    """Inode by the name of the file whose next version is written there."""
    return {path.name[1 : -len(SPARE)]: path.stat().st_ino for path in root.glob(f".*{SPARE}")}


def test_spares_are_taken_over_by_the_next_process(shard, tmp_path):
    shard.save()
    shard.writer.write(all_again(shard))
    spares = spares_in(tmp_path)
    assert len(spares) == len(runs_of(shard)) > 1
    damaged = min(spares)
    (tmp_path / damaged).write_bytes(b"{}")
    after = Shard(tmp_path, (A, B, C))
    del spares[damaged]
    assert set(after.found.with_spare) == set(spares) == set(spares_in(tmp_path)), "none of what is quarantined"
    after.writer.take_over(after.found.with_spare)
    after.writer.write(all_again(after))
    assert {name: (tmp_path / name).stat().st_ino for name in spares} == spares
    assert files_in(tmp_path) == runs_of(after)


def test_a_spare_goes_with_its_run(shard, tmp_path):
    shard.save()
    shard.writer.write(all_again(shard))
    before = set(spares_in(tmp_path))
    for entry in entries_of(list(session((A, B, C), bars=90)))[len(entries_of(list(session((A, B, C), bars=30)))) :]:
        shard.feed([entry])
    shard.save()
    going_on = {f"run_{run_id}.json" for run_id in runs_of(shard)}
    assert before - going_on, "some have ended"
    assert set(spares_in(tmp_path)) <= going_on
    assert not list(tmp_path.glob("ending/.*"))


def test_what_has_another_name_is_never_written_over(shard, tmp_path):
    """As somebody's copy of the folder by hard links has."""
    shard.save()
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in tmp_path.glob("run_*.json"):
        os.link(path, copy / path.name)
    then = {path.name: path.read_bytes() for path in copy.iterdir()}
    for _ in range(3):
        shard.writer.write(all_again(shard))
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == then
    assert files_in(tmp_path) == runs_of(shard)


def test_a_spare_that_somebody_removed_is_made_anew(shard, tmp_path):
    shard.save()
    shard.writer.write(all_again(shard))
    for name in spares_in(tmp_path):
        (tmp_path / f".{name}{SPARE}").unlink()
    shard.writer.write(all_again(shard))
    assert files_in(tmp_path) == runs_of(shard)
    assert set(spares_in(tmp_path)) == {path.name for path in tmp_path.glob("run_*.json")}


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """Of somebody who may not write into what is not theirs; root may into everything."""
    monkeypatch.chdir(tmp_path)
    if os.geteuid() != 0:
        yield Path()
        return
    os.chown(tmp_path, 65_534, 65_534)
    os.seteuid(65_534)
    yield Path()
    os.seteuid(0)


def test_a_spare_that_may_not_be_written_into_is_made_anew(own_folder):
    """As files are that a start as root left, or that were restored as read-only: to take their place it is enough to own the folder."""
    files = Rewriter(own_folder, most_bytes=100)
    for content in (b"1", b"2", b"3", b"4", b"5"):
        files.write("one", content)
        files.place(1, lambda: None)
        files.settle()
        assert Path("one").read_bytes() == content
        Path("one").chmod(0o444)


def test_no_spare_is_written_over_before_the_folder_was_synced(tmp_path):
    """After a power cut its name may lead to the version before."""
    files = Rewriter(tmp_path, most_bytes=100)

    def version(content):
        files.write("one", content)
        files.place(1, lambda: None)

    version(b"1")
    version(b"2")
    spare = tmp_path / f".one{SPARE}"
    with spare.open("rb") as of_the_first:
        version(b"3")
        assert of_the_first.read() == b"1"
    files.settle()
    with spare.open("rb") as of_the_second:
        version(b"4")
        assert of_the_second.read() == b"4", "there it may"
    assert (tmp_path / "one").read_bytes() == b"4"


def test_where_files_cannot_change_places_each_version_is_a_new_file(shard, tmp_path, monkeypatch):
    monkeypatch.setattr(rewriting, "exchange", lambda one, other: False)
    for _ in range(3):
        shard.writer.write(all_again(shard))
    assert files_in(tmp_path) == runs_of(shard)
    assert not spares_in(tmp_path)


def test_a_longer_file_has_no_spare(tmp_path):
    files = Rewriter(tmp_path, most_bytes=3)
    for content in (b"1", b"22", b"4444", b"333"):
        files.write("one", content)
        files.place(1, lambda: None)
        files.settle()
        assert (tmp_path / "one").read_bytes() == content
        assert bool(spares_in(tmp_path)) == (content == b"22" or content == b"333"), content
