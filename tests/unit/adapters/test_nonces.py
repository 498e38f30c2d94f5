"""The nonce file: numbers that only rise, and one signer."""

from __future__ import annotations

import contextlib
import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from threet.adapters.emergency_files import EmergencyFiles
from threet.adapters.files import emergency_lock
from threet.adapters.venue import turns
from threet.adapters.venue.nonces import NonceFile, NonceUnreadable, SignerLocked
from threet.adapters.venue.turns import TurnTaken

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
NOW_MS = 1_780_315_200_000


class StandingClock:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


def test_nonces_start_at_wall_time_and_rise_within_one_millisecond(tmp_path: Path) -> None:
    nonces = NonceFile(tmp_path / "nonce", StandingClock())
    assert [nonces.next() for _ in range(3)] == [NOW_MS, NOW_MS + 1, NOW_MS + 2]


def test_they_rise_over_a_restart_also_when_the_clock_went_back(tmp_path: Path) -> None:
    (tmp_path / "nonce").write_text(f"{NOW_MS + 5000}\n")
    nonces = NonceFile(tmp_path / "nonce", StandingClock())
    assert nonces.next() == NOW_MS + 5001
    nonces.close()
    assert NonceFile(tmp_path / "nonce", StandingClock()).next() == NOW_MS + 5002


def test_a_nonce_is_on_the_disk_before_it_is_used(tmp_path: Path) -> None:
    nonces = NonceFile(tmp_path / "nonce", StandingClock())
    assert not (tmp_path / "nonce").exists()
    nonce = nonces.next()
    assert (tmp_path / "nonce").read_text() == f"{nonce}\n"


@pytest.mark.parametrize("text", ["", "12a", "-5", "1.5", "٣"])
def test_a_damaged_file_is_refused_not_started_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "nonce").write_text(text)
    with pytest.raises(NonceUnreadable, match="nonce: expected the last nonce as digits"):
        NonceFile(tmp_path / "nonce", StandingClock())
    (tmp_path / "nonce").write_text("7")
    NonceFile(tmp_path / "nonce", StandingClock()).close()  # the refusal left no lock behind


def test_an_emergency_takes_the_turn_from_the_signer_and_both_count_on(tmp_path: Path) -> None:
    signer = NonceFile(tmp_path / "nonce", StandingClock())
    with signer.turn():
        assert signer.next() == NOW_MS
    emergency = NonceFile(tmp_path / "nonce", StandingClock(), emergency_after=5)
    assert emergency.took_from is None
    with pytest.raises(TurnTaken, match=rf"process {os.getpid()} \(an emergency\)"), signer.turn():
        pass
    with emergency.turn():
        assert emergency.next() == NOW_MS + 1
    with pytest.raises(SignerLocked), contextlib.closing(NonceFile(tmp_path / "nonce", StandingClock(), emergency_after=5)):
        pass
    emergency.close()
    with signer.turn():
        assert signer.next() == NOW_MS + 2
    signer.close()


def test_a_cycle_that_just_looks_whether_an_emergency_runs_keeps_none_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its look is a lock for a moment, on the very file that the emergency locks."""
    looking = os.open(emergency_lock(tmp_path / "nonce"), os.O_RDWR | os.O_CREAT)
    fcntl.flock(looking, fcntl.LOCK_EX)
    monkeypatch.setattr(turns, "pause", lambda: os.close(looking))  # the moment is over where the other one waits
    with contextlib.closing(NonceFile(tmp_path / "nonce", StandingClock(), emergency_after=5)):
        assert EmergencyFiles(tmp_path, emergency_lock(tmp_path / "nonce")).waiting() == []


def test_a_holder_that_hangs_loses_the_turn_to_an_emergency_which_names_it(tmp_path: Path) -> None:
    signer = NonceFile(tmp_path / "nonce", StandingClock())
    with signer.turn():
        emergency = NonceFile(tmp_path / "nonce", StandingClock(), emergency_after=0.1)
        assert emergency.took_from == f"process {os.getpid()} (the signer)"
        with emergency.turn():
            assert emergency.next() == NOW_MS
        assert signer.next() == NOW_MS + 1  # what it was about to sign has a number of its own
    with pytest.raises(TurnTaken), signer.turn():
        pass
    emergency.close()
    with signer.turn():
        pass
    signer.close()


def test_a_second_signer_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    first = NonceFile(tmp_path / "nonce", StandingClock())
    with pytest.raises(SignerLocked, match=f"process {os.getpid()} signs already"):
        NonceFile(tmp_path / "nonce", StandingClock())
    first.close()
    first.close()
    NonceFile(tmp_path / "nonce", StandingClock()).close()
