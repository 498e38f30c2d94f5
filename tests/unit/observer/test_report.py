"""A report's bytes and its signature, and the sequence that outlives the process."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from threet.adapters.observers import canonical_bytes as readers_bytes
from threet.observer.report import Reading, Signer, canonical_bytes
from threet.observer.sequence import SequenceFile, SequenceUnusable

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
SIGNER = Signer("a", "0xAb", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
READING = Reading(AT, AT, True, {"BTC/USDC:USDC": Decimal("-1E-5")}, Decimal("1E+4"), {"BTC/USDC:USDC": Decimal("99.50")})


def test_a_report_has_the_fields_of_the_contract_as_plain_texts() -> None:
    report = SIGNER.report(READING, 7, "n" * 16)
    signature = report.pop("signature")
    assert len(bytes.fromhex(signature)) == 64
    assert report == {
        "observer": "a",
        "sequence": 7,
        "observed_at": "2026-06-01T12:00:00+00:00",
        "exchange_time": "2026-06-01T12:00:00+00:00",
        "account": "0xAb",
        "complete": True,
        "positions": {"BTC/USDC:USDC": "-0.00001"},
        "account_value": "10000",
        "mark_prices": {"BTC/USDC:USDC": "99.50"},
        "nonce": "n" * 16,
    }


def test_the_canonical_bytes_are_sorted_without_spaces_or_signature() -> None:
    assert canonical_bytes({"b": 1, "a": {"d": "é", "c": True}, "signature": "x"}) == b'{"a":{"c":true,"d":"\\u00e9"},"b":1}'


# What JSON writes in more than one way: quotes, escapes, what is not ASCII. All of Unicode would take seconds to draw from.
texts = st.text('ab"\\\n\x00é\u2028😀', max_size=6)
leaves = texts | st.integers() | st.booleans()


@given(st.dictionaries(texts, st.recursive(leaves, lambda inner: st.dictionaries(texts, inner, max_size=3), max_leaves=6), max_size=4))
def test_node_and_reader_sign_and_check_the_same_bytes(report: dict[str, object]) -> None:
    assert canonical_bytes(report) == readers_bytes(report)


def test_the_signature_is_over_every_field() -> None:
    report = SIGNER.report(READING, 7, "n" * 16)
    public, signature = SIGNER.key.public_key(), bytes.fromhex(report["signature"])
    public.verify(signature, canonical_bytes(report))
    for key in set(report) - {"signature"}:
        with pytest.raises(InvalidSignature):
            public.verify(signature, canonical_bytes({**report, key: "other"}))
        with pytest.raises(InvalidSignature):
            public.verify(signature, canonical_bytes({name: value for name, value in report.items() if name != key}))


def test_the_sequence_is_wall_time_or_one_more_also_after_a_restart(tmp_path: Path) -> None:
    wall = [1000]
    sequence = SequenceFile(tmp_path / "a.sequence", lambda: wall[0])
    assert [sequence.next(), sequence.next()] == [1000, 1001]
    wall[0] = 5000
    assert sequence.next() == 5000
    sequence.close()
    wall[0] = 10
    again = SequenceFile(tmp_path / "a.sequence", lambda: wall[0])
    assert again.next() == 5001
    again.close()


def test_a_second_node_on_the_same_file_is_refused(tmp_path: Path) -> None:
    first = SequenceFile(tmp_path / "a.sequence", lambda: 1)
    with pytest.raises(SequenceUnusable, match="another node with this name"):
        SequenceFile(tmp_path / "a.sequence", lambda: 1)
    first.close()


def test_a_damaged_sequence_is_named_not_started_anew(tmp_path: Path) -> None:
    (tmp_path / "a.sequence").write_text("x1")
    with pytest.raises(SequenceUnusable, match="expected the last sequence as digits, found 'x1'"):
        SequenceFile(tmp_path / "a.sequence", lambda: 1)
