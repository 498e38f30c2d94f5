"""The reader against nodes that lie, one lie at a time: each is Unknown, with the observer and the reason in it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.support.observer import SEEDS, public_key
from tests.support.sequences import MemorySequences
from tests.support.venue_settings import write_config

from threet.adapters.clock import SystemClock
from threet.adapters.observers import MAX_REPORT_BYTES, HttpObserver, canonical_bytes
from threet.domain.sources import Rejected, Rejection
from threet.domain.values import Known, Symbol, Unknown
from threet.settings import ObserverNodeSettings, load_settings

ACCOUNT = "0x" + "AB" * 20
Report = dict[str, Any]


def honest(nonce: str) -> Report:
    now = datetime.now(UTC).isoformat()
    return {
        "observer": "a",
        "sequence": 100,
        "observed_at": now,
        "exchange_time": now,
        "account": ACCOUNT.lower(),
        "complete": True,
        "positions": {"BTC/USDC:USDC": "-0.5"},
        "account_value": "10000.25",
        "mark_prices": {"BTC/USDC:USDC": "100"},
        "nonce": nonce,
    }


def signed(report: Report, seed: str = SEEDS["a"]) -> Report:
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
    return {**report, "signature": key.sign(canonical_bytes(report)).hex()}


class Node:
    """A node that answers what the test wants: a body made from the nonce, and a status."""

    def __init__(self) -> None:
        self.answer: Callable[[str], tuple[int, bytes]] = lambda nonce: (200, json.dumps(signed(honest(nonce))).encode())
        self.nonces: list[str] = []
        node = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                nonce = parse_qs(urlsplit(self.path).query)["nonce"][0]
                node.nonces.append(nonce)
                status, body = node.answer(nonce)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def says(self, **changes: Any) -> None:
        """From now on: the honest report with ``changes``, signed by the node's own key."""
        self.sends(lambda nonce: signed({**honest(nonce), **changes}))

    def sends(self, make: Callable[[str], Any]) -> None:
        self.answer = lambda nonce: (200, json.dumps(make(nonce)).encode())


@pytest.fixture
def node() -> Iterator[Node]:
    made = Node()
    thread = threading.Thread(target=made.server.serve_forever, args=[0.02])
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def sequences() -> MemorySequences:
    return MemorySequences()


@pytest.fixture
def reader(node: Node, sequences: MemorySequences, tmp_path: Path) -> HttpObserver:
    settings = load_settings(write_config(tmp_path, {"observers": {"request_timeout_seconds": 0.5, "answer_timeout_seconds": 0.4}}))
    entry = ObserverNodeSettings(name="a", url=node.url, public_key=public_key(SEEDS["a"]))
    return HttpObserver(entry, ACCOUNT, sequences, SystemClock(), settings)


def test_an_honest_report_is_believed(node: Node, reader: HttpObserver, sequences: MemorySequences) -> None:
    found = reader.observe()
    assert isinstance(found, Known)
    assert found.source == "a"
    assert found.value.positions == {Symbol("BTC/USDC:USDC"): Decimal("-0.5")}
    assert (found.value.account_value, found.value.sequence, found.value.complete) == (Decimal("10000.25"), 100, True)
    assert found.as_of == found.value.observed_at
    assert sequences.highest(public_key(SEEDS["a"])) == 100


def test_an_incomplete_report_stays_incomplete(node: Node, reader: HttpObserver) -> None:
    node.says(complete=False)
    found = reader.observe()
    assert isinstance(found, Known)
    assert found.value.complete is False


def test_each_question_has_a_nonce_of_its_own(node: Node, reader: HttpObserver) -> None:
    for _ in range(3):
        reader.observe()
    assert len(set(node.nonces)) == 3
    assert min(len(nonce) for nonce in node.nonces) >= 32


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"nonce": "0" * 32}, "nonce"),
        ({"observer": "b"}, "expected its name"),
        ({"account": "0x" + "cd" * 20}, "another account"),
        ({"complete": "yes"}, "complete"),
        ({"sequence": 0}, "sequence"),
        ({"sequence": "100"}, "sequence"),
        ({"sequence": True}, "sequence"),
        ({"sequence": 2**63}, "sequence"),
        ({"observed_at": "2026-06-01T12:00:00"}, "observed_at"),
        ({"observed_at": 5}, "observed_at"),
        ({"exchange_time": "yesterday"}, "exchange_time"),
        ({"exchange_time": "0001-01-01T00:00:00+23:59"}, "exchange_time"),
        ({"observed_at": "9999-12-31T23:59:59-23:59"}, "observed_at"),
        ({"positions": {f"{'A' * 55}/USDC:USDC": "1"}}, "BASE/QUOTE:SETTLE"),
        ({"positions": {"BTC/USDC:USDC\n": "1"}}, "BASE/QUOTE:SETTLE"),
        ({"positions": None}, "positions"),
        ({"positions": []}, "positions"),
        ({"positions": {"BTC": "1"}}, "BASE/QUOTE:SETTLE"),
        ({"positions": {"BTC/USDC:USDC": 1}}, "decimal string"),
        ({"positions": {"BTC/USDC:USDC": 0.5}}, "decimal string"),
        ({"positions": {"BTC/USDC:USDC": "NaN"}}, "decimal string"),
        ({"positions": {"BTC/USDC:USDC": "1e999999"}}, "decimal string"),
        ({"positions": {"BTC/USDC:USDC": None}}, "decimal string"),
        ({"account_value": None}, "account_value"),
        ({"mark_prices": {"BTC/USDC:USDC": "x"}}, "mark_prices"),
    ],
)
def test_a_signed_report_that_is_wrong_is_unknown(
    node: Node, reader: HttpObserver, sequences: MemorySequences, changes: Report, reason: str
) -> None:
    node.says(**changes)
    found = reader.observe()
    assert isinstance(found, Unknown)
    assert found.reason.startswith("observer a: ")
    assert reason in found.reason
    assert sequences.seen == {}


