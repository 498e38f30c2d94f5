"""Orders of the simulated venue and the words it has for their states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from threet.simulator.wire import decimal_text

OPEN = "open"
TRIGGERED = "triggered"
FILLED = "filled"
CANCELED = "canceled"

_DECIMALS = {"limit_px", "size", "orig_size", "trigger_px"}


@dataclass(frozen=True, slots=True)
class Order:
    """One order as the venue knows it. Sizes in contracts, prices in USD, times in wall milliseconds."""

    oid: int
    user: str
    coin: str
    is_buy: bool
    limit_px: Decimal
    size: Decimal  # what is not filled
    orig_size: Decimal
    reduce_only: bool
    tif: str  # Gtc, Ioc, Alo; for a trigger order what it becomes
    timestamp_ms: int
    status: str
    status_ms: int
    cloid: str | None = None
    trigger_px: Decimal | None = None
    trigger_is_market: bool = False
    tpsl: str | None = None  # "tp" or "sl"
    parent_oid: int | None = None  # waits until this order has filled

    @property
    def is_live(self) -> bool:
        return self.status in (OPEN, TRIGGERED)

    @property
    def waits_for_trigger(self) -> bool:
        return self.trigger_px is not None and self.status == OPEN

    @property
    def sign(self) -> int:
        """+1 buys, -1 sells."""
        return 1 if self.is_buy else -1


def to_record(order: Order) -> dict[str, Any]:
    """As JSON values; decimals as strings."""
    record = {name.name: getattr(order, name.name) for name in fields(order)}
    return {key: str(value) if key in _DECIMALS and value is not None else value for key, value in record.items()}


def from_record(record: Mapping[str, Any]) -> Order:
    """The inverse of `to_record`."""
    values: dict[str, Any] = {key: Decimal(value) if key in _DECIMALS and value is not None else value for key, value in record.items()}
    return Order(**values)


def wire_order(order: Order) -> dict[str, Any]:
    """The order as `frontendOpenOrders`, `orderStatus` and `historicalOrders` show it."""
    trigger = order.trigger_px
    return {
        "coin": order.coin,
        "side": "B" if order.is_buy else "A",
        "limitPx": decimal_text(order.limit_px),
        "sz": decimal_text(order.size),
        "oid": order.oid,
        "timestamp": order.timestamp_ms,
        "triggerCondition": "N/A" if trigger is None else f"Price {_direction(order)} {decimal_text(trigger)}",
        "isTrigger": trigger is not None,
        "triggerPx": decimal_text(trigger or Decimal(0)),
        "children": [],
        "isPositionTpsl": False,
        "reduceOnly": order.reduce_only,
        "orderType": _order_type(order),
        "origSz": decimal_text(order.orig_size),
        "tif": None if trigger is not None else order.tif,
        "cloid": order.cloid,
    }


def wire_status(order: Order) -> dict[str, Any]:
    """The order with its state, as `historicalOrders` lists it."""
    return {"order": wire_order(order), "status": order.status, "statusTimestamp": order.status_ms}


def triggers_above(order: Order) -> bool:
    """A stop that buys and a profit-taking that sells wait for a higher mark, the other two for a lower one."""
    return order.is_buy == (order.tpsl == "sl")


def _direction(order: Order) -> str:
    return "above" if triggers_above(order) else "below"


def _order_type(order: Order) -> str:
    if order.trigger_px is None:
        return "Limit"
    kind = "Stop" if order.tpsl == "sl" else "Take Profit"
    return f"{kind} {'Market' if order.trigger_is_market else 'Limit'}"
