"""What a person's command reads of a run is what Providence wrote: the file, what stands behind it, and the archive."""

import gzip
from dataclasses import replace

import pytest
from tests.support.market_steps import A, B, rules, session
from tests.support.shard import NOW, Shard, entries_of

from threet.adapters.run_files import RunFile, read_run_file
from threet.domain.values import Unknown
from threet.engine.engine import Engine
from threet.engine.entries import KIND_NAMES
from threet_providence.adoption import Adoption
from threet_providence.files import Folders
from threet_providence.tails import Tails, tail_of


@pytest.fixture(autouse=True)
def every_run_is_long(monkeypatch):
    monkeypatch.setattr("threet_providence.writer.Tails", lambda folders: Tails(folders, long_bytes=600))


@pytest.fixture
def shard(tmp_path):
    made = Shard(tmp_path, (A, B), runs_per_symbol=6)
    for number, entry in enumerate(entries_of(list(session((A, B), bars=40))), start=1):
        made.feed([entry])
        if number % 4 == 0:
            made.save()
    made.save()
    return made


def read(root, run_id) -> RunFile:
    found = read_run_file(root, run_id)
    assert isinstance(found, RunFile)
    return found


def entries_of_run(shard, run_id):
    log = shard.engine.runs.logs[shard.engine.runs.slot_of[run_id]]
    return tuple((KIND_NAMES[e.kind], e.time_ms, e.price, e.size) for e in log.rows())


def test_a_run_with_a_tail_is_read_whole(shard, tmp_path):
    assert len(list(tmp_path.glob("run_*.tail"))) > 3
    for run_id in shard.engine.runs.slot_of:
        assert read(tmp_path, run_id).entries == entries_of_run(shard, run_id)


def test_half_a_record_at_the_end_is_not_read_and_hides_nothing_before_it(shard, tmp_path):
    path = sorted(tmp_path.glob("run_*.tail"))[0]
    run_id = path.stem.removeprefix("run_")
    whole = read(tmp_path, run_id)
    path.write_bytes(path.read_bytes() + b"3TT1\x40\x00\x00\x00half")
    assert replace(read(tmp_path, run_id), written=whole.written) == whole


def test_an_archive_is_read_and_a_damaged_one_says_so(shard, tmp_path):
    ending = sorted(shard.folders.ending.glob("run_*.json"))[0]
    run_id, content = ending.stem.removeprefix("run_"), ending.read_bytes()
    before = read(tmp_path, run_id)
    ending.unlink()
    archive = shard.folders.ended / f"{ending.name}.gz"
    archive.write_bytes(gzip.compress(content))
    assert read(tmp_path, run_id).entries == before.entries
    archive.write_bytes(gzip.compress(content)[:-9])
    assert isinstance(read_run_file(tmp_path, run_id), Unknown)


NOBODY = "00000000-0000-4000-8000-000000000000"


def test_what_is_not_there_is_unknown_and_says_what_is_missing(tmp_path):
    assert read_run_file(tmp_path, NOBODY) == Unknown(f"{tmp_path}: no file of the run yet, or none any more")
    nowhere = read_run_file(tmp_path / "nowhere", NOBODY)
    assert isinstance(nowhere, Unknown)
    assert "providence.saved_runs" in nowhere.reason


def test_a_run_in_quarantine_is_unknown_and_its_file_not_to_be_trusted(tmp_path):
    (tmp_path / "quarantine").mkdir()
    (tmp_path / "quarantine" / f"run_{NOBODY}.json.reason.json").write_text("{}")
    found = read_run_file(tmp_path, NOBODY)
    assert isinstance(found, Unknown)
    assert "quarantined" in found.reason


def test_other_shards_take_over_what_stands_behind_the_files(shard, tmp_path):
    before = shard.state()
    Adoption(Folders(tmp_path), 2, lambda number, of: Engine(rules(6, shard=number, shards=of)), lambda: NOW).run()
    after = [Shard(tmp_path, (A, B), told=rules(6, shard=number, shards=2)) for number in range(2)]
    found = {run_id: facts for one in after for run_id, facts in one.state().items()}
    assert {run_id: found[run_id] for run_id in before} == before
    assert not [one for one in after if one.found.quarantined]
    for path in tmp_path.glob("run_*.tail"):
        assert tail_of(path.with_suffix(".json")) == path
        assert path.with_suffix(".json").exists()
