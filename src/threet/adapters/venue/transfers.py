"""The venue's record of money that came to the perpetual account or left it, as signed USD."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from threet.adapters.venue.reading import decimal_field, field, garbled, text_field, time_field
from threet.domain.drawdown import Transfer

_WHAT = "userNonFundingLedgerUpdates"


def parse_transfer(entry: Any, account: str) -> Transfer | None:
    """One entry; None where it moves no money of the perpetual account. A kind that is not known makes it no answer: raises VenueSilent."""
    delta = field(entry, "delta", _WHAT)
    kind = text_field(delta, "type", _WHAT)
    if kind in _ELSEWHERE:
        return None
    if kind not in _KINDS:
        raise garbled(f"{_WHAT}.type", f"one of {sorted({*_KINDS, *_ELSEWHERE})}", kind)
    at = time_field(entry, "time", _WHAT)
    # Two updates may share a transaction, and two transactions a millisecond.
    name = f"{field(entry, 'time', _WHAT)}:{text_field(entry, 'hash', _WHAT)}:{kind}"
    return Transfer(name, at, _KINDS[kind](delta, account.lower()))


def _usdc(delta: Any) -> Decimal:
    return decimal_field(delta, "usdc", _WHAT)


def _withdrawn(delta: Any, account: str) -> Decimal:
    return -_usdc(delta) - decimal_field(delta, "fee", _WHAT)


def _between_accounts(delta: Any, account: str) -> Decimal:
    """Out of ``user``, who pays the fee where there is one, to ``destination``."""
    giver, taker = _address(delta, "user"), _address(delta, "destination")
    if account == giver:
        return -_usdc(delta) - (decimal_field(delta, "fee", _WHAT) if "fee" in delta else 0)
    if account == taker:
        return _usdc(delta)
    raise garbled(_WHAT, f"a transfer of {account}", delta)


def _between_sides(delta: Any, account: str) -> Decimal:
    to_perpetuals = field(delta, "toPerp", _WHAT)
    if not isinstance(to_perpetuals, bool):
        raise garbled(f"{_WHAT}.toPerp", "true or false", to_perpetuals)
    return _usdc(delta) if to_perpetuals else -_usdc(delta)


def _sent(delta: Any, account: str) -> Decimal:
    """Out of a book of ``user`` into one of ``destination``, which may be the same account. The one that we trade has no name."""
    amount, moved = decimal_field(delta, "amount", _WHAT), Decimal(0)
    giver, taker = _address(delta, "user"), _address(delta, "destination")
    source, target = field(delta, "sourceDex", _WHAT), field(delta, "destinationDex", _WHAT)
    if account not in (giver, taker):
        raise garbled(_WHAT, f"a transfer of {account}", delta)
    if (taker, target) == (account, _PERPETUALS):
        moved += amount
    if (giver, source) == (account, _PERPETUALS):
        moved -= amount + (decimal_field(delta, "fee", _WHAT) if delta.get("feeToken") == _MONEY else 0)
    if moved != 0 and text_field(delta, "token", _WHAT).partition(":")[0] != _MONEY:
        raise garbled(f"{_WHAT}.token", _MONEY, delta["token"])
    return moved


def _address(delta: Any, key: str) -> str:
    return text_field(delta, key, _WHAT).lower()


_PERPETUALS, _MONEY = "", "USDC"
_KINDS: Mapping[str, Callable[[Any, str], Decimal]] = {
    "deposit": lambda delta, _: _usdc(delta),
    "withdraw": _withdrawn,
    "internalTransfer": _between_accounts,
    "send": _sent,
    "subAccountTransfer": _between_accounts,
    "accountClassTransfer": _between_sides,
    "vaultCreate": lambda delta, _: -_usdc(delta),
    "vaultDeposit": lambda delta, _: -_usdc(delta),
    "vaultDistribution": lambda delta, _: _usdc(delta),
    "vaultLeaderCommission": lambda delta, _: _usdc(delta),
    "vaultWithdraw": lambda delta, _: decimal_field(delta, "netWithdrawnUsd", _WHAT),
}
_ELSEWHERE = frozenset({"liquidation", "insuranceFund", "spotTransfer", "spotGenesis", "rewardsClaim", "cStakingTransfer"})
"""A liquidation is a loss and no transfer, with what the simulator adds where it went below zero; the others move what lies outside of the
perpetual account."""
