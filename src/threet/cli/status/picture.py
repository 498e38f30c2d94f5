"""What `3t status` shows, as frozen facts. A part that could not be read is Unknown with the reason, never a default."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from threet.adapters.sql.run_totals import RunTotals
from threet.application.store import Control, DecisionRecord, OrderRecord
from threet.domain.symbol_state import SymbolState
from threet.domain.values import Symbol, Unknown


@dataclass(frozen=True, slots=True)
class Aged:
    """A value and how old it is, in wall seconds."""

    value: Decimal
    age_seconds: float


@dataclass(frozen=True, slots=True)
class ServiceView:
    """What a service last said of itself. ``same_config`` compares its config with the one that this command was given.

    ``left``: not heard of lately and not missed, since its role is another's now, or nobody's.
    """

    name: str
    role: str
    age_seconds: float
    fresh: bool
    left: bool
    same_config: bool
    config_hash: str
    contract_version: int
    build_id: str


@dataclass(frozen=True, slots=True)
class ObserverView:
    """Whether an observer answers its /health now; ``detail`` is its answer or what went wrong."""

    name: str
    url: str
    answers: bool
    detail: str


@dataclass(frozen=True, slots=True)
class SymbolView:
    """One symbol. ``price`` and ``actual`` (the local snapshot's contracts) are as of now; the rest is the last decision's."""

    symbol: Symbol
    is_product: bool
    price: Aged | Unknown
    actual: Decimal | Unknown
    decided: Mapping[str, Any] | None
    state: SymbolState | None


@dataclass(frozen=True, slots=True)
class Picture:
    """The whole platform at ``at``. ``free_disk_mb`` is of the state folder's disk. ``decision`` is None before the first cycle.

    ``config_hash`` is of the file that this command reads, ``newest_config_hash`` of the one that a person edits; None where nobody told.
    """

    at: datetime
    account: str
    config_hash: str
    free_disk_mb: float | Unknown
    halt_file: str | Unknown | None
    control: Control | Unknown
    services: Sequence[ServiceView] | Unknown
    canary_ages: Mapping[str, float] | Unknown
    waiting: Mapping[str, int] | Unknown
    observers: Sequence[ObserverView]
    heartbeat_age: float | Unknown
    runs: RunTotals | Unknown
    account_value: Aged | Unknown
    symbols: Sequence[SymbolView]
    unresolved: Sequence[OrderRecord] | Unknown
    last_orders: Sequence[OrderRecord] | Unknown
    decision: DecisionRecord | Unknown | None
    newest_config_hash: str | Unknown | None = None

    @property
    def actual_age_seconds(self) -> float | Unknown:
        """Of the local snapshot, whose account value and positions are one reading."""
        return self.account_value if isinstance(self.account_value, Unknown) else self.account_value.age_seconds

    @property
    def decided_age_seconds(self) -> float | None:
        """Of the last decision, and so of all that it saw and wanted. None where there is none, or none could be read."""
        return (self.at - self.decision.at).total_seconds() if isinstance(self.decision, DecisionRecord) else None


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, in words, and what a person can do."""

    what: str
    cure: str


def as_json(value: Any) -> Any:
    """Facts as JSON values: decimals as strings, times as ISO 8601, Unknown as ``{"unknown": reason}``."""
    if isinstance(value, Unknown):
        return {"unknown": value.reason}
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(inner) for inner in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return round(value, 3)
    return str(value) if isinstance(value, Decimal) else value
