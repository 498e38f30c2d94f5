"""Consensus: what the local snapshot and a quorum of observers agree on, with no valid source dissenting (I2)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from threet.domain.values import Known, Unknown


def agree(
    local: Known[Decimal] | Unknown,
    observers: Mapping[str, Known[Decimal] | Unknown],
    *,
    quorum: int,
    tolerance: Decimal,
) -> Known[Decimal] | Unknown:
    """The local value, if at least ``quorum`` observers are valid and every valid one lies within ``tolerance`` of it.

    Both the value and its time are the local source's. ``tolerance`` is in the value's own unit, inclusive.
    """
    if quorum < 1:
        raise ValueError(f"expected a quorum of at least 1, was {quorum}")
    if isinstance(local, Unknown):
        return Unknown(f"no local position: {local.reason}")
    valid = {name: view for name, view in observers.items() if isinstance(view, Known)}
    dissenting = {name: view.value for name, view in sorted(valid.items()) if abs(view.value - local.value) > tolerance}
    if dissenting:
        said = ", ".join(f"{name} {value}" for name, value in dissenting.items())
        return Unknown(f"dissent: local {local.value}, {said}")
    if len(valid) < quorum:
        reasons = "; ".join(view.reason for _, view in sorted(observers.items()) if isinstance(view, Unknown))
        return Unknown(f"quorum: {len(valid)} of {len(observers)} observers valid, {quorum} needed ({reasons})")
    return Known(local.value, local.as_of, ", ".join(["local", *sorted(valid)]))


def agree_account_value(
    local: Known[Decimal] | Unknown,
    observers: Mapping[str, Known[Decimal] | Unknown],
    *,
    quorum: int,
    tolerance_percent: Decimal,
) -> Known[Decimal] | Unknown:
    """The lowest of the agreeing account values: what sizes positions is never the optimist's reading."""
    if isinstance(local, Unknown):
        return Unknown(f"no local account value: {local.reason}")
    agreed = agree(local, observers, quorum=quorum, tolerance=abs(local.value) * tolerance_percent / 100)
    if isinstance(agreed, Unknown):
        return Unknown(f"account value: {agreed.reason}")
    lowest = min([local.value, *(view.value for view in observers.values() if isinstance(view, Known))])
    if lowest <= 0:
        return Unknown(f"account value: {lowest} is not above 0")
    return Known(lowest, agreed.as_of, agreed.source)
