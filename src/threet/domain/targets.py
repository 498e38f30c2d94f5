"""The four things a target can say (I3). Hold is not flat: it asks for nothing."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Target:
    """Hold ``contracts`` (signed) of the symbol."""

    contracts: Decimal


@dataclass(frozen=True, slots=True)
class Hold:
    """Change nothing, because something needed is unknown."""

    reason: str


@dataclass(frozen=True, slots=True)
class ReduceOnly:
    """Move toward ``contracts`` (signed), never away from zero nor through it."""

    contracts: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class Flatten:
    """Close the position, because a person or a limit said so."""

    reason: str


AnyTarget = Target | Hold | ReduceOnly | Flatten
