"""Reads an observer node over HTTP and believes a report only after every check of it; else says what was wrong."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from threet.application.facts import Observation
from threet.application.ports import Clock, ObserverSequences
from threet.domain.sources import Rejected, Rejection
from threet.domain.values import Known, Symbol, Unknown, symbol
from threet.settings import ObserverNodeSettings, Settings

# What is longer is no report: hundreds of positions fit many times over.
MAX_REPORT_BYTES = 1_000_000
# Counted before parsing: brackets nested deeply enough end the whole process in the parser, where no except can help.
MAX_REPORT_BRACKETS = 100
MAX_SEQUENCE = 2**63 - 1  # of the database's column

Get = Callable[[str, float, int], tuple[int, bytes]]
_DECIMAL = re.compile(r"^-?\d{1,30}(\.\d{1,30})?$")


class ReportRefused(Exception):
    """A report that is not believed, and why."""

    def __init__(self, text: str, kind: Rejection = Rejection.NO_REPORT) -> None:
        super().__init__(text)
        self.kind = kind


class HttpObserver:
    """Fulfils the port ``ObserverNode`` for one node of config.yml. ``get`` is how a node is asked: url, time-out, most bytes."""

    def __init__(
        self,
        node: ObserverNodeSettings,
        account: str,
        sequences: ObserverSequences,
        clock: Clock,
        settings: Settings,
        get: Get | None = None,
    ) -> None:
        self._node = node
        self._account = account
        self._sequences = sequences
        self._clock = clock
        self._timeout = settings.observers.request_timeout_seconds
        self._get = get or bounded_get
        self._key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(node.public_key))

    @property
    def name(self) -> str:
        return self._node.name

    def observe(self) -> Known[Observation] | Unknown:
        """A report made for this question; Unknown names the observer and what was wrong. ``as_of`` is when the observer looked."""
        nonce = secrets.token_hex(16)
        try:
            observation = self._checked(self._fetch(nonce), nonce)
            self._raise_sequence(observation.sequence)
        except (OSError, http.client.HTTPException) as error:
            return Rejected(f"observer {self.name}: no answer ({type(error).__name__})", Rejection.NO_ANSWER)
        except ReportRefused as refusal:
            return Rejected(f"observer {self.name}: {refusal}", refusal.kind)
        return Known(observation, observation.observed_at, self.name)

    def _fetch(self, nonce: str) -> dict[str, Any]:
        status, body = self._get(f"{self._node.url.rstrip('/')}/v1/positions?nonce={nonce}", self._timeout, MAX_REPORT_BYTES + 1)
        if status != 200:
            raise ReportRefused(f"status {status}: {body[:200].decode('utf-8', 'replace')}")
        if len(body) > MAX_REPORT_BYTES:
            raise ReportRefused(f"expected a report of at most {MAX_REPORT_BYTES} bytes, was longer")
        if body.count(b"{") + body.count(b"[") > MAX_REPORT_BRACKETS:
            raise ReportRefused("expected a report of three objects, found a heap of brackets")
        try:
            report = json.loads(body)
        except ValueError:
            raise ReportRefused(f"expected JSON, found {body[:60]!r}") from None
        if not isinstance(report, dict):
            raise ReportRefused(f"expected a JSON object, found {type(report).__name__}")
        return report

    def _checked(self, report: dict[str, Any], nonce: str) -> Observation:
        """Authentic first: nothing that the key did not sign is looked at any further."""
        self._verify(report)
        if report.get("nonce") != nonce:
            raise ReportRefused("the nonce is not the one we sent: an old report", Rejection.REPLAYED)
        if report.get("observer") != self.name:
            raise ReportRefused(f"expected its name, found {str(report.get('observer'))[:40]!r}")
        account = str(report.get("account"))
        if account.lower() != self._account.lower():
            raise ReportRefused(f"of another account ({account[:60]})", Rejection.OTHER_ACCOUNT)
        if not isinstance(report.get("complete"), bool):
            raise ReportRefused("complete: expected true or false")
        return Observation(
            observer=self.name,
            sequence=_sequence(report),
            observed_at=_time(report, "observed_at"),
            exchange_time=_time(report, "exchange_time"),
            account=account,
            complete=report["complete"],
            positions=_amounts(report, "positions"),
            account_value=_decimal(report.get("account_value"), "account_value"),
            mark_prices=_amounts(report, "mark_prices"),
        )

    def _verify(self, report: Mapping[str, Any]) -> None:
        try:
            signature = bytes.fromhex(str(report.get("signature")))
            self._key.verify(signature, canonical_bytes(report))
        except (InvalidSignature, ValueError):
            raise ReportRefused("the signature is not of the public key in config.yml", Rejection.FORGED) from None

    def _raise_sequence(self, sequence: int) -> None:
        """The last check, so that only a report that is right in all else moves the highest sequence."""
        if not self._sequences.raise_to(self._node.public_key, sequence):
            highest = self._sequences.highest(self._node.public_key)
            said = f"sequence {sequence} is not above {highest}, the highest seen: a replay, or a node that lost its state"
            raise ReportRefused(said, Rejection.REPLAYED)


def bounded_get(url: str, timeout_seconds: float, max_bytes: int) -> tuple[int, bytes]:
    """Status and at most ``max_bytes`` of the body, within the time-out for connecting and once more for all the rest.

    A node that hands out a byte now and then cannot hold its caller: ordinary time-outs start anew with each byte.
    Raises OSError or HTTPException.
    """
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout_seconds)
    try:
        connection.connect()
        cut = threading.Timer(timeout_seconds, _shut, [connection.sock])
        cut.daemon = True
        cut.start()
        try:
            connection.request("GET", f"{parts.path}?{parts.query}", headers={"Accept": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read(max_bytes)
        finally:
            cut.cancel()
    finally:
        connection.close()


def _shut(connected: socket.socket) -> None:
    with contextlib.suppress(OSError):  # closed meanwhile
        connected.shutdown(socket.SHUT_RDWR)


def canonical_bytes(report: Mapping[str, Any]) -> bytes:
    """What is signed: the report without its signature, as ASCII JSON with sorted keys and no spaces."""
    unsigned = {key: value for key, value in report.items() if key != "signature"}
    return json.dumps(unsigned, sort_keys=True, separators=(",", ":")).encode("ascii")


def _sequence(report: Mapping[str, Any]) -> int:
    found = report.get("sequence")
    if isinstance(found, bool) or not isinstance(found, int) or not 0 < found <= MAX_SEQUENCE:
        raise ReportRefused(f"sequence: expected a whole number above 0, found {str(found)[:40]!r}")
    return found


def _time(report: Mapping[str, Any], key: str) -> datetime:
    found = report.get(key)
    try:
        at = datetime.fromisoformat(found) if isinstance(found, str) else None
        if at is not None and at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):  # the second: in UTC it lies before the first year or after the last
        pass
    raise ReportRefused(f"{key}: expected an ISO time with a zone, found {str(found)[:40]!r}")


def _decimal(found: object, key: str) -> Decimal:
    if not isinstance(found, str) or not _DECIMAL.match(found):
        raise ReportRefused(f"{key}: expected a decimal string, found {str(found)[:40]!r}")
    return Decimal(found)


def _amounts(report: Mapping[str, Any], key: str) -> dict[Symbol, Decimal]:
    found = report.get(key)
    if not isinstance(found, dict):
        raise ReportRefused(f"{key}: expected an object, found {type(found).__name__}")
    try:
        return {symbol(name): _decimal(value, f"{key}.{name[:40]}") for name, value in found.items()}
    except ValueError as error:
        raise ReportRefused(f"{key}: {error}") from None
