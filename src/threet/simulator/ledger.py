"""The simulator's own books, apart from the venue's API: what a test holds the platform's view against."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from threet.simulator.account import ZERO
from threet.simulator.journal import read_state
from threet.simulator.orders import to_record
from threet.simulator.state import Account, State

MAX_ROWS = 20_000


def ledger(state: State, marks: Mapping[str, Decimal] | None, limit: int = MAX_ROWS) -> dict[str, Any]:
    """Accounts, orders and signed actions, oldest first; decimals as strings. Without marks there is no account value."""
    orders = sorted([*state.closed_orders.values(), *state.open_orders.values()], key=lambda order: order.oid)
    return {
        "seq": state.seq,
        "accounts": {address: _account(account, marks) for address, account in state.accounts.items()},
        "agents": dict(state.agents),
        "orders": [to_record(order) for order in orders][-limit:],
        "actions": list(state.actions)[-limit:],
    }


def read_ledger(folder: Path) -> dict[str, Any]:
    """The books of a simulator that is dead, out of its state folder. Raises StateFolderError."""
    return ledger(read_state(folder), None)


def _account(account: Account, marks: Mapping[str, Decimal] | None) -> dict[str, Any]:
    record: dict[str, Any] = {
        "cash": str(account.cash),
        "positions": {
            coin: {"contracts": str(held.contracts), "average_entry_price": str(held.average_entry_price), "cost": str(held.cost)}
            for coin, held in account.positions.items()
        },
        "spot": {token: str(held.total) for token, held in account.tokens.items()},
        "fills": account.fill_count,
        "actions": account.action_count,
        "master": account.master,
        **{name: str(value) for name, value in account.totals.items()},
    }
    if marks is not None:
        unrealised = sum((held.unrealised_usd(marks[coin]) for coin, held in account.positions.items()), ZERO)
        record |= {"unrealised": str(unrealised), "account_value": str(account.cash + unrealised)}
    return record
