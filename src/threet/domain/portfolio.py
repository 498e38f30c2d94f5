"""The account as a whole: what is held at its worst, the caps in USD, and how far the wishes are scaled to fit them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from threet.domain.agreement import Agreements
from threet.domain.caps import Caps, Exposure
from threet.domain.inputs import CycleInputs
from threet.domain.price_band import valuing_price
from threet.domain.sizing import scale_into_caps
from threet.domain.target_of import symbol_cap_usd
from threet.domain.values import Known, Symbol, Unknown


def scale_factors(inputs: CycleInputs, agreements: Agreements, wanted_usd: Mapping[Symbol, Decimal]) -> Mapping[Symbol, Decimal] | Unknown:
    """How far each of ``wanted_usd`` (signed) is scaled down to fit the caps; Unknown while what is held elsewhere cannot be valued."""
    if isinstance(agreements.account_value, Unknown):
        return agreements.account_value
    fixed_gross, fixed_net = Decimal(0), Decimal(0)
    for name in agreements.by_symbol:
        if name in wanted_usd:
            continue
        held = _worst_exposure(inputs, name, agreements)
        if isinstance(held, Unknown):
            return held
        fixed_gross += max(abs(held.contracts), abs(held.or_else or Decimal(0))) * held.price
        fixed_net += held.contracts * held.price
    value = agreements.account_value.value
    return scale_into_caps(
        wanted_usd,
        fixed_gross=fixed_gross,
        fixed_net=fixed_net,
        gross_cap=value * inputs.terms.max_gross_exposure_percent / 100,
        net_cap=value * inputs.terms.max_net_exposure_percent / 100,
    )


def exposures(inputs: CycleInputs, agreements: Agreements) -> Mapping[Symbol, Exposure] | Unknown:
    """Every symbol that can be valued.

    A flat one without a price is left out: what is pending there would weigh nothing.
    """
    held: dict[Symbol, Exposure] = {}
    for name in agreements.by_symbol:
        exposure = _worst_exposure(inputs, name, agreements)
        if isinstance(exposure, Unknown):
            return exposure
        if exposure.price == 0:
            price = valuing_price(inputs, name, agreements.valid_observers)
            if isinstance(price, Unknown):
                continue
            exposure = Exposure(Decimal(0), price.value)
        held[name] = exposure
    return held


def caps_of(inputs: CycleInputs, agreements: Agreements) -> Caps | Unknown:
    """The caps in USD; Unknown while the account value is."""
    value = agreements.account_value
    if isinstance(value, Unknown):
        return value
    caps: dict[Symbol, Decimal] = {}
    for name in inputs.products:
        rules = inputs.rules.get(name)
        if rules is not None and not isinstance(rules, Unknown):
            caps[name] = symbol_cap_usd(inputs, name, value.value, rules)
    terms = inputs.terms
    return Caps(
        caps,
        value.value * terms.max_gross_exposure_percent / 100,
        value.value * terms.max_net_exposure_percent / 100,
        terms.max_order_usd,
        terms.max_orders_per_hour,
    )


def _worst_exposure(inputs: CycleInputs, name: Symbol, agreements: Agreements) -> Exposure | Unknown:
    """The price is 0 where nothing is held, by the sources and by the fills."""
    agreement, by_fills = agreements.by_symbol[name], _by_fills(inputs, name)
    or_else: Decimal | None
    if isinstance(agreement.agreed, Known):
        contracts = agreement.agreed.value
        or_else = by_fills if by_fills is not None and by_fills != contracts else None
    else:
        signed = [view.value for view in agreement.sources.values() if isinstance(view, Known)]
        if len(signed) < inputs.terms.quorum:
            return Unknown(f"{len(signed) or 'none'} of the sources can say what {name} holds, {inputs.terms.quorum} needed")
        # Who is right nobody knows, not even of the side: the two that lie furthest apart count.
        told = signed if by_fills is None else [*signed, by_fills]
        contracts = max(told, key=abs)
        or_else = max(told, key=lambda one: abs(one - contracts))
    if contracts == 0 and not or_else:
        return Exposure(Decimal(0), Decimal(0))
    price = valuing_price(inputs, name, agreements.valid_observers)
    if isinstance(price, Unknown):
        return Unknown(f"{name} is held, but cannot be valued: {price.reason}")
    return Exposure(contracts, price.value, or_else)


def _by_fills(inputs: CycleInputs, name: Symbol) -> Decimal | None:
    """What all fills make of the position now, whoever agrees on it and whatever is pending: a symbol's state takes them in only at an
    agreement. None where there never was one here: fills alone, read back to wherever they begin, add up to no position."""
    state, told = inputs.states.get(name), inputs.explanations.get(name)
    if state is None or state.agreed_at is None:
        return None
    return state.by_fills + (told.change + told.others + told.later if told is not None else 0)
