"""Descendants and a person's wishes survive every kill to the bit; files of the format before this one are read."""

import random
import shutil
from pathlib import Path

import pytest
from tests.support.market_steps import A, B, C, rules, session
from tests.support.shard import Shard, entries_of, number_of

from threet.engine.descent import NO_DESCENT, DescentRules
from threet_providence.journal import read_segment, segment_paths
from threet_providence.messages import EndRuns

DESCENT = rules(descent=DescentRules(share=0.6, mutation=0.2, best=4))
OLD = Path(__file__).parent / "format_1"
"""What the release before descent wrote in the first 100 entries of ``session((A, B), bars=30)`` with 3 runs of each symbol."""
JSON_TICKS = Path(__file__).parent / "format_2"
"""The same, of the release that wrote marks and candles of a tick as JSON, with descent and 30 ticks behind the last snapshots."""


@pytest.fixture(scope="module")
def entries():
    return entries_of(list(session((A, B, C), bars=60)))


@pytest.fixture(scope="module")
def undisturbed(entries, tmp_path_factory):
    """Its state, its ended runs, its ancestors, and the wishes that it was given: entry before which, and run."""
    shard, wishes = Shard(tmp_path_factory.mktemp("undisturbed"), told=DESCENT), {}
    for entry in entries:
        number = number_of(entry.id)
        if number % 17 == 0 and shard.engine.runs.slot_of:
            wishes[number] = random.Random(number).choice(sorted(shard.engine.runs.slot_of))
            shard.loop.take(EndRuns({wishes[number]: "a person"}))
        shard.feed([entry])
    ancestors = shard.engine.ancestors.all()
    return shard.state(), shard.ended(), ancestors, wishes


def feed_until_a_kill(shard, entries, wishes, chance):
    for entry in shard.next_of(entries)[: chance.randint(1, 60)]:
        if number_of(entry.id) in wishes:
            shard.loop.take(EndRuns({wishes[number_of(entry.id)]: "a person"}))
            if chance.random() < 0.3:
                return  # the wish is in the journal, the entry behind it is not
        shard.feed([entry])
        if chance.random() < 0.1:
            shard.save()


def tear(root, chance):
    path = segment_paths(root, 0, 1)[-1]
    data = path.read_bytes()
    if read_segment(path).ticks:
        path.write_bytes(data[: chance.randint(data.rindex(b"3TJ1"), len(data) - 1)])


@pytest.mark.parametrize("seed", [0, 1, 2, *(pytest.param(seed, marks=pytest.mark.faults) for seed in range(3, 10))])
def test_descendants_and_wishes_are_those_of_the_undisturbed_twin(entries, undisturbed, tmp_path, seed):
    state, ended, ancestors, wishes = undisturbed
    assert sum(facts[0].parent is not None for facts in (*state.values(), *ended.values())) > 30
    assert sum(facts[3] == "a person" for facts in ended.values()) > 10
    chance, kills = random.Random(seed), 0
    while (shard := Shard(tmp_path, told=DESCENT)).next_of(entries):
        assert not shard.found.quarantined
        feed_until_a_kill(shard, entries, wishes, chance)
        if chance.random() < 0.5:
            tear(tmp_path, chance)
        kills += 1
    assert kills > 5
    assert shard.engine.ancestors.all() == ancestors
    assert shard.state() == state
    assert shard.ended() == ended


@pytest.mark.parametrize(("files", "descent", "ticks"), [(OLD, NO_DESCENT, 1), (JSON_TICKS, DescentRules(0.6, 0.2, 4), 30)])
def test_files_of_older_formats_are_read_and_go_on_as_if_they_were_ours(tmp_path, files, descent, ticks):
    entries, told = entries_of(list(session((A, B), bars=30))), rules(3, descent=descent)
    whole = Shard(tmp_path / "whole", (A, B), told=told)
    for entry in entries:
        whole.feed([entry])
    shutil.copytree(files, tmp_path / "old")
    old = Shard(tmp_path / "old", (A, B), told=told)
    assert not old.found.quarantined
    assert old.found.ticks_replayed == ticks
    assert (len(entries), len(old.next_of(entries))) == (122, 22)
    for entry in old.next_of(entries):
        old.feed([entry])
    assert old.state() == whole.state()
    assert old.ended() == whole.ended()
