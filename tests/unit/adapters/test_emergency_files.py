"""The files of an emergency: each line on the disk before the next step, and what a crash leaves of them."""

from __future__ import annotations

import fcntl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from threet.adapters.emergency_files import EmergencyFile, EmergencyFiles, read_file
from threet.application.emergency_import import EmergencyOrder, as_order, import_emergencies
from threet.application.facts import OrderAnswer
from threet.application.store import OrderRecord
from threet.domain.values import OrderState, Side, symbol

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
INTENT, UNKNOWN, REJECTED, ACCEPTED = OrderState.INTENT, OrderState.UNKNOWN, OrderState.REJECTED, OrderState.ACCEPTED
FILLED = OrderAnswer(OrderState.FILLED, "77", Decimal("0.500"), Decimal("100.25"), "filled")


def order(number: int = 1) -> OrderRecord:
    expires_at = NOW + timedelta(seconds=8)
    return OrderRecord(
        f"0x{number}", 0, symbol("BTC/USDC:USDC"), Side.SELL, Decimal("0.500"), Decimal("99.5"), True, INTENT, expires_at, NOW, "fire"
    )


class Store:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.orders: dict[str, OrderRecord] = {}

    def import_orders(self, orders: Sequence[OrderRecord]) -> int:
        new = {one.client_order_id: one for one in orders if one.client_order_id not in self.orders}
        self.orders |= new
        return len(new)


def written(folder: Path) -> EmergencyFile:
    file = EmergencyFile(folder, "20260601T120000Z-1", {"by": "ann", "why": "fire", "account": "0xabc"})
    file.intent(order(1))
    file.answer("0x1", OrderState.FILLED, FILLED, "filled")
    file.intent(order(2))
    return file


def test_what_was_written_is_read_to_the_digit(tmp_path: Path) -> None:
    found = read_file(written(tmp_path).path)
    assert found == [EmergencyOrder(order(1), OrderState.FILLED, FILLED, "filled"), EmergencyOrder(order(2), INTENT, None, "")]
    assert str(found[0].order.contracts) == "0.500"


def test_every_cut_of_the_file_is_read_and_no_order_that_may_have_been_sent_is_lost(tmp_path: Path) -> None:
    whole = written(tmp_path).path.read_bytes()
    first_intent = whole.index(b"\n", whole.index(b'{"intent"')) + 1
    cut = tmp_path / "cut.jsonl"
    for end in range(len(whole) + 1):
        cut.write_bytes(whole[:end])
        found = read_file(cut)
        assert len(found) == (end >= first_intent) + (end == len(whole))


def test_a_garbled_line_is_named(tmp_path: Path) -> None:
    path = written(tmp_path).path
    path.write_text(path.read_text().replace('"state":"FILLED"', '"state":"MAYBE"', 1))
    with pytest.raises(ValueError, match=r"20260601T120000Z-1\.jsonl, line 3: expected a line that an emergency wrote"):
        read_file(path)
    store = Store()
    assert "line 3" in str(import_emergencies(EmergencyFiles(tmp_path, tmp_path / "lock"), store))
    assert store.orders == {}
    assert path.exists()


def test_import_takes_all_and_puts_the_file_aside_once_nobody_writes_it(tmp_path: Path) -> None:
    file, store, lock = written(tmp_path), Store(), tmp_path / "lock"
    records = EmergencyFiles(tmp_path, lock)
    with lock.open("w") as running:
        fcntl.flock(running, fcntl.LOCK_EX)
        assert import_emergencies(records, store) is None
        assert set(store.orders) == {"0x1", "0x2"}
        file.intent(order(3))
    assert file.path.exists()
    for _ in range(2):
        assert import_emergencies(records, store) is None
    assert set(store.orders) == {"0x1", "0x2", "0x3"}
    assert not file.path.exists()
    assert (tmp_path / "emergency" / "imported" / file.path.name).exists()


def test_without_a_folder_there_is_nothing_to_do(tmp_path: Path) -> None:
    assert import_emergencies(EmergencyFiles(tmp_path, tmp_path / "lock"), Store()) is None


@pytest.mark.parametrize(
    ("state", "answer", "expected", "filled"),
    [
        (INTENT, None, UNKNOWN, "0"),
        (UNKNOWN, None, UNKNOWN, "0"),
        (REJECTED, None, REJECTED, "0"),
        (OrderState.FILLED, FILLED, ACCEPTED, "0.500"),
        (OrderState.CANCELLED, OrderAnswer(OrderState.CANCELLED, "77", Decimal("0.1"), Decimal(100), "part"), ACCEPTED, "0.1"),
    ],
)
def test_an_order_is_recorded_as_the_cycle_itself_would(
    state: OrderState, answer: OrderAnswer | None, expected: OrderState, filled: str
) -> None:
    made = as_order(EmergencyOrder(order(), state, answer, "said"))
    assert (made.state, str(made.filled_contracts)) == (expected, filled)
    assert (made.settled_at is not None) is made.state.is_final
