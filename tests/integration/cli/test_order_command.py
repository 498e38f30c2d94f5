"""`3t order resolve` as a person gives it: what it takes, what it refuses, what it leaves behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.support.settings import ROOT, example_secrets, settings_with

from threet.adapters.sql import SqlCycleStore, SqlSnapshotStore, create_schema, make_engine
from threet.application.facts import AccountSnapshot
from threet.application.store import OrderRecord
from threet.cli.main import main
from threet.domain.values import OrderState, Side, symbol

ACCOUNT = "0x2b6C95016B295dB8AC4ccbB688cc774d9CCcCF80"
ORDER = "0x" + "a" * 32


@pytest.fixture
def store(tmp_path: Path) -> SqlCycleStore:
    """With one order that was accepted and has expired, and a look at the account after that."""
    settings = settings_with(tmp_path, {"database.url": f"sqlite:///{tmp_path}/3t.db"})
    (tmp_path / "secrets.yml").write_text((ROOT / "secrets.example.yml").read_text())
    engine = make_engine(settings, example_secrets(settings))
    create_schema(engine)
    now, size = datetime.now(UTC), Decimal("0.01")
    SqlSnapshotStore(engine).save(AccountSnapshot(ACCOUNT, Decimal(100), Decimal(50), Decimal(0), (), now, now))
    past = now - timedelta(minutes=1)
    made = SqlCycleStore(engine)
    made.import_orders(
        [OrderRecord(ORDER, 1, symbol("BTC/USDC:USDC"), Side.BUY, size, Decimal(1), False, OrderState.ACCEPTED, past, past, "why")]
    )
    return made


def resolve(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["order", "resolve", *arguments, "--config", str(folder / "config.yml")])


def test_it_ends_the_order_and_names_who_and_why(store: SqlCycleStore, tmp_path: Path) -> None:
    done = resolve(tmp_path, ORDER, "--as", "not-executed", "asked", "the", "venue")
    assert done.exit_code == 0, done.output
    assert "ended as NOT_EXECUTED" in done.output
    [order] = store.orders(1)
    assert order.state is OrderState.NOT_EXECUTED
    assert "not executed, because asked the venue" in order.text
    again = resolve(tmp_path, ORDER, "--as", "not-executed", "again")
    assert again.exit_code == 1
    assert "found 0" in again.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([ORDER, "--as", "not-executed"], "Missing argument"),
        ([ORDER, "why"], "Missing option '--as'"),
        ([ORDER, "--as", "executed", "why"], "expected --contracts"),
        ([ORDER, "--as", "executed", "--contracts", "NaN", "why"], "expected --contracts"),
        ([ORDER, "--as", "not-executed", "--contracts", "1", "why"], "goes with --as executed"),
        ([ORDER, "--as", "executed", "--contracts", "1", "why"], "expected executed contracts of 0 to 0.01"),
        (["0xb", "--as", "not-executed", "why"], ORDER),
    ],
)
def test_what_it_refuses_changes_nothing(store: SqlCycleStore, tmp_path: Path, arguments: list[str], said: str) -> None:
    refused = resolve(tmp_path, *arguments)
    assert refused.exit_code != 0
    assert said in refused.output
    assert store.orders(1)[0].state is OrderState.ACCEPTED
