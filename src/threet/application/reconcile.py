"""One reconcile cycle: lease, settle, read, agree, decide, record, send. DESIGN section 4 gives the steps."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from threet.application.deciding import decide_on_checked_votes
from threet.application.execution import Executor, Sent, Window
from threet.application.gathering import Gatherer, TradingTerms
from threet.application.ports import Clock, HaltFile, MarketData
from threet.application.records import hash_of, inputs_to_json, plan_to_json, targets_to_json
from threet.application.settlement import Settlement, Settler
from threet.application.store import Control, CycleStore, DecisionRecord, IntentRefused, Lease, ServiceReport
from threet.domain.agreement import RejectedReport, find_agreements
from threet.domain.decision import Decision
from threet.domain.errors import VenueError
from threet.domain.inputs import CycleInputs
from threet.domain.targets import ReduceOnly
from threet.domain.values import Known, MarketRules, Symbol, Unknown

LEASE = "reconcile"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CycleTerms:
    """Wall-time limits of a cycle, from config.yml."""

    lease_seconds: float
    lease_margin: timedelta
    order_expires: timedelta
    order_min_life: timedelta
    max_clock_skew: timedelta
    max_service_age: timedelta


@dataclass(frozen=True, slots=True)
class Seen:
    """What a cycle that has read its sources saw of them; ``foreign_orders`` is None where they could not be read."""

    rejected: Sequence[RejectedReport]
    foreign_orders: int | None
    foreign_positions: int


@dataclass(frozen=True, slots=True)
class CycleResult:
    """``status``: traded, idle, held, blocked, busy where another cycle holds the lease, or overtaken where one settled its order."""

    status: str
    reason: str
    cycle_id: int | None
    sent: Sequence[Sent]
    unresolved: int
    seen: Seen | None = field(default=None, repr=False)


class _VenueClock:
    """The venue's wall clock between two looks at it: one answer, carried on by our monotonic clock."""

    def __init__(self, read_at: datetime, clock: Clock, monotonic: float) -> None:
        self._read_at = read_at
        self._clock = clock
        self._monotonic = monotonic

    def now(self) -> datetime:
        return self._read_at + timedelta(seconds=self._clock.monotonic() - self._monotonic)


