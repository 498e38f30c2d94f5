"""A shard that is killed anywhere and resumed is the shard that was never killed: every run, to the bit (I6)."""

import random
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.market_steps import A, B, C, session
from tests.support.properties import examples
from tests.support.shard import Shard, entries_of

from threet_providence.files import write_whole
from threet_providence.journal import read_segment, segment_paths
from threet_providence.snapshots import to_bytes


@pytest.fixture(scope="module")
def entries():
    return entries_of(list(session((A, B, C), bars=60)))


@pytest.fixture(scope="module")
def undisturbed(entries, tmp_path_factory):
    shard = Shard(tmp_path_factory.mktemp("undisturbed"))
    for entry in entries:
        shard.feed([entry])
    state = shard.state()
    assert len(state) == 72
    return state, shard.ended(), shard.surroundings()


@pytest.fixture(scope="module")
def undisturbed_few(entries, tmp_path_factory):
    shard = Shard(tmp_path_factory.mktemp("undisturbed"), runs_per_symbol=6)
    for entry in entries:
        shard.feed([entry])
    return shard.state(), shard.ended(), shard.surroundings()


def feed_some(shard, chance, entries, count):
    """``count`` entries in batches of chance length, with a round of snapshots now and then."""
    rest, until = shard.next_of(entries), min(count, len(shard.next_of(entries)))
    at = 0
    while at < until:
        size = min(chance.randint(1, 7), until - at)
        shard.feed(rest[at : at + size])
        at += size
        if chance.random() < 0.1:
            shard.save()


def tear(shard, chance):
    """The last record of the journal was not whole on the disk when the kill came."""
    path = segment_paths(shard.folders.root, 0, 1)[-1]
    data, ticks = path.read_bytes(), read_segment(path).ticks
    if ticks:
        path.write_bytes(data[: chance.randint(data.rindex(b"3TJ1"), len(data) - 1)])


def half_a_round(shard, chance):
    """Some files of a round are written, the older segments are still there, and a temporary file is left."""
    work = shard.round()
    for image in chance.sample(work.images, len(work.images) // 2):
        write_whole(shard.folders.run(image.spec.id), to_bytes(image))
    for image in chance.sample(work.ended, len(work.ended) // 2):
        write_whole(shard.folders.ending / f"run_{image.spec.id}.json", to_bytes(image))
    (shard.folders.root / ".run_00000000-0000-4000-8000-000000000000.json.tmp").write_bytes(b"{")


def rotated_only(shard, _chance):
    """The new segment is there, no file of the round is."""
    shard.round()


@pytest.mark.parametrize("harm", [None, tear, half_a_round, rotated_only])
@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.faults) for seed in range(2, 12))])
def test_killed_and_resumed_again_and_again_it_is_the_undisturbed_one(entries, undisturbed, tmp_path, harm, seed):
    chance = random.Random(seed)
    left, kills = len(entries), 0
    while left:
        shard = Shard(tmp_path)
        assert not shard.found.quarantined
        feed_some(shard, chance, entries, chance.randint(1, 90))
        if harm and chance.random() < 0.8:
            harm(shard, chance)
        left, kills = len(Shard(tmp_path).next_of(entries)), kills + 1
    last = Shard(tmp_path)
    assert not list(tmp_path.rglob(".*.tmp"))
    assert not list(last.folders.quarantine.glob("*.reason.json"))
    assert kills > 3
    assert last.state() == undisturbed[0]
    assert last.ended() == undisturbed[1]
    assert last.surroundings() == undisturbed[2]


def test_each_byte_at_which_the_last_record_can_tear_is_survived(entries, undisturbed, tmp_path):
    first = Shard(tmp_path / "a")
    first.feed(entries[:60])
    first.save()
    first.feed(entries[60:66])
    name = segment_paths(tmp_path / "a", 0, 1)[-1].name
    data = (tmp_path / "a" / name).read_bytes()
    start = data.rindex(b"3TJ1")
    for end in range(start, len(data), max(1, (len(data) - start) // 40)):
        copy = tmp_path / f"at-{end}"
        shutil.copytree(tmp_path / "a", copy)
        (copy / name).write_bytes(data[:end])
        torn = Shard(copy)
        assert bool(torn.found.notes) == (end > start), "a cut is told"
        torn.feed(torn.next_of(entries))
        assert torn.state() == undisturbed[0]


def test_a_run_that_ended_before_the_kill_is_not_lost_nor_doubled(entries, undisturbed, tmp_path):
    shard = Shard(tmp_path)
    for entry in entries:
        shard.feed([entry])
    again = Shard(tmp_path)
    assert {image.spec.id for image in again.found.to_save} == set(undisturbed[1])
    again.save()
    assert not Shard(tmp_path).found.to_save
    assert Shard(tmp_path).state() == undisturbed[0]


class Lives:
    """One shard, killed and resumed as often as it is told."""

    def __init__(self, root):
        self.root = root
        self.shard = Shard(root, runs_per_symbol=6)

    def feed(self, entries, count):
        self.shard.feed(self.shard.next_of(entries)[:count])
        self.kill()

    def kill(self):
        """Forgotten, and another one resumes: what it was not told of its own ids it reads from the journal."""
        self.shard = Shard(self.root, runs_per_symbol=6)
        assert not self.shard.found.quarantined


steps = st.lists(st.tuples(st.sampled_from(["feed", "feed", "save", "tear", "half", "rotate"]), st.integers(1, 60)), max_size=12)


@pytest.mark.timeout(600)
@settings(max_examples=examples(0.2), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps)
def test_any_sequence_of_lives_replays_to_the_undisturbed_one(entries, undisturbed_few, tmp_path_factory, lives):
    one = Lives(tmp_path_factory.mktemp("lives"))
    for kind, number in lives:
        if kind == "feed":
            one.feed(entries, number)
            continue
        one.shard.feed(one.shard.next_of(entries)[: number % 7])
        if kind == "save":
            one.shard.save()
        else:
            {"tear": tear, "half": half_a_round, "rotate": rotated_only}[kind](one.shard, random.Random(number))
        one.kill()
    one.feed(entries, len(entries))
    assert one.shard.state() == undisturbed_few[0]
    assert one.shard.ended() == undisturbed_few[1]
    assert one.shard.surroundings() == undisturbed_few[2]
