"""A price that jumped is believed only where a second source says the same: the observers' own marks."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

from threet.domain.consensus import agree
from threet.domain.inputs import CycleInputs
from threet.domain.target_of import fresh_price
from threet.domain.values import Known, Symbol, Unknown


def is_jump(price: Decimal, accepted: Decimal | None, band_percent: Decimal) -> bool:
    """Whether ``price`` is farther than the band (inclusive) from the last accepted one. The first price of all is a jump from nothing."""
    return accepted is None or abs(price - accepted) > accepted * band_percent / 100


def confirmed_price(inputs: CycleInputs, name: Symbol, valid_observers: Collection[str]) -> Known[Decimal] | Unknown:
    """The fresh price of ``name``, if it did not jump, or the marks of a quorum of valid observers agree and none of them dissents."""
    price = fresh_price(inputs, name)
    terms = inputs.products.get(name)
    if isinstance(price, Unknown) or terms is None or not is_jump(price.value, _accepted(inputs, name), terms.price_band_percent):
        return price
    marks = {observer: _mark(inputs, observer, name) for observer in sorted(valid_observers)}
    tolerance = price.value * inputs.terms.mark_tolerance_percent / 100
    agreed = agree(price, marks, quorum=inputs.terms.quorum, tolerance=tolerance)
    if isinstance(agreed, Known):
        return price
    return Unknown(f"price: {price.value} is outside the band around {_accepted(inputs, name) or 'nothing'}, marks: {agreed.reason}")


def valuing_price(inputs: CycleInputs, name: Symbol, valid_observers: Collection[str]) -> Known[Decimal] | Unknown:
    """What a position weighs by: of a jump that nobody confirmed and the price before it, the higher one."""
    price, accepted = fresh_price(inputs, name), _accepted(inputs, name)
    if isinstance(price, Unknown) or accepted is None or price.value >= accepted:
        return price
    if isinstance(confirmed_price(inputs, name, valid_observers), Known):
        return price
    return Known(accepted, price.as_of, "the last accepted price")


def _accepted(inputs: CycleInputs, name: Symbol) -> Decimal | None:
    state = inputs.states.get(name)
    return None if state is None else state.accepted_price


def _mark(inputs: CycleInputs, observer: str, name: Symbol) -> Known[Decimal] | Unknown:
    mark = inputs.marks.get(observer, {}).get(name)
    return Unknown(f"{observer}: tells no mark") if mark is None else Known(mark, inputs.now, observer)