class ReconcileCycle:
    """The use case behind the periodic task. One instance serves a process; each run is one cycle."""

    def __init__(
        self,
        *,
        store: CycleStore,
        market: MarketData,
        settler: Settler,
        gatherer: Gatherer,
        executor: Executor,
        halt: HaltFile,
        clock: Clock,
        terms: CycleTerms,
        trading_terms: TradingTerms,
        me: ServiceReport,
        holder: str,
    ) -> None:
        self._store = store
        self._market = market
        self._settler = settler
        self._gatherer = gatherer
        self._executor = executor
        self._halt = halt
        self._clock = clock
        self._terms = terms
        self._trading_terms = trading_terms
        self._me = me
        self._holder = holder

    def run(self) -> CycleResult:
        """Runs one cycle. Database errors leave it; the venue's are part of what it records."""
        started = self._clock.monotonic()
        lease = self._store.acquire_lease(LEASE, self._holder, self._terms.lease_seconds)
        if lease is None:
            return CycleResult("busy", "another cycle holds the lease", None, [], 0)
        try:
            return self._run(lease, started)
        finally:
            self._store.release_lease(lease)

    def _run(self, lease: Lease, started: float) -> CycleResult:
        now = self._clock.now()
        control = self._store.control()
        venue_clock = self._read_venue_clock()
        if isinstance(venue_clock, Unknown):
            return self._record_blind(lease, now, venue_clock.reason)
        settlement = self._settler.settle(venue_clock.now(), now)
        inputs = self._adopted_if_flat(self._gatherer.gather(lease, control, settlement, self._clock.now), lease)
        inputs, decision = decide_on_checked_votes(inputs, self._gatherer.checked_votes)
        return replace(self._act(lease, started, control, venue_clock, settlement, inputs, decision), seen=_seen(inputs, decision))

    def _act(
        self,
        lease: Lease,
        started: float,
        control: Control,
        venue_clock: _VenueClock,
        settlement: Settlement,
        inputs: CycleInputs,
        decision: Decision,
    ) -> CycleResult:
        """Steps 6 and 7: what was decided is recorded, and sent where nothing keeps it back."""
        blocked = self._blocked(control, venue_clock, settlement)
        blocked = self._save_states(inputs, decision, lease) or self._save_risk(inputs, decision, lease) or blocked
        self._record(inputs, decision, blocked, {})
        _tell(decision)
        if blocked is not None:
            return CycleResult("blocked", blocked, lease.token, [], len(settlement.open_orders))
        lease_end = venue_clock.now() + timedelta(seconds=self._terms.lease_seconds - (self._clock.monotonic() - started))
        terms = self._terms
        window = Window(venue_clock.now, lease_end, terms.order_expires, terms.lease_margin, terms.order_min_life)
        flatten_wanted = inputs.flatten_reason is not None or decision.risk.terminal is not None
        sent = self._executor.execute(decision, lease, window, _leverages(inputs), flatten_wanted=flatten_wanted)
        refused = {one.symbol: one.text for one in sent if one.state is None}
        if refused:
            self._record(inputs, decision, None, refused)
        for one in sent:
            level = logging.WARNING if one.overtaken else logging.INFO
            log.log(level, "order %s %s: %s", one.client_order_id, one.symbol, f"{one.state} {one.text}" if one.state else one.text)
        overtaken = next((one.text for one in sent if one.overtaken), None)
        if overtaken is not None:
            return CycleResult("overtaken", overtaken, lease.token, sent, len(self._store.unsettled_orders()))
        unresolved = len(settlement.open_orders)
        if sent:
            unresolved = len(self._settler.settle(venue_clock.now(), self._clock.now()).open_orders)
        status, reason = _status(decision)
        return CycleResult(status, reason, lease.token, sent, unresolved)

    def _read_venue_clock(self) -> _VenueClock | Unknown:
        try:
            read_at = self._market.exchange_time()
            # Counted from the answer's arrival, it is behind the venue's by the way back and never ahead of it: an order expires
            # early rather than late, and none is taken for expired that the venue would still execute.
            return _VenueClock(read_at, self._clock, self._clock.monotonic())
        except VenueError as error:
            return Unknown(f"the venue's clock could not be read: {error}")

    def _blocked(self, control: Control, venue_clock: _VenueClock, settlement: Settlement) -> str | None:
        """Why nothing may be sent in this cycle, or None (step 1)."""
        flatten = control.flatten_reason is not None
        try:
            halted = self._halt.is_halted()
        except OSError as error:
            return f"whether there is a halt file cannot be told: {error}"
        if halted and not flatten:
            return f"halted: {self._halt.reason()}"
        if control.halted and not flatten:
            return f"halted: {control.halt_reason}"
        skew = abs(self._clock.now() - venue_clock.now())
        if skew > self._terms.max_clock_skew:
            return f"clock skew: {skew.total_seconds():.1f} s from the venue, limit {self._terms.max_clock_skew.total_seconds():g} s"
        if not settlement.readable:
            return "; ".join(settlement.problems)
        return None if flatten else self._differing_services()

    def _differing_services(self) -> str | None:
        oldest = self._store.now() - self._terms.max_service_age
        for service in self._store.services():
            if service.seen_at < oldest:
                continue  # it has stopped or gone: what it would do does not matter until it is heard of again
            if service.config_hash != self._me.config_hash:
                return f"{service.name} runs another config ({service.config_hash[:12]}, here {self._me.config_hash[:12]}): restart it"
            if service.contract_version != self._me.contract_version:
                return f"{service.name} speaks contract version {service.contract_version}, here {self._me.contract_version}"
        return None

    def _adopted_if_flat(self, inputs: CycleInputs, lease: Lease) -> CycleInputs:
        """An account that all agree is flat needs nobody's word to be adopted; what they agreed on must be of now."""
        if inputs.adopted:
            return inputs
        agreements = find_agreements(inputs)
        positions = [item.agreed for item in agreements.by_symbol.values()]
        if not positions or not all(isinstance(agreed, Known) and agreed.value == 0 for agreed in positions):
            return inputs
        try:
            self._store.adopt(inputs.account, lease)
        except IntentRefused as refusal:
            log.warning("account %s was not adopted: %s", inputs.account, refusal)
            return inputs
        log.info("account %s adopted: all sources agree that it is flat", inputs.account)
        return replace(inputs, adopted=True)

    def _save_states(self, inputs: CycleInputs, decision: Decision, lease: Lease) -> str | None:
        """Why this decision is not to be acted on: the lease has passed, or a person changed what it was made from. Else None."""
        try:
            changed = self._store.save_symbol_states([item.state for item in decision.by_symbol.values()], read=inputs.states, lease=lease)
        except IntentRefused as refusal:
            return str(refusal)
        return f"{', '.join(changed)}: adopted or locked while this cycle ran; the next one reads it again" if changed else None

    def _save_risk(self, inputs: CycleInputs, decision: Decision, lease: Lease) -> str | None:
        """Why this decision is not to be acted on, or None. At the terminal level what `3t flatten` does is done here, the file last."""
        try:
            saved = self._store.save_risk(decision.risk, read=inputs.risk, lease=lease)
        except IntentRefused as refusal:
            return str(refusal)
        if not saved:
            return "a person took the drawdown's level back while this cycle ran; the next one reads it again"
        if decision.risk.terminal is not None and not self._halted_by_file():
            try:
                self._halt.halt("3t", decision.risk.terminal)
            except OSError:
                log.exception("the halt file could not be written, the database's row halts alone")
        return None

    def _halted_by_file(self) -> bool:
        try:
            return self._halt.is_halted()
        except OSError:
            return False

    def _record(self, inputs: CycleInputs, decision: Decision, blocked: str | None, refused: Mapping[Symbol, str]) -> None:
        """``refused``: what the checks at the sending kept from being sent."""
        status, reason = ("blocked", blocked) if blocked is not None else _status(decision)
        record = inputs_to_json(inputs)
        full_size = self._trading_terms.terms.vote_full_size_runs
        self._store.save_decision(
            DecisionRecord(
                cycle_id=inputs.cycle_id,
                at=inputs.now,
                status=status,
                reason=reason,
                inputs=record,
                inputs_hash=hash_of(record),
                targets=targets_to_json(decision, full_size, refused),
                plan=plan_to_json(decision),
                consensus_symbols=sum(isinstance(item.agreement.agreed, Known) for item in decision.by_symbol.values()),
            )
        )

    def _record_blind(self, lease: Lease, now: datetime, reason: str) -> CycleResult:
        """Without the venue's clock nothing can be settled or expire: the cycle says so and ends."""
        empty: Mapping[str, str] = {}
        self._store.save_decision(DecisionRecord(lease.token, now, "blocked", reason, empty, hash_of(empty), {}, [], 0))
        return CycleResult("blocked", reason, lease.token, [], len(self._store.unsettled_orders()))


