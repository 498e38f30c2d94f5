"""What was known, what was wanted, what bit, what was sent and what came of it: sections of plain sentences out of the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from threet.application.facts import Fill
from threet.application.records import inputs_from_json
from threet.application.store import DecisionRecord, OrderRecord
from threet.domain.decision import decide
from threet.domain.inputs import CycleInputs
from threet.domain.symbol_state import SymbolState
from threet.domain.values import Known, Symbol, Unknown


@dataclass(frozen=True, slots=True)
class Story:
    """What the record holds of one symbol in one cycle. ``order`` and ``fills`` are those of the order that is asked about, if any."""

    symbol: Symbol
    record: DecisionRecord
    order: OrderRecord | None
    fills: Sequence[Fill]
    state: SymbolState | None


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    lines: Sequence[str]


def explain(story: Story) -> list[Section]:
    """The sections in the order of a cycle. A cycle that read nothing has its reason alone."""
    if not story.record.inputs:
        return [Section("The cycle", [f"It read nothing and sent nothing: {story.record.reason}"])]
    inputs = inputs_from_json(story.record.inputs)
    told: Mapping[str, Any] = story.record.targets.get(story.symbol, {})
    sections = [
        Section("What it knew", _known(inputs, story.symbol)),
        Section("What the runs wanted", _votes(inputs, story.symbol, told)),
        Section("How large", _size(inputs, story.symbol, told)),
        Section("What the account held, as each source said", _sources(inputs, told)),
        Section("What it decided", _decided(story, told)),
    ]
    if story.order is not None:
        sections.append(Section("What became of the order", _outcome(story.order, story.fills)))
    return [*sections, Section("Now", _now(story.state))]


def _age(inputs: CycleInputs, as_of: datetime) -> str:
    return f"{max((inputs.now - as_of).total_seconds(), 0.0):.1f} s old"


def _known(inputs: CycleInputs, name: Symbol) -> list[str]:
    price = inputs.prices.get(name)
    lines = [f"price: unknown ({price.reason})" if isinstance(price, Unknown) else "price: none"]
    if isinstance(price, Known):
        lines = [f"price {price.value:,} from {price.source}, {_age(inputs, price.as_of)}"]
    value = decide(inputs).account_value
    lines.append(
        f"account value: unknown ({value.reason})"
        if isinstance(value, Unknown)
        else f"account value {value.value:,.2f} USD, the lowest that agrees: {value.source}, {_age(inputs, value.as_of)}"
    )
    return lines


def _votes(inputs: CycleInputs, name: Symbol, told: Mapping[str, Any]) -> list[str]:
    if isinstance(inputs.votes, Unknown):
        return [f"unknown: {inputs.votes.reason}"]
    read = inputs.votes.value.get(name)
    if isinstance(read, Unknown):
        return [f"unknown: {read.reason}"]
    vote = told.get("vote")
    if vote is None:
        return [f"{name}: no votes are known"]
    voters, summed = vote["voters"], vote["direction_sum"]
    full = inputs.terms.vote_full_size_runs
    return [
        f"{voters} of {vote['active_runs']} active runs vote: {(voters + summed) // 2} long, {(voters - summed) // 2} short or flat",
        f"net vote {summed} / max({voters} voters, {full} for full size) = {Decimal(vote['net']):+.2f}, {_age(inputs, inputs.votes.as_of)}",
    ]


def _size(inputs: CycleInputs, name: Symbol, told: Mapping[str, Any]) -> list[str]:
    value, vote, price = decide(inputs).account_value, told.get("vote"), told.get("price")
    lines = []
    if isinstance(value, Known) and vote is not None and price is not None:
        percent = inputs.terms.risk_pos_percentage
        raw = Decimal(vote["net"]) * value.value * percent / 100 / Decimal(price)
        lines.append(f"{Decimal(vote['net']):+.2f} × {value.value:,.2f} USD × {percent} % / {Decimal(price):,} = {raw:+.6f} contracts")
    rules = inputs.rules.get(name)
    if isinstance(rules, Unknown):
        lines.append(f"the venue's rules are unknown: {rules.reason}")
    elif rules is not None:
        lines.append(f"rounded toward zero to the lot of {rules.lot}; the venue opens nothing below {rules.minimum_notional_usd} USD")
    limits = told.get("limits", [])
    return [*lines, *(f"limit: {limit}" for limit in limits)] if limits else [*lines, "no limit bit"]


def _sources(inputs: CycleInputs, told: Mapping[str, Any]) -> list[str]:
    lines = []
    for source, view in told.get("sources", {}).items():
        if view["contracts"] is None:
            lines.append(f"{source}: not counted: {view['reason']}")
        else:
            lines.append(f"{source}: {view['contracts']}, {_age(inputs, datetime.fromisoformat(view['as_of']))}")
    agreed = f"agreed by {told.get('consensus')}" if told.get("agreed") else f"not agreed: {told.get('consensus')}"
    return [*lines, f"{agreed} (quorum {inputs.terms.quorum} observers besides our own)"]


def _decided(story: Story, told: Mapping[str, Any]) -> list[str]:
    target = told.get("target") or {"kind": "nothing", "contracts": None, "reason": "this cycle knew no such symbol"}
    size = f" {target['contracts']}" if target["contracts"] is not None else ""
    why = f", {target['reason']}" if target["reason"] else ""
    lines = [f"target: {target['kind']}{size}{why}", f"so: {told.get('result', 'nothing')}"]
    for order in story.record.plan:
        if order["symbol"] == story.symbol:
            what = f"{order['side']} {order['contracts']}{' reduce-only' if order['reduce_only'] else ''}"
            lines.append(f"planned: {what} at {order['limit_price']} or better ({order['client_order_id']})")
    for key, words in (("not_sent", "not sent"), ("locked", "locked"), ("alert", "alert")):
        if told.get(key):
            lines.append(f"{words}: {told[key]}")
    if story.record.status == "blocked":
        lines.append(f"the whole cycle sent nothing: {story.record.reason}")
    return lines


def _outcome(order: OrderRecord, fills: Sequence[Fill]) -> list[str]:
    lines = [f"{order.state}: {order.filled_contracts} of {order.contracts} filled" + (f", {order.text}" if order.text else "")]
    for fill in fills:
        lines.append(f"fill {fill.contracts} at {fill.price:,} at {fill.exchange_time:%H:%M:%S}, fee {fill.fee} USD")
    if order.settled_at is not None:
        lines.append(f"settled {(order.settled_at - order.created_at).total_seconds():.1f} s after it was decided")
    else:
        lines.append(f"its end is not known yet; the venue itself refuses it after {order.expires_at:%H:%M:%S}")
    return lines


def _now(state: SymbolState | None) -> list[str]:
    if state is None:
        return ["nothing is remembered of this symbol"]
    lines = [f"last agreed position {state.agreed_contracts}" if state.agreed_contracts is not None else "no position was ever agreed"]
    if state.lock_reason:
        lines.append(f"locked: {state.lock_reason}")
    if state.hold_since is not None:
        lines.append(f"holds since {state.hold_since:%Y-%m-%d %H:%M:%S}")
    return lines
