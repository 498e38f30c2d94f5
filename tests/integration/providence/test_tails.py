"""Long histories: what a run did since its file was written stands behind it, and is the same run to the bit wherever a kill came."""

import pytest
from tests.support.market_steps import A, B, session
from tests.support.shard import Shard, entries_of

from threet_providence import snapshots, tails
from threet_providence.journal import segment_paths
from threet_providence.tails import Tails, tail_of

SYMBOLS = (A, B)


@pytest.fixture(autouse=True)
def every_run_is_long(monkeypatch):
    """A file of 600 bytes has as long a history as one of 16 KB for what is tested here."""
    monkeypatch.setattr("threet_providence.writer.Tails", lambda folders: Tails(folders, long_bytes=600))


@pytest.fixture(scope="module")
def entries():
    return entries_of(list(session(SYMBOLS, bars=60)))


@pytest.fixture(scope="module")
def undisturbed(entries, tmp_path_factory):
    shard = Shard(tmp_path_factory.mktemp("undisturbed"), SYMBOLS, runs_per_symbol=6)
    for entry in entries:
        shard.feed([entry])
    return shard.state(), shard.ended()


def resumed(root):
    return Shard(root, SYMBOLS, runs_per_symbol=6)


def fed(root, entries, count, every=4):
    """Resumes, takes ``count`` entries with a round of snapshots after each ``every``; returns the shard."""
    shard = resumed(root)
    for number, entry in enumerate(shard.next_of(entries)[:count], start=1):
        shard.feed([entry])
        if number % every == 0:
            shard.save()
    return shard


def tails_in(root):
    return sorted(root.glob("run_*.tail"))


def test_killed_between_rounds_it_is_the_undisturbed_one(entries, undisturbed, tmp_path):
    seen = 0
    while resumed(tmp_path).next_of(entries):
        shard = fed(tmp_path, entries, 37)
        assert not shard.found.quarantined
        assert not shard.found.notes
        seen += len(tails_in(tmp_path))
    last = resumed(tmp_path)
    assert seen > 10
    assert last.state() == undisturbed[0]
    assert last.ended() == undisturbed[1]
    assert not {path.stem for path in tails_in(tmp_path)} - {path.stem for path in tmp_path.glob("run_*.json")}, "they end with their runs"


def test_a_file_and_its_tail_are_what_the_file_alone_would_be(entries, tmp_path):
    shard = fed(tmp_path, entries, 60)
    followed = 0
    for path in tails_in(tmp_path):
        image, voms = snapshots.load(path.with_suffix(".json"))
        after = tails.follow(path.with_suffix(".json"), image, voms)
        assert after.damage is None
        followed += after.image.entry_count > image.entry_count
        slot = shard.engine.runs.slot_of[image.spec.id]
        if not shard.engine.runs.dirty[slot]:
            now = shard.engine.image(slot)
            assert list(after.image.entries.rows()) == list(now.entries.rows())
            assert (after.image.state, after.image.risen, after.image.votes) == (now.state, now.risen, now.votes)
    assert followed


def test_each_byte_at_which_the_last_record_can_tear_is_survived_and_kept(entries, undisturbed, tmp_path):
    shard = fed(tmp_path, entries, 40)
    path = None
    for entry in entries[40:]:
        shard.feed([entry])
        # A kill comes while the round is written: the journal still holds it.
        appended = [image for image in shard.round().images if shard.writer._tails.append(image)]
        if appended:
            path = tail_of(shard.folders.run(appended[-1].spec.id))
            break
    assert path is not None
    data = path.read_bytes()
    start = data.rindex(b"3TT1")
    for end in (start + 1, start + 12, (start + len(data)) // 2, len(data) - 1):
        path.write_bytes(data[:end])
        torn = resumed(tmp_path)
        assert [path.name in note for note in torn.found.notes] == [True]
        assert not torn.found.quarantined
        cuts = torn.folders.quarantine.glob(f"{path.name}.cut-at-{start}*")
        assert data[start:end] in [one.read_bytes() for one in cuts]
        assert path.read_bytes() == data[:start]
    last = fed(tmp_path, entries, len(entries))
    assert last.state() == undisturbed[0]


def test_a_damaged_tail_whose_journal_is_gone_is_quarantined_with_its_run_and_the_others_go_on(entries, tmp_path):
    shard = fed(tmp_path, entries, 60)
    shard.save()
    state = shard.state()
    for segment in segment_paths(tmp_path, 0, 1)[:-1]:  # as later rounds remove them
        segment.unlink()
    path = next(p for p in tails_in(tmp_path) if tails_of_news(p))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    again = resumed(tmp_path)
    run_id = path.stem.removeprefix("run_")
    assert [lost.run_id for lost in again.found.quarantined] == [run_id]
    assert again.state() == {name: facts for name, facts in state.items() if name != run_id}
    assert (again.folders.quarantine / path.with_suffix(".json").name).exists()
    assert not path.exists()


def tails_of_news(path):
    image, voms = snapshots.load(path.with_suffix(".json"))
    return tails.follow(path.with_suffix(".json"), image, voms).image.tick > image.tick


def test_a_tail_that_the_file_contains_already_changes_nothing(entries, tmp_path):
    shard = fed(tmp_path, entries, 40)
    path = next(p for p in tails_in(tmp_path) if tails_of_news(p))
    old = path.read_bytes()
    shard.engine.runs.dirty[:] = shard.engine.runs.active
    shard.writer._tails = Tails(shard.folders)
    shard.save()
    assert not tail_of(path.with_suffix(".json")).exists()
    path.write_bytes(old)  # the kill came before it went
    assert resumed(tmp_path).state() == shard.state()
