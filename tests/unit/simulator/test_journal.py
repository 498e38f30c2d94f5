"""The state on disk: what was answered is there after a kill, what is torn is left out, what is broken is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from threet.simulator.journal import Journal, StateFolderError, read_state
from threet.simulator.state import dump


def _account(journal: Journal, number: int) -> None:
    journal.commit("account", address=f"0x{number:040x}", master=None)


def test_what_was_flushed_is_read_back_without_a_snapshot(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    _account(journal, 1)
    journal.flush()
    _account(journal, 2)  # not flushed, so never answered
    assert list(read_state(tmp_path).accounts) == [f"0x{1:040x}"]


def test_a_flush_is_on_the_disk_and_not_only_with_the_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path)
    synced: list[int] = []
    monkeypatch.setattr("threet.simulator.journal.os.fsync", synced.append)
    journal.flush()
    assert synced == []
    _account(journal, 1)
    journal.flush()
    assert synced == [journal._file.fileno()]


def test_the_hundred_highest_nonces_of_a_signer_are_kept(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for nonce in [*range(150, 50, -1), 500]:
        journal.commit("nonce", signer="0x1", nonce=nonce)
    assert journal.state.nonces["0x1"] == [*range(52, 151), 500]


def test_events_before_the_snapshot_are_not_applied_twice(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    _account(journal, 1)
    entry = {"time": 1, "hash": "0x", "delta": {}}
    journal.commit("transfer", address=f"0x{1:040x}", usd="5", entry=entry)
    journal.snapshot()
    journal.commit("transfer", address=f"0x{1:040x}", usd="7", entry=entry)
    journal.flush()
    assert read_state(tmp_path).accounts[f"0x{1:040x}"].cash == Decimal(12)


def test_a_torn_last_line_is_left_out_and_written_over(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    _account(journal, 1)
    journal.flush()
    journal._lock.close()
    with (tmp_path / "events.jsonl").open("ab") as file:
        file.write(b'{"seq":2,"kind":"acc')
    again = Journal(tmp_path)
    _account(again, 3)
    again.flush()
    assert list(read_state(tmp_path).accounts) == [f"0x{1:040x}", f"0x{3:040x}"]


def test_a_flush_that_is_torn_between_its_events_is_left_out_whole(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    _account(journal, 1)
    journal.flush()
    whole = (tmp_path / "events.jsonl").read_bytes()
    _account(journal, 2)
    _account(journal, 3)
    journal.flush()
    journal._lock.close()
    torn = (tmp_path / "events.jsonl").read_bytes()
    for size in range(len(whole), len(torn)):
        (tmp_path / "events.jsonl").write_bytes(torn[:size])
        assert list(read_state(tmp_path).accounts) == [f"0x{1:040x}"]
    again = Journal(tmp_path)
    _account(again, 4)
    again.flush()
    assert list(read_state(tmp_path).accounts) == [f"0x{1:040x}", f"0x{4:040x}"]


def test_a_broken_line_inside_is_named_with_its_cure(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text('{"seq":1,"kind":"account","address":"0x1","end":true}\nrubbish\n{"seq":2,"end":true}\n')
    with pytest.raises(StateFolderError, match=r"events\.jsonl: line 2: found no JSON"):
        Journal(tmp_path)


def test_a_second_process_on_one_folder_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    with pytest.raises(StateFolderError, match=r"held by process \d+; stop it or give another --state folder"):
        Journal(tmp_path)
    first.close()
    Journal(tmp_path).close()


def test_a_large_event_file_is_rotated_and_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threet.simulator.journal.ROTATE_BYTES", 1000)
    journal = Journal(tmp_path)
    for number in range(60):
        _account(journal, number)
        if number % 10 == 9:
            journal.snapshot()
    journal.close()
    assert len(read_state(tmp_path).accounts) == 60
    assert (tmp_path / "events.jsonl").stat().st_size < 2000


def test_a_venue_goes_on_with_the_account_it_had(make_desk: Callable[..., Any]) -> None:
    desk = make_desk("same")
    desk.exchange.clock.pause()
    desk.at("BTC", "100000")
    desk.order("BTC", "buy", "0.1", "100100", cloid="0x" + "a" * 32)
    desk.order("ETH", "buy", "1", "1000", "Gtc")
    desk.exchange.journal.flush()
    before = json.dumps(dump(desk.exchange.state))
    desk.venue._journal._lock.close()  # what the kernel does to a killed process
    again = make_desk("same")
    assert json.dumps(dump(again.exchange.state)) == before
    assert not again.exchange.clock.paused
