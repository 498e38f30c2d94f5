"""Everything that one decision may depend on. The same inputs always make the same plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from threet.domain.caps import Pending
from threet.domain.drawdown import RiskState, Transfers
from threet.domain.foreign import ForeignOrders
from threet.domain.resting import RestingStop
from threet.domain.sources import SourceReading
from threet.domain.symbol_state import Explanation, SymbolState
from threet.domain.terms import SymbolTerms, Terms
from threet.domain.values import Known, MarketRules, Symbol, Unknown
from threet.domain.votes import Vote


@dataclass(frozen=True, slots=True)
class CycleInputs:
    """What the cycle has read, each part Known with its age or Unknown with its reason.

    ``last_activity`` is, per symbol, the venue's time of our last fill or settlement. ``products`` holds the symbols that may be
    traded; a symbol from anywhere else is reported. ``adopted`` is False for an account that this database has never traded.
    ``marks`` are the observers' own, of the symbols whose price jumped; ``stops`` rest at the venue and are not among ``pending``;
    ``foreign`` are the open orders that are not ours.
    """

    epoch: str
    cycle_id: int
    account: str
    now: datetime
    adopted: bool
    flatten_reason: str | None
    local: Known[SourceReading] | Unknown
    observers: Mapping[str, Known[SourceReading] | Unknown]
    prices: Mapping[Symbol, Known[Decimal] | Unknown]
    votes: Known[Mapping[Symbol, Vote | Unknown]] | Unknown
    rules: Mapping[Symbol, MarketRules | Unknown]
    products: Mapping[Symbol, SymbolTerms]
    pending: tuple[Pending, ...]
    last_activity: Mapping[Symbol, datetime]
    explanations: Mapping[Symbol, Explanation]
    states: Mapping[Symbol, SymbolState]
    marks: Mapping[str, Mapping[Symbol, Decimal]]
    risk: RiskState
    transfers: Transfers
    stops: tuple[RestingStop, ...]
    entry_prices: Mapping[Symbol, Decimal]
    foreign: ForeignOrders
    terms: Terms
