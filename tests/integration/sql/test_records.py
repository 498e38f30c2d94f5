"""Snapshots, products, sequences, services, symbol states and decisions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine, func, select
from tests.integration.sql.facts import ACCOUNT, BTC, ETH, NOON, decision, order, seconds, snapshot

from threet.adapters.sql import SqlCycleStore, SqlObserverSequences, SqlProducts, SqlSnapshotStore
from threet.adapters.sql.tables import balance_history, instruments, position_snapshots, products
from threet.adapters.sql.types import PROSE_CHARACTERS
from threet.application.store import IntentRefused, ServiceReport
from threet.domain.symbol_state import SymbolState
from threet.domain.values import Known, Position, Symbol, Unknown


def test_a_snapshot_is_read_back_as_one(engine: Engine, store: SqlCycleStore) -> None:
    SqlSnapshotStore(engine).save(snapshot())
    latest = store.snapshot(ACCOUNT)
    assert latest == Known(snapshot(), snapshot().observed_at, "local")


def test_without_a_snapshot_the_account_is_unknown_and_not_flat(engine: Engine) -> None:
    assert isinstance(SqlSnapshotStore(engine).latest(ACCOUNT), Unknown)


def test_another_accounts_snapshot_is_not_ours(engine: Engine) -> None:
    SqlSnapshotStore(engine).save(snapshot(account="0xother"))
    assert isinstance(SqlSnapshotStore(engine).latest(ACCOUNT), Unknown)


def test_an_empty_snapshot_is_flat(engine: Engine) -> None:
    SqlSnapshotStore(engine).save(snapshot())
    SqlSnapshotStore(engine).save(snapshot(positions=()))
    latest = SqlSnapshotStore(engine).latest(ACCOUNT)
    assert isinstance(latest, Known)
    assert latest.value.positions == ()


def test_an_incomplete_snapshot_is_not_read(engine: Engine) -> None:
    SqlSnapshotStore(engine).save(snapshot())
    with engine.begin() as connection:
        connection.execute(position_snapshots.update().values(complete=False))
    assert isinstance(SqlSnapshotStore(engine).latest(ACCOUNT), Unknown)


def test_a_snapshot_that_cannot_be_written_whole_leaves_nothing(engine: Engine) -> None:
    twice = (Position(BTC, Decimal(1)), Position(BTC, Decimal(2)))
    with pytest.raises(Exception, match=r"(?i)unique|duplicate"):
        SqlSnapshotStore(engine).save(snapshot(positions=twice))
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(balance_history)).scalar_one() == 0
        assert connection.execute(select(func.count()).select_from(position_snapshots)).scalar_one() == 0


@pytest.mark.parametrize(
    "text", ["0", "-0.25", "1E+3", "1e-18", "99999999999999999999.999999999999999999", "0.1", "-12345678901.123456789012345678", "1.50"]
)
def test_money_comes_back_exact(engine: Engine, text: str) -> None:
    SqlSnapshotStore(engine).save(snapshot(account_value=Decimal(text)))
    latest = SqlSnapshotStore(engine).latest(ACCOUNT)
    assert isinstance(latest, Known)
    assert latest.value.account_value == Decimal(text)
    assert "E" not in str(latest.value.account_value) or Decimal(text).adjusted() < -6


@pytest.mark.parametrize(("given", "kept"), [("0.0000000000000000005", "0"), ("0.0000000000000000015", "2e-18"), ("1e-30", "0")])
def test_the_nineteenth_decimal_is_rounded_half_even_on_both(engine: Engine, given: str, kept: str) -> None:
    SqlSnapshotStore(engine).save(snapshot(account_value=Decimal(given)))
    latest = SqlSnapshotStore(engine).latest(ACCOUNT)
    assert isinstance(latest, Known)
    assert latest.value.account_value == Decimal(kept)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e20"])
def test_what_is_no_amount_is_refused(engine: Engine, text: str) -> None:
    with pytest.raises(Exception, match="expected money below"):
        SqlSnapshotStore(engine).save(snapshot(account_value=Decimal(text)))


def test_times_come_back_in_utc_to_the_microsecond(engine: Engine) -> None:
    elsewhere = datetime.fromisoformat("2026-06-01T14:00:00.000001+02:00")
    SqlSnapshotStore(engine).save(snapshot(observed_at=elsewhere))
    latest = SqlSnapshotStore(engine).latest(ACCOUNT)
    assert isinstance(latest, Known)
    assert latest.as_of == elsewhere
    assert latest.as_of.tzinfo is UTC


def test_the_seed_products(engine: Engine, store: SqlCycleStore) -> None:
    symbols = [product.symbol for product in SqlProducts(engine).all()]
    assert symbols == ["BTC/USDC:USDC", "ETH/USDC:USDC", "SOL/USDC:USDC", "DOGE/USDC:USDC"]
    assert store.products() == SqlProducts(engine).all()


def test_a_new_product_is_there_at_the_next_reading(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(instruments.insert(), {"id": 9, "name": "kPEPE"})
        row = {"instrument_id": 9, "exchange_id": 1, "symbol": "KPEPE/USDC:USDC", "product_type": "PERP", "max_leverage": 10}
        connection.execute(products.insert(), row)
    newest = SqlProducts(engine).all()[-1]
    assert (newest.symbol, newest.instrument, newest.max_leverage) == ("KPEPE/USDC:USDC", "kPEPE", 10)


def test_symbols_that_differ_in_case_are_two(engine: Engine) -> None:
    with engine.begin() as connection:
        row = {"instrument_id": 1, "exchange_id": 1, "symbol": "btc/USDC:USDC", "product_type": "PERP", "max_leverage": 10}
        connection.execute(products.insert(), row)
    assert len(SqlProducts(engine).all()) == 5


def test_the_same_symbol_twice_is_refused(engine: Engine) -> None:
    row = {"instrument_id": 1, "exchange_id": 1, "symbol": BTC, "product_type": "PERP", "max_leverage": 10}
    with pytest.raises(Exception, match=r"(?i)unique|duplicate"), engine.begin() as connection:
        connection.execute(products.insert(), row)


def test_a_sequence_only_rises(engine: Engine) -> None:
    sequences = SqlObserverSequences(engine)
    assert sequences.highest("key") == 0
    assert sequences.raise_to("key", 5)
    assert not sequences.raise_to("key", 5)
    assert not sequences.raise_to("key", 4)
    assert sequences.highest("key") == 5
    assert sequences.raise_to("key", 1_800_000_000_000)
    assert sequences.raise_to("other", 1)
    assert (sequences.highest("key"), sequences.highest("other")) == (1_800_000_000_000, 1)


def test_services_report_and_are_forgotten(store: SqlCycleStore) -> None:
    report = ServiceReport("providence-0", "ab" * 32, 1, "dev", NOON)
    store.report_service(report)
    store.report_service(replace(report, seen_at=NOON + seconds(1)))
    assert store.services() == [replace(report, seen_at=NOON + seconds(1))]
    store.forget_service("providence-0")
    assert store.services() == []


def test_symbol_states_are_replaced_one_by_one(store: SqlCycleStore) -> None:
    first = SymbolState(BTC, Decimal("0.5"), NOON, "moved by somebody", NOON, 2, needs_person=True, hold_since=NOON, dust=True)
    assert store.save_symbol_states([], read={}) == []
    assert store.save_symbol_states([first, SymbolState(ETH)], read={}) == []
    changed = replace(first, lock_reason=None, locked_at=None, agreed_contracts=Decimal(0))
    assert store.save_symbol_states([changed], read=store.symbol_states()) == []
    assert store.symbol_states() == {
        BTC: replace(first, lock_reason=None, locked_at=None, agreed_contracts=Decimal(0)),
        ETH: SymbolState(ETH),
    }


def test_a_symbol_state_that_somebody_else_has_written_stays(store: SqlCycleStore) -> None:
    ours, theirs = SymbolState(BTC, Decimal(1), NOON), SymbolState(BTC, Decimal(2), NOON)
    before = store.symbol_states()
    store.save_symbol_states([theirs], read=before)
    assert store.save_symbol_states([ours, SymbolState(ETH)], read=before) == [BTC]
    assert store.symbol_states() == {BTC: theirs, ETH: SymbolState(ETH)}


def test_a_cycle_without_its_lease_writes_no_symbol_state(store: SqlCycleStore) -> None:
    old = store.acquire_lease("reconcile", "one", 60)
    assert old is not None
    store.release_lease(old)
    new = store.acquire_lease("reconcile", "two", 60)
    with pytest.raises(IntentRefused, match="belongs to another"):
        store.save_symbol_states([SymbolState(BTC)], read={}, lease=old)
    assert store.symbol_states() == {}
    assert store.save_symbol_states([SymbolState(BTC)], read={}, lease=new) == []


def test_decisions_come_newest_first(store: SqlCycleStore) -> None:
    for number in (1, 2, 3):
        store.save_decision(decision(number))
    assert store.decisions(2) == [decision(3), decision(2)]


def test_a_decision_saved_again_replaces_the_first(store: SqlCycleStore) -> None:
    store.save_decision(decision(1))
    store.save_decision(decision(1, status="traded"))
    assert [one.status for one in store.decisions(9)] == ["traded"]


def test_a_large_decision_fits(store: SqlCycleStore) -> None:
    inputs = {f"S{number}/USDC:USDC": "x" * 1000 for number in range(500)}
    store.save_decision(decision(1, inputs=inputs))
    assert store.decisions(1)[0].inputs == inputs


def test_what_json_has_no_form_for_is_refused(store: SqlCycleStore) -> None:
    with pytest.raises(Exception, match="Decimal"):
        store.save_decision(decision(1, inputs={"price": Decimal(1)}))
    assert store.decisions(1) == []


def test_an_unlisted_looking_symbol_is_given_as_it_stands(engine: Engine) -> None:
    with engine.begin() as connection:
        row = {"instrument_id": 1, "exchange_id": 1, "symbol": "not a symbol", "product_type": "PERP", "max_leverage": 10}
        connection.execute(products.insert(), row)
    assert SqlProducts(engine).all()[-1].symbol == Symbol("not a symbol")


def test_snapshot_ids_rise(engine: Engine) -> None:
    snapshots = SqlSnapshotStore(engine)
    first, second = snapshots.save(snapshot()), snapshots.save(snapshot(exchange_time=NOON - timedelta(hours=1)))
    assert second > first
    latest = snapshots.latest(ACCOUNT)
    assert isinstance(latest, Known)
    assert latest.value.exchange_time == NOON - timedelta(hours=1)


def test_words_that_are_too_long_for_their_column_are_cut_and_keep_nothing_from_being_written(store: SqlCycleStore) -> None:
    """Two hundred symbols that each hold for a long reason once kept the whole cycle from being recorded, and from settling the next."""
    long = "ü" * 100_000
    store.save_decision(decision(1, reason=long))
    assert store.decisions(1)[0].reason == long[:PROSE_CHARACTERS]
    assert store.save_symbol_states([SymbolState(BTC, lock_reason=long, lock_sources=long, unlocked=long)], read={}) == []
    assert store.symbol_states()[BTC].lock_sources == long[:PROSE_CHARACTERS]
    assert store.import_orders([order(reason=long, text=long)]) == 1
    assert store.orders(1)[0].text == long[:PROSE_CHARACTERS]