@pytest.mark.parametrize("key", ["positions", "account_value", "sequence", "observed_at", "exchange_time", "complete", "mark_prices"])
def test_a_report_without_a_field_is_unknown(node: Node, reader: HttpObserver, key: str) -> None:
    node.sends(lambda nonce: signed({name: value for name, value in honest(nonce).items() if name != key}))
    found = reader.observe()
    assert isinstance(found, Unknown)
    assert key in found.reason


@pytest.mark.parametrize(
    "forge",
    [
        lambda report: signed(report, SEEDS["b"]),
        lambda report: {**signed(report), "positions": {}},
        lambda report: {**signed(report), "signature": "00" * 64},
        lambda report: {**signed(report), "signature": None},
        lambda report: {**signed(report), "extra": 1},
        lambda report: report,
    ],
)
def test_what_the_key_did_not_sign_is_unknown(
    node: Node, reader: HttpObserver, sequences: MemorySequences, forge: Callable[[Report], Report]
) -> None:
    node.sends(lambda nonce: forge({**honest(nonce), "sequence": 10**15}))
    found = reader.observe()
    assert isinstance(found, Rejected)
    assert found.kind is Rejection.FORGED
    assert "signature" in found.reason
    assert sequences.seen == {}


def test_a_sequence_that_does_not_rise_is_a_replay(node: Node, reader: HttpObserver, sequences: MemorySequences) -> None:
    assert isinstance(reader.observe(), Known)
    for sequence in (100, 99):
        node.says(sequence=sequence)
        found = reader.observe()
        assert isinstance(found, Rejected)
        assert found.kind is Rejection.REPLAYED
        assert "not above 100" in found.reason
    node.says(sequence=101)
    assert isinstance(reader.observe(), Known)


def test_an_old_report_shown_again_is_unknown(node: Node, reader: HttpObserver) -> None:
    kept = signed(honest("f" * 32))
    node.sends(lambda nonce: kept)
    found = reader.observe()
    assert isinstance(found, Unknown)
    assert "nonce" in found.reason


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (503, b'{"error": "no reading"}', "status 503"),
        (302, b"", "status 302"),
        (200, b"", "expected JSON"),
        (200, b"<html>", "expected JSON"),
        (200, b"[1]", "expected a JSON object"),
        (200, b"null", "expected a JSON object"),
        (200, b"[" * 200_000, "a heap of brackets"),
        (200, b'{"a": "' + b"x" * MAX_REPORT_BYTES + b'"}', "at most"),
    ],
)
def test_what_is_no_report_is_unknown(node: Node, reader: HttpObserver, status: int, body: bytes, reason: str) -> None:
    node.answer = lambda nonce: (status, body)
    found = reader.observe()
    assert isinstance(found, Unknown)
    assert reason in found.reason


def test_a_node_that_does_not_answer_in_time_is_unknown(node: Node, reader: HttpObserver) -> None:
    wait = threading.Event()

    def hang(nonce: str) -> tuple[int, bytes]:
        wait.wait(5)
        return 200, b""

    node.answer = hang
    found = reader.observe()
    wait.set()
    assert isinstance(found, Rejected)
    assert found.kind is Rejection.NO_ANSWER
    assert "observer a: no answer" in found.reason


def test_a_node_that_is_not_there_is_unknown(node: Node, reader: HttpObserver, sequences: MemorySequences, tmp_path: Path) -> None:
    settings = load_settings(write_config(tmp_path / "x", {}))
    entry = ObserverNodeSettings(name="c", url="http://127.0.0.1:9", public_key=public_key(SEEDS["c"]))
    found = HttpObserver(entry, ACCOUNT, sequences, SystemClock(), settings).observe()
    assert isinstance(found, Unknown)
    assert found.reason.startswith("observer c: no answer")


def test_a_node_that_hands_out_a_byte_now_and_then_does_not_hold_its_caller(
    node: Node, reader: HttpObserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = threading.Event()

    def drip(self: BaseHTTPRequestHandler) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        try:
            while not done.wait(0.1):
                self.wfile.write(b" ")
        except OSError:
            done.set()  # the caller is gone

    monkeypatch.setattr(node.server.RequestHandlerClass, "do_GET", drip)
    started = time.monotonic()
    found = reader.observe()
    assert time.monotonic() - started < 1.5
    assert isinstance(found, Unknown)
    done.set()
