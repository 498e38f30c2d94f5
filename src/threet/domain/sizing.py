"""From votes to contracts: sizing, and the caps that a portfolio of targets is scaled into."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from threet.domain.values import Symbol


def target_contracts(net_vote: Decimal, account_value: Decimal, risk_pos_percentage: Decimal, price: Decimal) -> Decimal:
    """net vote × account value × ``risk_pos_percentage`` / 100 / price: signed contracts, not yet clamped or rounded."""
    return net_vote * account_value * risk_pos_percentage / 100 / price


def clamp(contracts: Decimal, cap: Decimal) -> Decimal:
    """``contracts`` (signed) with its size limited to ``cap`` (>= 0)."""
    return max(-cap, min(cap, contracts))


def scale_into_caps(
    notionals: Mapping[Symbol, Decimal],
    *,
    fixed_gross: Decimal,
    fixed_net: Decimal,
    gross_cap: Decimal,
    net_cap: Decimal,
) -> dict[Symbol, Decimal]:
    """Factors in [0, 1] that bring signed target ``notionals`` (USD) under the portfolio's caps.

    ``fixed_gross`` and ``fixed_net`` are what cannot be changed this cycle (symbols on hold or of other origin). Gross
    scales all alike; net then scales only the side that leans too far, which cannot raise the gross.
    """
    gross = sum((abs(value) for value in notionals.values()), Decimal(0))
    room = max(Decimal(0), gross_cap - fixed_gross)
    by_gross = Decimal(1) if gross <= room else room / gross
    scaled = {name: value * by_gross for name, value in notionals.items()}
    leaning = 1 if sum(scaled.values(), fixed_net) > 0 else -1
    with_it = sum((value * leaning for value in scaled.values() if value * leaning > 0), Decimal(0))
    excess = sum(scaled.values(), fixed_net) * leaning - net_cap
    by_net = Decimal(1) if excess <= 0 or with_it == 0 else max(Decimal(0), (with_it - excess) / with_it)
    return {name: by_gross * (by_net if value * leaning > 0 else 1) for name, value in scaled.items()}
