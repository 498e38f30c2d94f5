"""Everything the venue must not forget, as a fold over events: the same events give the same accounts, in any process.

An event is a JSON object with `seq` and `kind`. Nothing here decides anything: that is done before an event is written.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from threet.simulator.account import ZERO, Position, trade
from threet.simulator.orders import Order, from_record, to_record
from threet.simulator.tokens import USDC, Balance, moved, traded

Event = dict[str, Any]

KEPT_FILLS = 10_000  # per account, like the venue
KEPT_HISTORY = 5_000  # fundings and transfers per account
KEPT_CLOSED_ORDERS = 20_000
KEPT_ACTIONS = 5_000
KEPT_NONCES = 100  # the venue's window


@dataclass(slots=True)
class Account:
    """One address with money. Amounts in USD; totals are running sums since the account was made."""

    address: str
    master: str | None = None  # set for a sub-account
    cash: Decimal = ZERO
    positions: dict[str, Position] = field(default_factory=dict)
    leverages: dict[str, tuple[int, bool]] = field(default_factory=dict)  # (value, is cross)
    tokens: dict[str, Balance] = field(default_factory=dict)  # spot
    totals: dict[str, Decimal] = field(
        default_factory=lambda: dict.fromkeys(("deposited", "realised", "fees", "funding_paid", "volume"), ZERO)
    )
    fill_count: int = 0
    action_count: int = 0
    cancel_at_ms: int | None = None  # scheduleCancel, wall time
    fills: deque[Event] = field(default_factory=lambda: deque(maxlen=KEPT_FILLS))
    fundings: deque[Event] = field(default_factory=lambda: deque(maxlen=KEPT_HISTORY))
    transfers: deque[Event] = field(default_factory=lambda: deque(maxlen=KEPT_HISTORY))


@dataclass(slots=True)
class State:
    """The whole venue's memory."""

    seq: int = 0
    accounts: dict[str, Account] = field(default_factory=dict)
    agents: dict[str, str] = field(default_factory=dict)  # agent -> master
    open_orders: dict[int, Order] = field(default_factory=dict)
    closed_orders: OrderedDict[int, Order] = field(default_factory=OrderedDict)
    by_cloid: dict[tuple[str, str], int] = field(default_factory=dict)
    nonces: dict[str, list[int]] = field(default_factory=dict)  # by signer, ascending, the highest KEPT_NONCES
    actions: deque[Event] = field(default_factory=lambda: deque(maxlen=KEPT_ACTIONS))
    listed: list[Event] = field(default_factory=list)
    shifts: list[Event] = field(default_factory=list)
    last_oid: int = 0
    last_tid: int = 0
    funded_until_ms: int | None = None  # market time of the last hour whose funding was settled

    def apply(self, event: Event) -> None:
        """Folds one event in. Raises KeyError for a kind it does not know."""
        _APPLY[event["kind"]](self, event)
        self.seq = event["seq"]

    def order(self, oid: int) -> Order | None:
        """An order of any state, None when it was never placed or is forgotten."""
        return self.open_orders.get(oid) or self.closed_orders.get(oid)

    def orders_of(self, user: str) -> list[Order]:
        """Live orders of a user, oldest first."""
        return [order for order in self.open_orders.values() if order.user == user]

    def master_of(self, signer: str) -> str | None:
        """The account that a key acts for: its own, or its master's if it is an approved agent."""
        return signer if signer in self.accounts else self.agents.get(signer)


def _account(state: State, event: Event) -> None:
    state.accounts.setdefault(event["address"], Account(event["address"], event.get("master")))


def _transfer(state: State, event: Event) -> None:
    account = state.accounts[event["address"]]
    amount = Decimal(event["usd"])
    account.cash += amount
    account.totals["deposited"] += amount
    account.transfers.append(event["entry"])


def _agent(state: State, event: Event) -> None:
    state.agents[event["agent"]] = event["master"]


def _listed(state: State, event: Event) -> None:
    state.listed.append(event)


def _shift(state: State, event: Event) -> None:
    state.shifts.append(event)


def _nonce(state: State, event: Event) -> None:
    used = state.nonces.setdefault(event["signer"], [])
    used.append(event["nonce"])
    used.sort()
    del used[:-KEPT_NONCES]


def _action(state: State, event: Event) -> None:
    state.actions.append(event)
    account = state.accounts.get(event.get("user") or "")
    if account is not None:
        account.action_count += 1


def _order(state: State, event: Event) -> None:
    order = from_record(event["order"])
    state.last_oid = max(state.last_oid, order.oid)
    if order.cloid is not None:
        state.by_cloid[(order.user, order.cloid)] = order.oid
    if order.is_live:
        state.open_orders[order.oid] = order
        return
    state.open_orders.pop(order.oid, None)
    state.closed_orders[order.oid] = order
    while len(state.closed_orders) > KEPT_CLOSED_ORDERS:
        _, gone = state.closed_orders.popitem(last=False)
        if gone.cloid is not None and state.by_cloid.get((gone.user, gone.cloid)) == gone.oid:
            del state.by_cloid[(gone.user, gone.cloid)]


def _fill(state: State, event: Event) -> None:
    account = state.accounts[event["address"]]
    fill = event["fill"]
    size, price = Decimal(fill["sz"]), Decimal(fill["px"])
    fee = Decimal(fill["fee"]) + Decimal(fill.get("builderFee", "0"))
    signed = size if fill["side"] == "B" else -size
    traded = trade(account.positions.get(fill["coin"]), signed, price)
    if traded.position is None:
        del account.positions[fill["coin"]]
    else:
        account.positions[fill["coin"]] = traded.position
    account.cash += traded.closed_pnl_usd - fee
    account.totals["realised"] += traded.closed_pnl_usd
    account.totals["fees"] += fee
    account.totals["volume"] += size * price
    account.fill_count += 1
    account.fills.append(fill)
    state.last_tid = max(state.last_tid, fill["tid"])


