"""`3t halt`, `resume`, `adopt` and `status` on a real database, and with everything away."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from unittest.mock import ANY

import pytest
from click.testing import CliRunner, Result
from pydantic import TypeAdapter
from tests.support.settings import ROOT, example_secrets, settings_with

from threet.adapters.sql import SqlCycleStore, SqlSnapshotStore, create_schema, make_engine
from threet.application.facts import AccountSnapshot
from threet.cli.main import main
from threet.domain.drawdown import RiskState
from threet.domain.values import Position, symbol
from threet.settings import load_settings

BTC = symbol("BTC/USDC:USDC")
ACCOUNT = "0x2b6C95016B295dB8AC4ccbB688cc774d9CCcCF80"
NOBODY = {
    "redis.url": "redis://127.0.0.1:9/0",
    "redis.socket_timeout_seconds": 0.2,
    "providence.poll_seconds": 0.1,
    "state.folder": "state",
    **{f"observers.nodes.{n}.url": f"http://127.0.0.1:{n + 2}" for n in range(3)},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with config.yml, secrets.yml and a database, and nothing that runs."""
    settings = settings_with(tmp_path, {**NOBODY, "database.url": f"sqlite:///{tmp_path}/3t.db"})
    (tmp_path / "secrets.yml").write_text((ROOT / "secrets.example.yml").read_text())
    settings.state_folder.mkdir()
    create_schema(make_engine(settings, example_secrets(settings)))
    return tmp_path


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--config", str(folder / "config.yml")])


def store(folder: Path) -> SqlCycleStore:
    settings = settings_with(folder, {**NOBODY, "database.url": f"sqlite:///{folder}/3t.db"})
    return SqlCycleStore(make_engine(settings, example_secrets(settings)))


def test_halt_writes_the_file_and_the_row_and_resume_takes_both_away(folder: Path) -> None:
    halted = run(folder, "halt", "going", "home")
    assert halted.exit_code == 0, halted.output
    assert "Nothing that adds risk is sent" in halted.output
    assert "going home" in (folder / "state" / "HALT").read_text()
    assert store(folder).control().halted
    assert "resumed" in run(folder, "resume").output
    assert not (folder / "state" / "HALT").exists()
    assert not store(folder).control().halted


def test_each_command_may_be_given_again(folder: Path) -> None:
    for _ in range(2):
        assert run(folder, "halt", "once").exit_code == 0
    assert "once" in (folder / "state" / "HALT").read_text()
    for _ in range(2):
        assert run(folder, "resume").exit_code == 0
    assert "was not halted" in run(folder, "resume").output


def test_resume_says_that_the_losses_of_before_are_forgotten_also_where_nothing_was_halted(folder: Path) -> None:
    lost = RiskState("0xA", peak=Decimal(100), soft=True)
    with sqlite3.connect(folder / "3t.db") as database:
        database.execute("INSERT INTO platform_state VALUES ('risk', ?)", [TypeAdapter(RiskState).dump_json(lost).decode()])
    assert "was not halted\nThe peak and the losses of before are forgotten" in run(folder, "resume").output
    assert "nothing changed" in run(folder, "resume", "--new-peak").output


def test_halt_works_with_the_database_away_and_warns(folder: Path) -> None:
    (folder / "3t.db").unlink()
    (folder / "3t.db").mkdir()  # nothing can be opened there
    halted = run(folder, "halt", "fire")
    assert halted.exit_code == 0, halted.output
    assert "warning: the database was not told" in halted.output
    assert "fire" in (folder / "state" / "HALT").read_text()


def test_halt_works_without_secrets_and_warns(folder: Path) -> None:
    (folder / "secrets.yml").unlink()
    halted = run(folder, "halt", "fire")
    assert halted.exit_code == 0, halted.output
    assert "warning: the database was not told" in halted.output
    assert "fire" in (folder / "state" / "HALT").read_text()


def test_halt_where_no_file_can_be_written_uses_the_row_and_fails_loudly_without_it(folder: Path) -> None:
    (folder / "state").rmdir()
    (folder / "state").write_text("a file where the folder should be")
    halted = run(folder, "halt", "fire")
    assert halted.exit_code == 0, halted.output
    assert "warning: the halt file could not be written" in halted.output
    assert store(folder).control().halted
    (folder / "3t.db").rename(folder / "away.db")
    (folder / "3t.db").mkdir()
    failed = run(folder, "halt", "fire")
    assert failed.exit_code == 1
    assert "NOT halted" in failed.output


def test_resume_without_a_state_folder_says_so(folder: Path) -> None:
    (folder / "state").rmdir()
    resumed = run(folder, "resume")
    assert resumed.exit_code == 1
    assert "the state folder cannot be used" in resumed.output


def test_resume_with_the_database_away_stays_halted_and_says_so(folder: Path) -> None:
    run(folder, "halt")
    (folder / "3t.db").rename(folder / "away.db")
    (folder / "3t.db").mkdir()
    resumed = run(folder, "resume")
    assert resumed.exit_code == 1
    assert "still halted" in resumed.output
    assert (folder / "state" / "HALT").exists()


