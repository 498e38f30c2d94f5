"""What failed its check is kept, whatever came to the quarantine before it and whatever a start puts in its place."""

import json
from collections import Counter

import pytest
from tests.support.market_steps import A, B, session
from tests.support.shard import NOW, Shard, entries_of, facts_of

from threet_providence.files import archive_name
from threet_providence.journal import read_segment, segment_paths
from threet_providence.quarantine import Quarantined, keep_segment, notes, per_symbol, put_aside
from threet_providence.snapshots import load
from threet_providence.tails import Tails, tail_of

SYMBOLS = (A, B)
ENTRIES = entries_of(list(session(SYMBOLS, bars=40)))


@pytest.fixture(autouse=True)
def every_run_is_long(monkeypatch):
    monkeypatch.setattr("threet_providence.writer.Tails", lambda folders: Tails(folders, long_bytes=600))


def resumed(root):
    return Shard(root, SYMBOLS, runs_per_symbol=6)


@pytest.fixture
def shard(tmp_path):
    """Rounds of snapshots, and two ticks behind the last one."""
    made = resumed(tmp_path)
    for number, entry in enumerate(ENTRIES[:82], start=1):
        made.feed([entry])
        if number in (40, 80):
            made.save()
    return made


def kept(root):
    """The contents in the quarantine, without the notes."""
    return Counter(path.read_bytes() for path in (root / "quarantine").iterdir() if not path.name.endswith(".reason.json"))


def tear_behind_the_base(path, byte):
    """Changes a byte of the first record behind the base. Returns the base and the rest."""
    data = bytearray(path.read_bytes())
    at = data.index(b"3TJ1", 4)
    data[at + 30] ^= byte
    path.write_bytes(data)
    return bytes(data[:at]), bytes(data[at:])


def test_a_start_keeps_the_segment_whose_place_its_own_takes(shard, tmp_path):
    """All behind the newest base is torn: the start is at that tick again, and its base has other runs, or others' last changes."""
    path = segment_paths(tmp_path, 0, 1)[-1]
    parts = []
    for byte in (1, 2, 3):
        base, rest = tear_behind_the_base(path, byte)
        parts += [base, rest]
        sorted(tmp_path.glob("run_*.json"))[0].write_bytes(b"torn %d" % byte)
        again = resumed(tmp_path)
        assert path == segment_paths(tmp_path, 0, 1)[-1]
        assert path.read_bytes() != base, "there is a run less"
        assert kept(tmp_path) >= Counter(set(parts)), byte
        again.feed(again.next_of(ENTRIES)[:2])


def test_a_start_at_the_tick_of_the_last_one_keeps_nothing_that_says_the_same(shard, tmp_path):
    shard.save()
    names = {path for path in tmp_path.rglob("*") if path.is_file()}
    resumed(tmp_path).save()
    resumed(tmp_path)
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == names
    assert not kept(tmp_path)


def test_a_segment_with_ticks_or_damage_is_never_begun_over(shard, tmp_path):
    path = segment_paths(tmp_path, 0, 1)[-1]
    content, base = path.read_bytes(), read_segment(path).base
    for harm in (b"", b"torn"):
        path.write_bytes(content + harm)
        shard.journal.begin_segment(base)
        assert kept(tmp_path)[content + harm] == 1
        assert read_segment(path).ticks == ()


def test_records_that_tore_at_the_same_place_of_the_same_file_are_all_kept(shard, tmp_path):
    for kind in ("*.tail", "journal-*.3tj"):
        path = max(tmp_path.glob(kind), key=lambda one: one.stat().st_size)
        whole = path.read_bytes()
        for torn in (b"3T", b"3TT", b"\x00"):
            path.write_bytes(whole + torn)
            resumed(tmp_path)
            path.write_bytes(whole + torn)
            resumed(tmp_path)
            assert kept(tmp_path)[torn] == 1 + (kind != "*.tail"), "the same bytes once of each file"


def test_a_run_that_is_quarantined_again_and_again_is_kept_each_time_and_counted_once(shard, tmp_path):
    path = sorted(tmp_path.glob("run_*.json"))[0]
    content, symbol = path.read_bytes(), load(path)[0].spec.symbol
    harmed = [content[:-1], b"", content[:-1], content + b" "]
    for one in harmed:
        path.write_bytes(one)
        resumed(tmp_path)
        assert kept(tmp_path)[one] == 1
    assert set(harmed) <= set(kept(tmp_path))
    assert per_symbol(tmp_path / "quarantine") == {symbol: 1}


