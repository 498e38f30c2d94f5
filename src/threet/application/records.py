"""A decision as JSON: what `3t status` shows, what `3t why` will explain, and what computes the same plan again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from threet.domain.decision import Decision, SymbolDecision
from threet.domain.inputs import CycleInputs
from threet.domain.planned import PlannedOrder
from threet.domain.targets import AnyTarget, Hold
from threet.domain.values import Known, Symbol, Unknown
from threet.domain.votes import net_vote

_INPUTS: TypeAdapter[CycleInputs] = TypeAdapter(CycleInputs)


def inputs_to_json(inputs: CycleInputs) -> dict[str, Any]:
    """Every input as JSON values: decimals as strings, times as ISO 8601."""
    return dict(_INPUTS.dump_python(inputs, mode="json"))


def inputs_from_json(record: Mapping[str, Any]) -> CycleInputs:
    """The inputs again, as the decision saw them."""
    return _INPUTS.validate_json(json.dumps(record))


def hash_of(record: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON."""
    return hashlib.sha256(json.dumps(record, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def targets_to_json(decision: Decision, vote_full_size_runs: int, refused: Mapping[Symbol, str]) -> dict[str, Any]:
    """``refused``: by symbol, why its order of the plan was not sent."""
    return {
        name: {**_symbol_to_json(item, vote_full_size_runs), "not_sent": refused.get(name)}
        for name, item in sorted(decision.by_symbol.items())
    }


def plan_to_json(decision: Decision) -> list[dict[str, Any]]:
    """The corrections, then the stops that are to rest."""
    return [_order_to_json(order) for order in [*decision.plan, *decision.stops]]


def _order_to_json(order: PlannedOrder) -> dict[str, Any]:
    return {
        "client_order_id": order.client_order_id,
        "symbol": order.correction.symbol,
        "side": order.correction.side.value,
        "contracts": str(order.correction.contracts),
        "limit_price": str(order.limit_price),
        "reduce_only": order.correction.reduce_only,
        "reason": order.reason,
        "trigger_price": None if order.trigger_price is None else str(order.trigger_price),
    }


def _symbol_to_json(item: SymbolDecision, vote_full_size_runs: int) -> dict[str, Any]:
    agreed = item.agreement.agreed
    vote = item.vote
    return {
        "target": _target_to_json(item.target),
        "actual": str(agreed.value) if isinstance(agreed, Known) else None,
        "agreed": isinstance(agreed, Known),
        "consensus": agreed.source if isinstance(agreed, Known) else agreed.reason,
        "sources": {name: _view_to_json(view) for name, view in sorted(item.agreement.sources.items())},
        "vote": None
        if vote is None
        else {
            "net": str(net_vote(vote.direction_sum, vote.voters, vote_full_size_runs)),
            "direction_sum": vote.direction_sum,
            "voters": vote.voters,
            "active_runs": vote.active_runs,
        },
        "price": None if item.price is None else str(item.price),
        "locked": item.state.why_locked,
        "result": item.result,
        "alert": item.alert,
        "limits": list(item.limits),
        "foreign_orders": [str(order) for order in item.foreign_orders],
    }


def _target_to_json(target: AnyTarget) -> dict[str, Any]:
    contracts = None if isinstance(target, Hold) else getattr(target, "contracts", None)
    return {
        "kind": type(target).__name__,
        "contracts": None if contracts is None else str(contracts),
        "reason": getattr(target, "reason", None),
    }


def _view_to_json(view: Known[Any] | Unknown) -> dict[str, Any]:
    if isinstance(view, Unknown):
        return {"contracts": None, "as_of": None, "reason": view.reason}
    return {"contracts": str(view.value), "as_of": view.as_of.isoformat(), "reason": None}
