"""The power is cut before, in the middle of and after the calls that write: what was published is still there, to the bit.

What the kernel had written by then is drawn too: nothing, some pages of some files, all names without what is in the files, or both. Not
tried: xfs, the change of the number of shards, and a drive that loses what it said to have flushed.
"""

import os
import random

import pytest
from tests.support.market_steps import A, B, rules, session, state_of
from tests.support.power import Power, small_disk
from tests.support.shard import Shard, entries_of, facts_of, number_of, surroundings_of
from tests.support.twin import Twin

from threet.adapters.market_feed import FeedBatch
from threet_providence import writer
from threet_providence.files import sync_folder
from threet_providence.journal import JournalError
from threet_providence.rewriting import SPARE, Rewriter
from threet_providence.snapshots import SnapshotError, load
from threet_providence.tails import Tails
from threet_providence.writer import SnapshotWriter

pytestmark = pytest.mark.faults
SYMBOLS, RUNS = (A, B), 12
RECORD_SYNCED = "fdatasync saved_runs/*.3tj"
ENTRIES = entries_of(list(session(SYMBOLS, bars=240)))


class Lost(AssertionError):
    """What a start found is not what was published."""


class Handed:
    """The streams, for a twin."""

    def start_ids(self):
        return {}

    def seek(self, _ids):
        return

    def read(self):
        return FeedBatch(tuple(ENTRIES), caught_up=True)


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path) as made:
        yield made


@pytest.fixture(autouse=True)
def small_numbers(monkeypatch):
    """Some runs have tails, some files and some spares; a larger round is written by several threads."""
    monkeypatch.setattr(writer, "Tails", lambda folders: Tails(folders, long_bytes=700))
    monkeypatch.setattr(writer, "_TOGETHER", 8)
    monkeypatch.setattr(writer, "_MANY", 20)


class Lives:
    """One shard, from power cut to power cut. ``told``: the last entry whose tick was on the disk before anybody saw what it changed;
    ``under_way``: the last one of which a tick was begun."""

    def __init__(self, disk, power, chance):
        self.disk, self.power, self.chance = disk, power, chance
        self.root = disk.folder / "saved_runs"
        self.twin = Twin(rules(RUNS), SYMBOLS, Handed())  # type: ignore[arg-type]
        self.told = self.under_way = 0

    def until(self, entry):
        """How many lives it took."""
        count = 0
        while self.told < entry:
            self.live()
            count += 1
        return count

    def live(self):
        shard = None
        try:
            with self.power.life():
                shard = self.resumed()
                self.go_on(shard)
        finally:
            if shard is not None:
                close(shard)
        self.disk.restore()

    def resumed(self):
        try:
            shard = Shard(self.root, SYMBOLS, RUNS)
        except JournalError as error:
            raise Lost(str(error)) from error
        try:
            self.check(shard)
        except BaseException:
            close(shard)
            raise
        return shard

    def check(self, shard):
        """To the bit what never met a power cut."""
        found = max(map(number_of, shard.found.ids.values()), default=0)
        reasons = [path.name for path in shard.folders.quarantine.glob("*.reason.json")]
        if shard.found.quarantined or reasons:
            raise Lost(f"{shard.found.quarantined}, {reasons}")
        if found not in (self.told, self.under_way):
            raise Lost(f"expected all up to entry {self.told}, or {self.under_way}, found {found}")
        self.told = self.under_way = found
        self.twin.advance(shard.found.ids)
        if state_of(shard.engine) != state_of(self.twin.engine) or surroundings_of(shard.engine) != surroundings_of(self.twin.engine):
            raise Lost(f"runs differ at entry {found}")
        try:
            ended = ended_of(shard)
        except (SnapshotError, OSError) as error:
            raise Lost(f"an ended run: {error}") from error
        if ended != self.twin.ended:
            raise Lost(f"ended runs differ at entry {found}")

    def go_on(self, shard):
        rest = shard.next_of(ENTRIES)[: self.chance.randint(10, 50)]
        while rest:
            size = self.chance.randint(1, 7)
            batch, rest = rest[:size], rest[size:]
            self.under_way = number_of(batch[-1].id)
            before = self.power.done[RECORD_SYNCED]
            try:
                shard.feed(batch)
            finally:
                if self.power.done[RECORD_SYNCED] > before:
                    self.told = self.under_way
            if self.chance.random() < 0.3:
                for path in shard.folders.ending.glob("run_*.json"):
                    shard.writer.published.put(path.stem.removeprefix("run_"))
                shard.save()


