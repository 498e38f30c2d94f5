"""What each kind of ledger entry moves of the perpetual account; what is not understood is no answer."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from threet.adapters.venue.transfers import parse_transfer
from threet.domain.errors import VenueSilent

ME, OTHER = "0xAb", "0xcd"


def entry(kind: str, **delta: Any) -> dict[str, Any]:
    return {"time": 1_800_000_000_000, "hash": "0x1", "delta": {"type": kind, **delta}}


def send(user: str, destination: str, source: str, target: str, **changes: Any) -> dict[str, Any]:
    base = {"user": user, "destination": destination, "sourceDex": source, "destinationDex": target, "token": "USDC", "amount": "50.5"}
    return entry("send", **{**base, "usdcValue": "50.5", "fee": "1.0", "feeToken": "USDC", "nonce": 1, **changes})


@pytest.mark.parametrize(
    ("told", "usd"),
    [
        (entry("deposit", usdc="5.0"), "5"),
        (entry("withdraw", usdc="5.0", fee="1.0"), "-6"),
        (entry("internalTransfer", user=ME, destination=OTHER, usdc="5.0", fee="1.0"), "-6"),
        (entry("internalTransfer", user=OTHER, destination=ME.lower(), usdc="5.0", fee="1.0"), "5"),
        (entry("accountClassTransfer", usdc="5.0", toPerp=False), "-5"),
        (send(ME, OTHER, "", ""), "-51.5"),
        (send(ME, OTHER, "", "", fee="0.1", feeToken="HYPE"), "-50.5"),
        (send(OTHER, ME, "", ""), "50.5"),
        (send(OTHER, ME, "spot", ""), "50.5"),
        (send(ME, ME, "spot", "", fee="0.0"), "50.5"),
        (send(ME, ME, "", "spot", fee="0.0"), "-50.5"),
        (send(ME, ME, "", "", fee="0.0"), "0"),
        (send(ME, OTHER, "spot", "spot"), "0"),
        (send(ME, OTHER, "spot", "", token="HYPE:0x0d01"), "0"),
        (send(OTHER, ME, "", "xyz"), "0"),
        (entry("liquidation", accountValue="1.0"), None),
        (entry("insuranceFund", usdc="5.0"), None),
        (entry("cStakingTransfer", token="HYPE", amount="1.0", isDeposit=True), None),
    ],
)
def test_what_moves_the_perpetual_account_is_signed_and_what_does_not_is_none(told: Any, usd: str | None) -> None:
    found = parse_transfer(told, ME)
    assert (None if found is None else found.usd) == (None if usd is None else Decimal(usd))


@pytest.mark.parametrize(
    "told",
    [
        entry("somethingNew", usdc="5.0"),
        entry("deposit", usdc=None),
        entry("deposit", usdc=5.5),
        entry("internalTransfer", user=OTHER, destination=OTHER, usdc="5.0"),
        send(OTHER, OTHER, "", ""),
        send(ME, OTHER, "", "", token="HYPE"),
        send(ME, OTHER, "", "", sourceDex=None),
        "nothing",
    ],
)
def test_what_is_not_understood_is_no_answer(told: Any) -> None:
    with pytest.raises(VenueSilent):
        parse_transfer(told, ME)
