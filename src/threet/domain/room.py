"""What opens is cut to the room that the account's caps leave by the time it is sent.

Else a position that stays a little above its own part, its correction being too small, has another's order refused in each cycle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from threet.domain.caps import Caps, Exposure, Pending, room_of
from threet.domain.inputs import CycleInputs
from threet.domain.planned import PlannedOrder, planned, said
from threet.domain.rounding import round_to_lot
from threet.domain.target_of import Market, band_contracts
from threet.domain.values import Symbol


@dataclass(frozen=True, slots=True)
class Room:
    """What is held, what may still be filled beside it, and the caps over both."""

    held: Mapping[Symbol, Exposure]
    pending: Sequence[Pending]
    caps: Caps


@dataclass(frozen=True, slots=True)
class Cut:
    """What is left of an order, or None; what was decided, in words; and the limit that made it smaller."""

    order: PlannedOrder | None
    result: str
    limit: str


def cut_to_room(
    inputs: CycleInputs, account_value: Decimal, orders: Sequence[PlannedOrder], markets: Mapping[Symbol, Market], room: Room
) -> dict[Symbol, Cut]:
    """Of ``orders``, in the order of sending, those that the caps make smaller; each takes its room from those after it."""
    cuts: dict[Symbol, Cut] = {}
    for order in orders:
        left: PlannedOrder | None = order
        market = markets.get(order.correction.symbol)
        if market is not None and not order.correction.reduce_only and _is_weighed(order, room):
            cut = _cut(inputs, account_value, order, market, room)
            if cut is not None:
                cuts[order.correction.symbol], left = cut, cut.order
        if left is not None:
            room = replace(room, pending=[*room.pending, _pending(left)])
    return cuts


def _is_weighed(order: PlannedOrder, room: Room) -> bool:
    """Whether all that adds risk beside it has a price; else the check before the sending refuses it, in the same words for all."""
    return {order.correction.symbol, *(one.symbol for one in room.pending if not one.reduce_only)} <= set(room.held)


def _cut(inputs: CycleInputs, account_value: Decimal, order: PlannedOrder, market: Market, room: Room) -> Cut | None:
    """A part that is smaller than the no-trade band is not worth an order: the room comes and goes with every price."""
    asked, rules = order.correction, market.rules
    free, cap = room_of(asked, room.held, room.pending, room.caps)
    if free >= asked.contracts:
        return None
    limit = f"cap of {cap}: room for {free:.6g} of {asked.contracts}"
    contracts = round_to_lot(free, rules.lot)
    band = band_contracts(inputs, asked.symbol, account_value, market.price)
    if contracts * market.price < rules.minimum_notional_usd or contracts <= band:
        return Cut(None, f"the cap of {cap} leaves no room", limit)
    smaller = planned(inputs, replace(asked, contracts=contracts), market, order.reason)
    return Cut(smaller, said(smaller.correction), limit)


def _pending(order: PlannedOrder) -> Pending:
    asked = order.correction
    return Pending(asked.symbol, asked.signed_contracts, asked.reduce_only)
