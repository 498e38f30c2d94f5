"""`3t prune`: shows what is old enough, removes it when told to, and never touches what is still needed."""

import os
import time

import pytest
from click.testing import CliRunner
from tests.support.settings import write_config

from threet.cli.main import main

OLD = "run_00000000-0000-4000-8000-00000000000{}.json.gz"


@pytest.fixture
def saved(tmp_path):
    folder = tmp_path / "saved_runs"
    for name, days in (
        (f"ended/{OLD.format(1)}", 40),
        (f"ended/{OLD.format(2).removesuffix('.gz')}", 31),
        (f"ended/{OLD.format(3)}", 29),
        ("ended/notes.txt", 400),
        ("run_00000000-0000-4000-8000-000000000004.json", 400),
        ("ending/run_00000000-0000-4000-8000-000000000005.json", 400),
        ("quarantine/run_00000000-0000-4000-8000-000000000006.json", 400),
        ("quarantine/run_00000000-0000-4000-8000-000000000006.json.reason.json", 400),
        ("journal-0-of-1-000000000000.3tj", 400),
        ("shard-0-of-1.lock", 400),
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 10)
        os.utime(path, (time.time() - days * 86_400,) * 2)
    return folder


def prune(saved, *options):
    config = write_config(saved.parent, {"providence.saved_runs": "saved_runs"})
    done = CliRunner().invoke(main, ["prune", "--config", str(config), *options])
    assert done.exit_code == 0, done.output
    return done.output


def there(saved):
    return {str(path.relative_to(saved)) for path in saved.rglob("*") if path.is_file()}


OF_31_DAYS = {f"ended/{OLD.format(1)}", f"ended/{OLD.format(2).removesuffix('.gz')}"}


def test_without_yes_it_only_shows(saved):
    before = there(saved)
    told = prune(saved)
    assert "would remove 2 archives of ended runs" in told
    assert all(name in told for name in OF_31_DAYS)
    assert there(saved) == before


def test_with_yes_exactly_the_old_archives_go(saved):
    before = there(saved)
    assert "removed 2 archives" in prune(saved, "--yes")
    assert before - there(saved) == OF_31_DAYS
    assert "nothing in" in prune(saved, "--yes")


def test_the_age_can_be_given(saved):
    before = there(saved)
    prune(saved, "--yes", "--older-than", "35")
    assert before - there(saved) == {f"ended/{OLD.format(1)}"}


def test_the_quarantine_goes_only_where_that_is_asked_for(saved):
    before = there(saved)
    told = prune(saved, "--yes", "--quarantine", "--older-than", "0")
    assert "and 2 files of the quarantine" in told
    gone = before - there(saved)
    assert gone == OF_31_DAYS | {f"ended/{OLD.format(3)}"} | {name for name in before if name.startswith("quarantine/")}


def test_a_folder_that_is_not_there_is_named(tmp_path):
    config = write_config(tmp_path, {"providence.saved_runs": "nowhere"})
    done = CliRunner().invoke(main, ["prune", "--config", str(config)])
    assert done.exit_code == 1
    assert "providence.saved_runs" in done.output
