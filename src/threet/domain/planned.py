"""The order that leads toward a target: its size, its name, its worst price, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from threet.domain.agreement import Agreements
from threet.domain.corrections import Nothing, correction_for
from threet.domain.identity import client_order_id
from threet.domain.inputs import CycleInputs
from threet.domain.rounding import limit_price, round_to_lot
from threet.domain.stops import Stop
from threet.domain.target_of import Market, band_contracts
from threet.domain.targets import AnyTarget, Hold
from threet.domain.values import Correction, Symbol, Unknown


@dataclass(frozen=True, slots=True)
class PlannedOrder:
    """A correction with its name and its worst price; with ``trigger_price`` a stop that rests until then."""

    client_order_id: str
    correction: Correction
    limit_price: Decimal
    reason: str
    trigger_price: Decimal | None = None


def in_order_of_sending(orders: Iterable[PlannedOrder | None]) -> list[PlannedOrder]:
    """Reductions first: they make room."""
    there = [order for order in orders if order is not None]
    return sorted(there, key=lambda order: (not order.correction.reduce_only, order.correction.symbol))


def order_toward(
    inputs: CycleInputs, name: Symbol, agreements: Agreements, target: AnyTarget, market: Market | None
) -> tuple[PlannedOrder | None, str, str | None]:
    """The order, or None; what was decided, in words; and the limit that made the order smaller, or None."""
    agreed = agreements.by_symbol[name].agreed
    if isinstance(target, Hold):
        return None, f"hold: {target.reason}", None
    if isinstance(agreed, Unknown):
        return None, f"hold: no consensus: {agreed.reason}", None
    if market is None:
        return None, "hold: no price or no market rules to close with", None
    value = agreements.account_value
    band = Decimal(0) if isinstance(value, Unknown) else band_contracts(inputs, name, value.value, market.price)
    correction = correction_for(target, agreed.value, market.rules, market.price, band)
    if isinstance(correction, Nothing):
        return None, correction.reason, None
    correction, cut = _within_one_order(correction, market, inputs.terms.max_order_usd)
    if isinstance(correction, Nothing):
        return None, correction.reason, cut
    return planned(inputs, correction, market, _why(target, agreed.value)), said(correction), cut


def planned(inputs: CycleInputs, correction: Correction, market: Market, reason: str) -> PlannedOrder:
    worst_price = limit_price(market.price, correction.side, inputs.terms.order_slippage_bps, market.rules)
    return PlannedOrder(client_order_id(inputs.epoch, inputs.cycle_id, correction), correction, worst_price, reason)


def said(correction: Correction) -> str:
    return f"{correction.side} {correction.contracts}{' reduce-only' if correction.reduce_only else ''}"


def _within_one_order(correction: Correction, market: Market, max_order_usd: Decimal) -> tuple[Correction | Nothing, str | None]:
    """What adds risk goes in parts of at most ``max_order_usd``, one each cycle. A reduction goes as it is."""
    if correction.reduce_only or correction.contracts * market.price <= max_order_usd:
        return correction, None
    said = f"max_order_usd: {correction.contracts} asked for, of {max_order_usd} USD at a time"
    contracts = round_to_lot(max_order_usd / market.price, market.rules.lot)
    if contracts == 0 or contracts * market.price < market.rules.minimum_notional_usd:
        return Nothing(f"max_order_usd of {max_order_usd} USD allows no order here"), said
    return replace(correction, contracts=contracts), said


def _why(target: AnyTarget, actual: Decimal) -> str:
    reason = getattr(target, "reason", None)
    aim = getattr(target, "contracts", Decimal(0))
    return f"{type(target).__name__} {aim} from {actual}" + (f": {reason}" if reason else "")


def stop_order(inputs: CycleInputs, stop: Stop) -> PlannedOrder:
    name = client_order_id(inputs.epoch, inputs.cycle_id, stop.correction, stop.trigger_price)
    return PlannedOrder(name, stop.correction, stop.limit_price, f"stop at {stop.trigger_price}", stop.trigger_price)