def _seen(inputs: CycleInputs, decision: Decision) -> Seen:
    """Every source counts for the positions: what one of them alone sees is there for somebody to look at."""
    held = {
        name
        for name, item in decision.by_symbol.items()
        if name not in inputs.products and any(isinstance(view, Known) and view.value != 0 for view in item.agreement.sources.values())
    }
    orders = None if isinstance(inputs.foreign, Unknown) else len(inputs.foreign.value)
    return Seen(decision.rejected, orders, len(held))


def _leverages(inputs: CycleInputs) -> dict[Symbol, int]:
    """The same as what the caps of ``symbol_cap_usd`` count with."""
    known = {name: rules for name, rules in inputs.rules.items() if isinstance(rules, MarketRules)}
    return {
        name: min(terms.leverage, terms.max_leverage, known[name].max_leverage) for name, terms in inputs.products.items() if name in known
    }


def _tell(decision: Decision) -> None:
    """What a person has to hear of, as soon as it is recorded."""
    if decision.no_new_risk is not None:
        log.log(logging.WARNING if decision.risk.terminal is None else logging.ERROR, "nothing may grow: %s", decision.no_new_risk)
    for name, item in decision.by_symbol.items():
        if item.alert is not None:
            log.error("%s: %s", name, item.alert)


def _status(decision: Decision) -> tuple[str, str]:
    if decision.plan:
        said = ", ".join(f"{order.correction.symbol} {decision.by_symbol[order.correction.symbol].result}" for order in decision.plan)
        return "traded", said
    holds = {name: item.result for name, item in decision.by_symbol.items() if item.result.startswith("hold")}
    if holds:
        return "held", "; ".join(f"{name} {result}" for name, result in holds.items())
    kept = {name: item.target.reason for name, item in decision.by_symbol.items() if isinstance(item.target, ReduceOnly)}
    if kept:
        return "idle", f"nothing to reduce, and nothing may grow in {'; '.join(f'{name}: {reason}' for name, reason in kept.items())}"
    return "idle", "every symbol is at its target"
