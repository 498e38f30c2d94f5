"""`3t lock` and `3t unlock` as a person gives them: what they take, what they refuse, what they leave behind."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.support.settings import ROOT, example_secrets, settings_with

from threet.adapters.sql import SqlCycleStore, create_schema, make_engine
from threet.cli.lock.duration import seconds_of
from threet.cli.main import main
from threet.domain.symbol_state import SymbolState
from threet.domain.values import symbol

BTC = symbol("BTC/USDC:USDC")


@pytest.fixture
def store(tmp_path: Path) -> SqlCycleStore:
    settings = settings_with(tmp_path, {"database.url": f"sqlite:///{tmp_path}/3t.db"})
    (tmp_path / "secrets.yml").write_text((ROOT / "secrets.example.yml").read_text())
    engine = make_engine(settings, example_secrets(settings))
    create_schema(engine)
    return SqlCycleStore(engine)


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--config", str(folder / "config.yml")])


def test_a_lock_names_who_why_and_until_when_and_unlock_opens_it(store: SqlCycleStore, tmp_path: Path) -> None:
    before = store.now()
    done = run(tmp_path, "lock", BTC, "--for", "1h", "news", "at", "one")
    assert done.exit_code == 0, done.output
    state = store.symbol_states()[BTC]
    assert state.manual_reason == "news at one"
    assert "@" in (state.manual_by or "")
    assert state.manual_until is not None
    assert before + timedelta(hours=1) <= state.manual_until <= store.now() + timedelta(hours=1)
    assert f"{BTC} is locked: by {state.manual_by} until" in done.output
    opened = run(tmp_path, "unlock", BTC, "over")
    assert opened.exit_code == 0, opened.output
    assert "it was locked: by" in opened.output
    state = store.symbol_states()[BTC]
    assert not state.locked
    assert ": over; it was locked: by" in (state.unlocked or "")
    assert "was not locked; nothing changed" in run(tmp_path, "unlock", BTC).output


def test_unlock_is_a_persons_word_too_where_the_fills_make_another_position_than_the_sources(store: SqlCycleStore, tmp_path: Path) -> None:
    """The lock of that change may have opened by itself long before."""
    agreed = SymbolState(BTC, agreed_contracts=Decimal(1), astray_contracts=Decimal(-2))
    assert store.save_symbol_states([agreed], read={}) == []
    opened = run(tmp_path, "unlock", BTC, "seen", "at", "the", "venue")
    assert "it was not locked, but the fills made it 3" in opened.output
    state = store.symbol_states()[BTC]
    assert (state.agreed_contracts, state.astray_contracts) == (Decimal(1), Decimal(0))
    assert "seen at the venue" in (state.unlocked or "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lock", BTC, "news"], "Missing option '--for'"),
        (["lock", BTC, "--for", "1h"], "Missing argument"),
        (["lock", BTC, "--for", "an hour", "news"], "expected a time such as"),
        (["lock", BTC, "--for", "0m", "news"], "expected a time such as"),
        (["lock", "BTC", "--for", "1h", "news"], "not locked: expected one of"),
        (["unlock", "BTC"], "not unlocked: expected one of"),
    ],
)
def test_what_is_refused_changes_nothing(store: SqlCycleStore, tmp_path: Path, arguments: list[str], said: str) -> None:
    refused = run(tmp_path, *arguments)
    assert refused.exit_code != 0
    assert said in refused.output
    assert store.symbol_states() == {}


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("1h", 3600), ("2d", 172_800), (" 5M ", 300)])
def test_a_time_as_a_person_writes_it(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds
