"""`POST /info` about one account: state, orders, fills, funding, transfers, fees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from threet.simulator import spot
from threet.simulator.account import ZERO, Margin, Position, liquidation_price
from threet.simulator.exchange import Exchange
from threet.simulator.orders import Order, wire_order, wire_status
from threet.simulator.state import Account, Event
from threet.simulator.wire import decimal_text, usd_text

MAX_FILLS = 2000
MAX_ROWS = 500
FREE_ACTIONS = 10_000


def clearinghouse_state(exchange: Exchange, user: str) -> dict[str, Any]:
    """Positions and margin at the marks of now; an address nobody has funded is an empty account, as on the venue."""
    account = exchange.state.accounts.get(user) or Account(user)
    figures = exchange.margin(account)
    free = max(ZERO, figures.free - exchange.order_margin(account))
    cross = _cross(exchange, account, figures)
    return {
        "marginSummary": _summary(figures),
        "crossMarginSummary": _summary(cross),
        "crossMaintenanceMarginUsed": usd_text(cross.maintenance_used),
        "withdrawable": usd_text(free),
        "assetPositions": [_position(exchange, account, coin, held, figures) for coin, held in account.positions.items()],
        "time": exchange.wall_ms(),
    }


def spot_state(exchange: Exchange, user: str) -> dict[str, Any]:
    """Tokens; an address nobody has funded has none."""
    return {"balances": spot.balances(exchange, exchange.state.accounts.get(user) or Account(user))}


def _summary(figures: Margin) -> dict[str, str]:
    return {
        "accountValue": usd_text(figures.account_value),
        "totalNtlPos": usd_text(figures.notional),
        "totalRawUsd": usd_text(figures.raw_usd),
        "totalMarginUsed": usd_text(figures.initial_used),
    }


def _cross(exchange: Exchange, account: Account, figures: Margin) -> Margin:
    """The figures without the isolated positions and the margin that is set aside for them."""
    for coin, held in account.positions.items():
        leverage, cross = account.leverages.get(coin, (0, True))
        if not cross:
            value = abs(held.contracts * exchange.mark(coin))
            margin = value / leverage
            figures = Margin(
                account_value=figures.account_value - margin,
                unrealised=figures.unrealised - held.unrealised_usd(exchange.mark(coin)),
                notional=figures.notional - value,
                raw_usd=figures.raw_usd - margin + held.contracts * exchange.mark(coin),
                initial_used=figures.initial_used - margin,
                maintenance_used=figures.maintenance_used - value * exchange.spec(coin).maintenance_fraction,
            )
    return figures


def _leverage(value: int, cross: bool, raw_usd: Decimal) -> dict[str, Any]:
    """`rawUsd` is what an isolated position has beside its contracts: its margin less their signed value."""
    return {"type": "cross", "value": value} if cross else {"type": "isolated", "value": value, "rawUsd": usd_text(raw_usd)}


def _position(exchange: Exchange, account: Account, coin: str, held: Position, figures: Margin) -> dict[str, Any]:
    mark, spec = exchange.mark(coin), exchange.spec(coin)
    leverage = exchange.leverage(account, coin)
    cross = account.leverages.get(coin, (leverage, True))[1]
    value = abs(held.contracts * mark)
    unrealised = held.unrealised_usd(mark)
    edge = liquidation_price(coin, held, mark, figures, spec)
    funding = usd_text(held.funding_paid)
    position = {
        "coin": coin,
        "szi": decimal_text(held.contracts),
        "leverage": _leverage(leverage, cross, value / leverage - held.contracts * mark),
        "entryPx": usd_text(held.average_entry_price),
        "positionValue": usd_text(value),
        "unrealizedPnl": usd_text(unrealised),
        "returnOnEquity": usd_text(unrealised * leverage / abs(held.cost)) if held.cost else "0.0",
        "liquidationPx": usd_text(edge) if edge is not None else None,
        "marginUsed": usd_text(value / leverage),
        "maxLeverage": spec.max_leverage,
        "cumFunding": {"allTime": funding, "sinceOpen": funding, "sinceChange": funding},
    }
    return {"type": "oneWay", "position": position}


def open_orders(exchange: Exchange, user: str) -> list[dict[str, Any]]:
    """Live orders with all that the venue's own page shows, newest first."""
    return [wire_order(order) for order in reversed(exchange.state.orders_of(user))]


def brief_open_orders(exchange: Exchange, user: str) -> list[dict[str, Any]]:
    """The short form of `openOrders`, which has a client order id only where there is one."""
    keys = ("coin", "limitPx", "oid", "side", "sz", "timestamp", "origSz", "cloid")
    return [{key: order[key] for key in keys if order[key] is not None} for order in open_orders(exchange, user)]