def _class_transfer(state: State, event: Event) -> None:
    """USDC between the perpetual account (usd > 0: into it) and the spot side."""
    account = state.accounts[event["address"]]
    amount = Decimal(event["usd"])
    account.cash += amount
    account.totals["deposited"] += amount
    account.tokens = moved(account.tokens, USDC, -amount)
    account.transfers.append(event["entry"])


def _spot_fill(state: State, event: Event) -> None:
    account, fill = state.accounts[event["address"]], event["fill"]
    size, price = Decimal(fill["sz"]), Decimal(fill["px"])
    account.tokens = traded(account.tokens, event["token"], fill["side"] == "B", size, price, Decimal(fill["fee"]))
    account.tokens = moved(account.tokens, USDC, -Decimal(fill.get("builderFee", "0")))
    account.totals["volume"] += size * price
    account.fill_count += 1
    account.fills.append(fill)
    state.last_tid = max(state.last_tid, fill["tid"])


def _funding(state: State, event: Event) -> None:
    account = state.accounts[event["address"]]
    paid = Decimal(event["paid"])
    position = account.positions[event["coin"]]
    account.positions[event["coin"]] = replace(position, funding_paid=position.funding_paid + paid)
    account.cash -= paid
    account.totals["funding_paid"] += paid
    account.fundings.append(event["entry"])


def _funded(state: State, event: Event) -> None:
    state.funded_until_ms = event["market_ms"]


def _leverage(state: State, event: Event) -> None:
    state.accounts[event["address"]].leverages[event["coin"]] = (event["value"], event["cross"])


def _cancel_at(state: State, event: Event) -> None:
    state.accounts[event["address"]].cancel_at_ms = event["at_ms"]


_APPLY: Mapping[str, Callable[[State, Event], None]] = {
    "account": _account,
    "transfer": _transfer,
    "agent": _agent,
    "listed": _listed,
    "shift": _shift,
    "nonce": _nonce,
    "action": _action,
    "order": _order,
    "fill": _fill,
    "class_transfer": _class_transfer,
    "spot_fill": _spot_fill,
    "funding": _funding,
    "funded": _funded,
    "leverage": _leverage,
    "cancel_at": _cancel_at,
}


def dump(state: State) -> dict[str, Any]:
    """The whole state as JSON values."""
    return {
        "seq": state.seq,
        "accounts": [_dump_account(account) for account in state.accounts.values()],
        "agents": state.agents,
        "orders": [to_record(order) for order in [*state.closed_orders.values(), *state.open_orders.values()]],
        "nonces": state.nonces,
        "actions": list(state.actions),
        "listed": state.listed,
        "shifts": state.shifts,
        "last_oid": state.last_oid,
        "last_tid": state.last_tid,
        "funded_until_ms": state.funded_until_ms,
    }


def load(record: Mapping[str, Any]) -> State:
    """The inverse of `dump`."""
    state = State()
    for order in record["orders"]:
        _order(state, {"order": order})
    state.accounts = {account["address"]: _load_account(account) for account in record["accounts"]}
    state.agents = dict(record["agents"])
    state.nonces = {signer: list(nonces) for signer, nonces in record["nonces"].items()}
    state.actions.extend(record["actions"])
    state.listed = list(record["listed"])
    state.shifts = list(record["shifts"])
    state.last_oid, state.last_tid = record["last_oid"], record["last_tid"]
    state.funded_until_ms = record["funded_until_ms"]
    state.seq = record["seq"]
    return state


def _dump_account(account: Account) -> dict[str, Any]:
    return {
        "address": account.address,
        "master": account.master,
        "cash": str(account.cash),
        "positions": {
            coin: {"contracts": str(held.contracts), "cost": str(held.cost), "funding_paid": str(held.funding_paid)}
            for coin, held in account.positions.items()
        },
        "leverages": {coin: list(value) for coin, value in account.leverages.items()},
        "tokens": {token: [str(held.total), str(held.cost)] for token, held in account.tokens.items()},
        "totals": {name: str(value) for name, value in account.totals.items()},
        "fill_count": account.fill_count,
        "action_count": account.action_count,
        "cancel_at_ms": account.cancel_at_ms,
        "fills": list(account.fills),
        "fundings": list(account.fundings),
        "transfers": list(account.transfers),
    }


def _load_account(record: Mapping[str, Any]) -> Account:
    account = Account(record["address"], record["master"], Decimal(record["cash"]))
    for coin, held in record["positions"].items():
        account.positions[coin] = Position(Decimal(held["contracts"]), Decimal(held["cost"]), Decimal(held["funding_paid"]))
    account.leverages = {coin: (value[0], value[1]) for coin, value in record["leverages"].items()}
    account.tokens = {token: Balance(Decimal(total), Decimal(cost)) for token, (total, cost) in record.get("tokens", {}).items()}
    account.totals = {name: Decimal(value) for name, value in record["totals"].items()}
    account.fill_count, account.action_count = record["fill_count"], record["action_count"]
    account.cancel_at_ms = record["cancel_at_ms"]
    account.fills.extend(record["fills"])
    account.fundings.extend(record["fundings"])
    account.transfers.extend(record["transfers"])
    return account