def test_adopt_takes_what_the_account_holds_and_says_how_much(folder: Path) -> None:
    early = run(folder, "adopt")
    assert early.exit_code == 1
    assert "nothing to adopt yet" in early.output
    now = datetime.now(UTC)
    held = AccountSnapshot(ACCOUNT, Decimal(100), Decimal(50), Decimal(5), (Position(BTC, Decimal("0.5")),), now, now)
    settings = settings_with(folder, {**NOBODY, "database.url": f"sqlite:///{folder}/3t.db"})
    SqlSnapshotStore(make_engine(settings, example_secrets(settings))).save(held)
    for _ in range(2):
        adopted = run(folder, "adopt")
        assert adopted.exit_code == 0, adopted.output
        assert "with 1 open position;" in adopted.output
    assert store(folder).control().adopted_account == ACCOUNT
    assert store(folder).symbol_states()[BTC].agreed_contracts == Decimal("0.5")


def test_flatten_halts_sets_the_flag_and_says_why_it_is_not_flat(folder: Path) -> None:
    done = run(folder, "flatten", "--timeout", "1", "enough")
    assert done.exit_code == 1
    assert "waiting for the next cycle" in done.output
    assert "not flat after 1 s; it goes on in the background" in done.output
    control = store(folder).control()
    assert control.halted
    assert "enough" in (control.flatten_reason or "")
    run(folder, "resume")
    assert store(folder).control().flatten_reason is None


def test_flatten_in_an_emergency_halts_first_and_says_what_is_missing(folder: Path) -> None:
    (folder / "secrets.yml").unlink()
    refused = run(folder, "flatten", "--emergency", "fire")
    assert refused.exit_code == 2
    assert "secrets.example.yml" in refused.output
    assert "flatten --emergency: fire" in (folder / "state" / "HALT").read_text()


def test_status_with_everything_away_says_so_of_each_part(folder: Path) -> None:
    text = run(folder, "status")
    assert text.exit_code == 0, text.output
    document = json.loads(run(folder, "status", "--json").output)
    said = " ".join(problem["what"] for problem in document["problems"])
    for words in ("Redis cannot be read", "observer a: ", "Providence: ", "no reconcile cycle has run yet"):
        assert words in said
    assert "unknown" in document["account_value"]
    assert "unknown" in document["symbols"][BTC]["price"]
    assert document["halted"]["value"] is False


def test_status_with_the_database_away_shows_what_is_left(folder: Path) -> None:
    (folder / "3t.db").unlink()
    (folder / "3t.db").mkdir()
    shown = run(folder, "status")
    assert shown.exit_code == 0, shown.output
    assert "the database cannot be read" in shown.output


def test_status_is_told_the_config_of_now_by_a_file_or_by_standard_input(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    newest = tmp_path_factory.mktemp("host") / "config.yml"
    newest.write_text((folder / "config.yml").read_text().replace("quorum: 2", "quorum: 3"))
    expected = load_settings(newest).config_hash
    shown = json.loads(run(folder, "status", "--json", "--newest-config", str(newest)).output)
    assert shown["newest_config_hash"] == expected != shown["config_hash"]
    for text, told in ((newest.read_text(), expected), ("exchange: [", None)):
        arguments = ["status", "--json", "--newest-config", "-", "--config", str(folder / "config.yml")]
        shown = json.loads(CliRunner().invoke(main, arguments, input=text).output)
        assert shown["newest_config_hash"] == (told or {"unknown": ANY})
    assert any(problem["what"].startswith("config.yml as it is now would be refused: config.yml, line ") for problem in shown["problems"])


def test_reading_changes_nothing(folder: Path) -> None:
    def content() -> list[str]:
        with contextlib.closing(sqlite3.connect(folder / "3t.db")) as database:
            return list(database.iterdump())

    before = content()
    run(folder, "status")
    assert content() == before


@pytest.mark.parametrize("name", ["status", "halt", "resume", "adopt", "flatten", "demo"])
def test_a_missing_or_broken_config_is_one_message_and_no_traceback(tmp_path: Path, name: str) -> None:
    missing = run(tmp_path, name)
    assert missing.exit_code == 2
    assert str(tmp_path / "config.yml") in missing.output
    (tmp_path / "config.yml").write_text("exchange: [")
    assert run(tmp_path, name).exit_code == 2
    assert "Traceback" not in run(tmp_path, name).output


def test_a_missing_secrets_file_names_its_cure(folder: Path) -> None:
    (folder / "secrets.yml").unlink()
    missing = run(folder, "status")
    assert missing.exit_code == 2
    assert "secrets.example.yml" in missing.output


def test_the_help_lists_every_command() -> None:
    shown = CliRunner().invoke(main, ["--help"]).output
    for name in ("adopt", "demo", "flatten", "halt", "order", "resume", "status"):
        assert f"  {name} " in shown