def order_status(exchange: Exchange, user: str, oid: object) -> dict[str, Any]:
    """One order by number or client order id, of any state."""
    number = exchange.state.by_cloid.get((user, oid.lower())) if isinstance(oid, str) else oid
    order = exchange.state.order(number) if isinstance(number, int) else None
    if order is None or order.user != user:
        return {"status": "unknownOid"}
    return {"status": "order", "order": wire_status(order)}


def historical_orders(exchange: Exchange, user: str) -> list[dict[str, Any]]:
    """The last 2000 orders of any state, newest first."""
    orders: list[Order] = [*exchange.state.closed_orders.values(), *exchange.state.open_orders.values()]
    mine = sorted((order for order in orders if order.user == user), key=lambda order: order.oid, reverse=True)
    return [wire_status(order) for order in mine[:2000]]


def fills(exchange: Exchange, user: str) -> list[Event]:
    """The last 2000, newest first."""
    account = exchange.state.accounts.get(user)
    return [_shown(fill) for fill in reversed(account.fills)][:MAX_FILLS] if account else []


def fills_by_time(exchange: Exchange, user: str, body: Mapping[str, Any]) -> list[Event]:
    """The first 2000 from `startTime` on, oldest first: the next page starts at the last one's time."""
    account = exchange.state.accounts.get(user)
    return [_shown(fill) for fill in _between(account.fills, body)][:MAX_FILLS] if account else []


def fundings(exchange: Exchange, user: str, body: Mapping[str, Any]) -> list[Event]:
    """Funding paid and received, oldest first, the first 500 from `startTime` on."""
    account = exchange.state.accounts.get(user)
    return _between(account.fundings, body)[:MAX_ROWS] if account else []


def transfers(exchange: Exchange, user: str, body: Mapping[str, Any]) -> list[Event]:
    """Deposits, withdrawals and transfers, newest first."""
    account = exchange.state.accounts.get(user)
    return _between(account.transfers, body)[::-1] if account else []


def fees(exchange: Exchange, user: str) -> dict[str, Any]:
    """The one fee tier there is."""
    account = exchange.state.accounts.get(user)
    taker, maker = decimal_text(exchange.fees.taker), decimal_text(exchange.fees.maker)
    volume = usd_text(account.totals["volume"]) if account else "0.0"
    return {
        "dailyUserVlm": [{"date": "1970-01-01", "userCross": volume, "userAdd": "0.0", "exchange": "0.0"}],
        "feeSchedule": {"cross": taker, "add": maker, "tiers": {"vip": [], "mm": []}, "referralDiscount": "0.0"},
        "userCrossRate": taker,
        "userAddRate": maker,
        "activeReferralDiscount": "0.0",
    }


def rate_limit(exchange: Exchange, user: str) -> dict[str, Any]:
    """Actions used and allowed: 10,000 and one per dollar traded (limits.py enforces them where it is asked to)."""
    account = exchange.state.accounts.get(user) or Account(user)
    volume = account.totals["volume"]
    return {
        "cumVlm": usd_text(volume),
        "nRequestsUsed": account.action_count,
        "nRequestsCap": FREE_ACTIONS + int(volume),
        "nRequestsSurplus": 0,
    }


def role(exchange: Exchange, user: str) -> dict[str, Any]:
    """What an address is here."""
    account = exchange.state.accounts.get(user)
    if account is not None and account.master is not None:
        return {"role": "subAccount", "data": {"master": account.master}}
    if account is not None:
        return {"role": "user"}
    if user in exchange.state.agents:
        return {"role": "agent", "data": {"user": exchange.state.agents[user]}}
    return {"role": "missing"}


def sub_accounts(exchange: Exchange, user: str) -> list[dict[str, Any]] | None:
    """Sub-accounts with their states; null where there are none, as on the venue."""
    subs = [account.address for account in exchange.state.accounts.values() if account.master == user]
    return [
        {
            "name": f"sub{number}",
            "subAccountUser": address,
            "master": user,
            "clearinghouseState": clearinghouse_state(exchange, address),
            "spotState": spot_state(exchange, address),
        }
        for number, address in enumerate(subs, start=1)
    ] or None


def agents(exchange: Exchange, user: str) -> list[dict[str, Any]]:
    """Approved agent wallets."""
    valid_until = exchange.started_wall_ms + 180 * 86_400_000
    return [{"name": "", "address": agent, "validUntil": valid_until} for agent, master in exchange.state.agents.items() if master == user]


def _between(rows: Iterable[Event], body: Mapping[str, Any]) -> list[Event]:
    start, end = body.get("startTime", 0), body.get("endTime")
    return [row for row in rows if row["time"] >= start and (end is None or row["time"] <= end)]


def _shown(fill: Event) -> Event:
    """The venue leaves `cloid` out where there is none."""
    return fill if fill.get("cloid") is not None else {key: value for key, value in fill.items() if key != "cloid"}
