"""Stops that rest at the venue: one reduce-only order per position, for the time when nobody of ours is there to look.

Written invariants, each with a test:
- A stop is reduce-only, on the losing side of the entry, and of the whole position.
- The old one goes only when the new one rests, or when nothing is held any more: a position is never without one in between.
- What is not known of a symbol changes nothing there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from threet.domain.inputs import CycleInputs
from threet.domain.resting import RestingStop
from threet.domain.rounding import limit_price, round_price, round_to_lot
from threet.domain.values import Correction, Known, MarketRules, Side, Symbol, Unknown


@dataclass(frozen=True, slots=True)
class Stop:
    """``limit_price`` is the worst that it accepts once the mark has reached ``trigger_price``."""

    correction: Correction
    trigger_price: Decimal
    limit_price: Decimal


@dataclass(frozen=True, slots=True)
class StopChange:
    """What is to be done about the stops of one symbol; ``problem`` is for a person to hear."""

    place: Stop | None = None
    cancel: tuple[RestingStop, ...] = ()
    problem: str | None = None


def stop_change(inputs: CycleInputs, name: Symbol, agreed: Known[Decimal] | Unknown, price: Known[Decimal] | Unknown) -> StopChange:
    """``agreed`` is the position by consensus. Nothing is done while an order of ours there has no known end."""
    if isinstance(agreed, Unknown) or not inputs.adopted or any(order.symbol == name for order in inputs.pending):
        return StopChange()
    resting = [stop for stop in inputs.stops if stop.symbol == name]
    percent = inputs.products[name].stop_loss_percent
    if agreed.value == 0 or percent is None:
        return StopChange(cancel=tuple(resting))
    rules, entry = inputs.rules.get(name), inputs.entry_prices.get(name)
    if not isinstance(rules, MarketRules) or entry is None or isinstance(price, Unknown):
        return StopChange()
    side = Side.SELL if agreed.value > 0 else Side.BUY
    contracts = round_to_lot(abs(agreed.value), rules.lot)
    trigger = round_price(entry * (1 + side.sign * percent / 100), rules, side)
    if contracts == 0 or trigger <= 0:
        return StopChange()
    same = [stop for stop in resting if (stop.side, stop.contracts, stop.trigger_price) == (side, contracts, trigger)]
    if same:
        return StopChange(cancel=_others(resting, same[0]))
    if (price.value - trigger) * side.sign >= 0:
        return StopChange(problem=f"no stop can rest at {trigger}: the price {price.value} is beyond it already")
    worst = limit_price(trigger, side, inputs.terms.stop_slippage_bps, rules)
    return StopChange(Stop(Correction(name, side, contracts, reduce_only=True), trigger, worst))


def _others(resting: Sequence[RestingStop], kept: RestingStop) -> tuple[RestingStop, ...]:
    return tuple(stop for stop in resting if stop is not kept)