def test_a_run_and_its_final_file_are_both_kept(tmp_path):
    """A kill between the two, and then both are damaged: they have one name."""
    shard = resumed(tmp_path)
    for entry in ENTRIES[:80]:
        shard.feed([entry])
    shard.save()
    before = {path.name: path.read_bytes() for path in tmp_path.glob("run_*.json")}
    for entry in ENTRIES[80:]:
        shard.feed([entry])
    shard.save()
    ended = next(path for path in sorted((tmp_path / "ending").glob("run_*.json")) if path.name in before)
    torn = before[ended.name][:-1], ended.read_bytes()[:-2]
    (tmp_path / ended.name).write_bytes(torn[0])
    ended.write_bytes(torn[1])
    resumed(tmp_path)
    assert kept(tmp_path) >= Counter(torn)


def test_a_damaged_file_whose_run_has_ended_well_is_put_aside_and_counts_nowhere(shard, tmp_path):
    shard.save()
    ended = sorted((tmp_path / "ending").glob("run_*.json"))[0]
    state = shard.state()
    (tmp_path / ended.name).write_bytes(b"torn")
    again = resumed(tmp_path)
    assert kept(tmp_path) == {b"torn": 1}
    assert not per_symbol(tmp_path / "quarantine")[A] + per_symbol(tmp_path / "quarantine")[B]
    assert ended.exists()
    assert again.state() == state


def test_a_tail_without_its_file_is_kept_but_where_its_run_has_ended(shard, tmp_path):
    tail = next(path for path in sorted(tmp_path.glob("run_*.tail")) if path.stat().st_size)
    content, ended = tail.read_bytes(), sorted((tmp_path / "ending").glob("run_*.json"))[0]
    tail.with_suffix(".json").unlink()
    left = tail_of(tmp_path / ended.name)
    left.write_bytes(content)  # as a kill in the middle of its end leaves it
    again = resumed(tmp_path)
    assert kept(tmp_path) == {content: 1}
    assert any(tail.name in note for note in again.found.notes)
    again.save()
    assert not left.exists()


def test_an_archive_that_is_damaged_before_the_other_copy_goes_is_written_again_and_kept(shard, tmp_path):
    shard.save()
    ended = sorted((tmp_path / "ending").glob("run_*.json"))[0]
    run_id, facts = ended.stem.removeprefix("run_"), facts_of(load(ended)[0])
    archive = shard.folders.ended / archive_name(run_id)
    archive.write_bytes(b"torn")
    shard.writer.published.put(run_id)
    shard.writer.archive()
    assert facts_of(load(archive)[0]) == facts
    assert kept(tmp_path) == {b"torn": 1}


def test_what_cannot_even_be_read_is_put_aside(shard, tmp_path):
    path = sorted(tmp_path.glob("run_*.json"))[0]
    for number in range(2):
        path.unlink(missing_ok=True)
        path.mkdir()
        (path / "inside").write_text(str(number))
        resumed(tmp_path)
    assert sorted(one.read_text() for one in (tmp_path / "quarantine").glob("*/inside")) == ["0", "1"]


def test_each_note_of_another_reason_stays(tmp_path):
    quarantine = tmp_path / "quarantine"
    quarantine.mkdir()
    file, segment = tmp_path / "run_x.json", tmp_path / "journal-0-of-1-000000000001.3tj"
    put_aside(quarantine, Quarantined("x", A, "trend", "missing"), None, NOW)
    put_aside(quarantine, Quarantined("x", A, "trend", "missing"), None, NOW)
    file.write_bytes(b"torn")
    put_aside(quarantine, Quarantined("x", A, "trend", "torn"), file, NOW)
    segment.write_bytes(b"no base")
    assert keep_segment(quarantine, segment, "its base", NOW, move=False) == keep_segment(quarantine, segment, "again", NOW, move=True)
    assert sorted(note.reason for note in notes(quarantine)) == ["missing", "torn"]
    assert json.loads((quarantine / f"{segment.name}.reason.json").read_bytes())["reason"] == "its base"
    assert kept(tmp_path) == {b"torn": 1, b"no base": 1}