class Versions:
    """Files that are written again and again; ``possible``: which versions of each may lie on the disk, 0 where none may."""

    NAMES = tuple(f"{number}.file" for number in range(120))

    rewriter = Rewriter

    def __init__(self, disk, power, chance):
        self.disk, self.power, self.chance = disk, power, chance
        self.root = disk.folder / "files"
        self.root.mkdir()
        sync_folder(self.root)
        self.possible = {name: {0} for name in self.NAMES}
        self.newest = 0

    def lead(self, lives):
        for _ in range(lives):
            self.live()

    def live(self):
        """Until the cut. In some lives a process is killed before that, its files placed and no more, and another takes its spares over."""
        with self.power.life():
            if self.chance.random() < 0.5:
                self.process(lambda files: self.place(files, self.some()))
            self.process(self.round)
        self.disk.restore()
        self.check()

    def process(self, does):
        self.check()
        files = self.rewriter(self.root, 8_000)
        try:
            files.take_over(name for name in self.NAMES if (self.root / f".{name}{SPARE}").exists())
            does(files)
        finally:
            close_all(files)

    def some(self):
        return self.chance.sample(self.NAMES, 30)

    def round(self, files):
        """Some are written twice, as where the disk was full in the middle of it."""
        names, placed = self.some(), dict[str, int]()
        for _ in range(self.chance.choice((1, 2))):
            placed |= self.place(files, names)
        sync_folder(self.root)
        for name, version in placed.items():
            self.possible[name] = {version}
        files.settle()

    def place(self, files, names):
        self.newest += 1
        for name in names:
            self.possible[name].add(self.newest)
            files.write(name, content_of(name, self.newest))
        files.place(self.chance.choice((1, 8)), lambda: None)
        return dict.fromkeys(names, self.newest)

    def check(self):
        for name, possible in self.possible.items():
            try:
                content = (self.root / name).read_bytes()
            except FileNotFoundError:
                content = b""
            if content not in {content_of(name, version) for version in possible}:
                raise Lost(f"{name}: expected one of the versions {possible} whole, found {content[:40]!r} ({len(content)} bytes)")


def ended_of(shard):
    files = [*shard.folders.ending.glob("run_*.json"), *shard.folders.ended.glob("run_*.json.gz")]
    return {image.spec.id: facts_of(image) for image in [*(load(path)[0] for path in files), *shard.found.to_save]}


def close(shard):
    """As the end of a process does."""
    shard.journal.close()
    for files in (shard.writer._files, shard.writer._ends):
        close_all(files)


def close_all(files):
    while files._written:
        os.close(files._written.popitem()[1])


def content_of(name, version):
    """Of one to four pages; nothing of version 0."""
    return f"{name} {version} ".encode() * (version and random.Random(f"{name} {version}").randint(50, 640))


class Hasty(Rewriter):
    """An offender: what was replaced is written over before the folder is synced."""

    def place(self, *args):
        super().place(*args)
        self.settle()


class Trusting(Rewriter):
    """An offender: what another process replaced, which was killed before it synced the folder, is written over at once."""

    def take_over(self, names):
        self._spares.update(names)


def drop_first(writer):
    """An offender: older segments go before the files are written that hold what stands in them."""
    write = writer.write

    def written(self, work):
        self._drop_older_segments(work.tick)
        write(self, work)

    return written


@pytest.fixture
def cut(disk, monkeypatch):
    """The disk, what cuts its power, and the chance that both use."""

    def cut(seed, left_out="", where=""):
        chance = random.Random(seed)
        power = Power(disk, chance, left_out, where)
        power.install(monkeypatch)
        return disk, power, chance

    return cut


@pytest.mark.parametrize("seed", range(3))
def test_a_shard_after_a_power_cut_is_the_undisturbed_one(cut, seed):
    assert Lives(*cut(seed)).until(600) > 10


@pytest.mark.parametrize("seed", range(2))
def test_each_file_is_one_whole_version_after_a_power_cut(cut, seed):
    versions = Versions(*cut(seed))
    versions.lead(15)
    assert versions.newest > 15


@pytest.mark.parametrize(
    "left_out",
    [
        "fdatasync saved_runs/.*3tj",
        "fdatasync saved_runs/.*tail",
        "fsync saved_runs/.*3tj.tmp",
        "fsync saved_runs/.*spare",
        "fsync ending/.*spare",
        "fsync ended/.*gz.tmp",
    ],
)
def test_a_shard_that_does_not_sync_is_found(cut, left_out):
    """But for the folders: ext4 commits names in their order, all together, with the next record of the journal, and a segment that went
    is never on the disk before the exchange that came first. What asks for the folder is the promise of ``settle``, below."""
    with pytest.raises(Lost):
        Lives(*cut(100, left_out)).until(len(ENTRIES))


def test_a_shard_that_drops_segments_too_early_is_found(cut, monkeypatch):
    """Only where they go before the files are placed: between that and the sync of the folder ext4 keeps the order, as above."""
    monkeypatch.setattr(SnapshotWriter, "write", drop_first(SnapshotWriter))
    with pytest.raises(Lost):
        Lives(*cut(100)).until(len(ENTRIES))


@pytest.mark.parametrize(
    ("rewriter", "left_out", "where"),
    [
        (Hasty, "", "(write|ftruncate) .*"),
        (Trusting, "", "(write|ftruncate) .*"),
        (Rewriter, "fsync files/.*spare", ""),
        (Rewriter, "fsync files", ""),
    ],
)
def test_a_rewriter_that_does_not_wait_is_found(cut, rewriter, left_out, where):
    versions = Versions(*cut(100, left_out, where))
    versions.rewriter = rewriter
    with pytest.raises(Lost):
        versions.lead(300)
