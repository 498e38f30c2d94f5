"""The report of one reading, and its signature."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Reading:
    """What this node saw in one look. ``observed_at`` is its own clock just before it asked, ``exchange_time`` the venue's answer."""

    observed_at: datetime
    exchange_time: datetime
    complete: bool
    positions: Mapping[str, Decimal]
    account_value: Decimal
    mark_prices: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Signer:
    """This node's name, the account it looks at, and its Ed25519 key."""

    name: str
    account: str
    key: Ed25519PrivateKey

    def report(self, reading: Reading, sequence: int, nonce: str) -> dict[str, Any]:
        """JSON-ready; ``signature`` is over the canonical bytes of all else."""
        report: dict[str, Any] = {
            "observer": self.name,
            "sequence": sequence,
            "observed_at": reading.observed_at.isoformat(),
            "exchange_time": reading.exchange_time.isoformat(),
            "account": self.account,
            "complete": reading.complete,
            "positions": _texts(reading.positions),
            "account_value": format(reading.account_value, "f"),
            "mark_prices": _texts(reading.mark_prices),
            "nonce": nonce,
        }
        return {**report, "signature": self.key.sign(canonical_bytes(report)).hex()}


def canonical_bytes(report: Mapping[str, Any]) -> bytes:
    """ASCII JSON with sorted keys and no spaces, without ``signature``."""
    unsigned = {key: value for key, value in report.items() if key != "signature"}
    return json.dumps(unsigned, sort_keys=True, separators=(",", ":")).encode("ascii")


def _texts(amounts: Mapping[str, Decimal]) -> dict[str, str]:
    return {name: format(amount, "f") for name, amount in amounts.items()}
