"""Who agrees on what: consensus of every symbol and of the account value, from the cycle's inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from threet.domain.consensus import agree, agree_account_value
from threet.domain.inputs import CycleInputs
from threet.domain.sources import Rejection, SourceView, contracts_after, kind_of, usable
from threet.domain.values import Known, Symbol, Unknown


@dataclass(frozen=True, slots=True)
class SymbolAgreement:
    """The position of one symbol by consensus, and what each source said of it."""

    agreed: Known[Decimal] | Unknown
    sources: Mapping[str, Known[Decimal] | Unknown]

    @property
    def worst_contracts(self) -> Decimal | None:
        """The largest size that any readable source reports; None where no source could be read (I1)."""
        sizes = [abs(view.value) for view in self.sources.values() if isinstance(view, Known)]
        return max(sizes) if sizes else None

    @property
    def said(self) -> str:
        """What each source said, in one line, such as ``a 0.5, b unknown (b: incomplete), local 0.5``."""
        told = {name: f"unknown ({view.reason})" if isinstance(view, Unknown) else str(view.value) for name, view in self.sources.items()}
        return ", ".join(f"{name} {text}" for name, text in sorted(told.items()))


@dataclass(frozen=True, slots=True)
class RejectedReport:
    """A source's report that did not count. ``symbols`` is None where it counted for none at all."""

    source: str
    kind: Rejection
    reason: str
    symbols: tuple[Symbol, ...] | None


@dataclass(frozen=True, slots=True)
class Agreements:
    """``read_between``: the venue's first and last time at which the usable sources saw the account; None without a local one."""

    account_value: Known[Decimal] | Unknown
    by_symbol: Mapping[Symbol, SymbolAgreement]
    valid_observers: tuple[str, ...]
    rejected: tuple[RejectedReport, ...]
    read_between: tuple[datetime, datetime] | None


def find_agreements(inputs: CycleInputs) -> Agreements:
    """Consensus for every symbol of products, votes, positions of any source and open orders."""
    local = _usable_local(inputs)
    observers = {name: _usable_observer(inputs, view) for name, view in inputs.observers.items()}
    values = {name: _account_value(view) for name, view in observers.items()}
    account_value = agree_account_value(
        _account_value(local),
        values,
        quorum=inputs.terms.quorum,
        tolerance_percent=inputs.terms.account_value_tolerance_percent,
    )
    by_symbol = {name: _of_symbol(inputs, name, local, observers) for name in all_symbols(inputs)}
    valid = tuple(sorted(name for name, view in observers.items() if isinstance(view, Known)))
    rejected = tuple(_rejected({"local": local, **observers}, by_symbol))
    return Agreements(account_value, by_symbol, valid, rejected, _read_between(local, observers))


def all_symbols(inputs: CycleInputs) -> list[Symbol]:
    """Symbols = products ∪ votes ∪ positions of any source ∪ open orders, in order of their names."""
    names: set[Symbol] = set(inputs.products)
    if isinstance(inputs.votes, Known):
        names |= set(inputs.votes.value)
    for view in [inputs.local, *inputs.observers.values()]:
        if isinstance(view, Known):
            names |= {name for name, contracts in view.value.positions.items() if contracts != 0}
    names |= {order.symbol for order in inputs.pending}
    if isinstance(inputs.foreign, Known):
        names |= {order.symbol for order in inputs.foreign.value}
    return sorted(names)


def _rejected(views: Mapping[str, SourceView], by_symbol: Mapping[Symbol, SymbolAgreement]) -> Iterator[RejectedReport]:
    for source, view in sorted(views.items()):
        if isinstance(view, Unknown):
            yield RejectedReport(source, kind_of(view), view.reason, None)
            continue
        late = {name: said for name, item in by_symbol.items() if isinstance(said := item.sources[source], Unknown)}
        if late:
            first = next(iter(late.values()))
            yield RejectedReport(source, kind_of(first), first.reason, tuple(sorted(late)))


def _usable_local(inputs: CycleInputs) -> SourceView:
    terms = inputs.terms
    return usable(inputs.local, account=inputs.account, now=inputs.now, max_age=terms.max_position_age, max_skew=terms.max_clock_skew)


def _usable_observer(inputs: CycleInputs, view: SourceView) -> SourceView:
    terms = inputs.terms
    return usable(view, account=inputs.account, now=inputs.now, max_age=terms.max_observation_age, max_skew=terms.max_clock_skew)


def _read_between(local: SourceView, observers: Mapping[str, SourceView]) -> tuple[datetime, datetime] | None:
    if isinstance(local, Unknown):
        return None
    times = [view.value.exchange_time for view in [local, *observers.values()] if isinstance(view, Known)]
    return min(times), max(times)


def _account_value(view: SourceView) -> Known[Decimal] | Unknown:
    if isinstance(view, Unknown):
        return view
    return Known(view.value.account_value, view.as_of, view.source)


def _of_symbol(inputs: CycleInputs, name: Symbol, local: SourceView, observers: Mapping[str, SourceView]) -> SymbolAgreement:
    last = inputs.last_activity.get(name)
    not_before = None if last is None else last + inputs.terms.settle_margin
    mine = contracts_after(local, name, not_before)
    theirs = {observer: contracts_after(view, name, not_before) for observer, view in observers.items()}
    rules = inputs.rules.get(name)
    lot = Decimal(0) if rules is None or isinstance(rules, Unknown) else rules.lot
    agreed = agree(mine, theirs, quorum=inputs.terms.quorum, tolerance=lot * inputs.terms.tolerance_lots)
    return SymbolAgreement(agreed, {"local": mine, **theirs})
