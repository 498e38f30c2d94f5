"""The picture as one JSON document: what `3t status --json` prints. Its keys are meant to last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from threet.application.store import Control, DecisionRecord, OrderRecord
from threet.cli.status.picture import Aged, Picture, Problem, SymbolView, as_json
from threet.cli.status.rejected import rejected_reports
from threet.domain.symbol_state import SymbolState
from threet.domain.values import Unknown


def as_document(picture: Picture, problems: Sequence[Problem]) -> dict[str, Any]:
    """Decimals are strings, times ISO 8601, ages wall seconds. What could not be read is ``{"unknown": reason}``, never a number."""
    return {
        "at": picture.at.isoformat(),
        "config_hash": picture.config_hash,
        "newest_config_hash": as_json(picture.newest_config_hash),
        "halted": _halted(picture),
        "free_disk_mb": as_json(picture.free_disk_mb),
        "services": _services(picture),
        "queues": _queues(picture),
        "observers": {view.name: {"answers": view.answers, "url": view.url, "detail": view.detail} for view in picture.observers},
        "providence": {"heartbeat_age_seconds": as_json(picture.heartbeat_age), "runs": as_json(picture.runs)},
        "account": picture.account,
        "account_value": _aged(picture.account_value),
        "symbols": {view.symbol: _symbol(view, picture) for view in picture.symbols},
        "rejected_reports": as_json(rejected_reports(picture)),
        "other_origin": _other_origin(picture),
        "open_orders": _orders(picture.unresolved),
        "last_orders": _orders(picture.last_orders),
        "last_decision": _decision(picture),
        "problems": [{"what": problem.what, "cure": problem.cure} for problem in problems],
    }


def _halted(picture: Picture) -> dict[str, Any]:
    """``value`` is None where nobody can tell."""
    control, file = picture.control, picture.halt_file
    in_database = control.halted if isinstance(control, Control) else None
    in_file = None if isinstance(file, Unknown) else file is not None
    value = True if in_file or in_database else None if in_file is None or in_database is None else False
    return {
        "value": value,
        "file": as_json(file),
        "database": {"reason": control.halt_reason or None} if isinstance(control, Control) else as_json(control),
        "flatten": control.flatten_reason if isinstance(control, Control) else as_json(control),
    }


def _services(picture: Picture) -> Any:
    if isinstance(picture.services, Unknown):
        return as_json(picture.services)
    return {service.name: {key: value for key, value in as_json(service).items() if key != "name"} for service in picture.services}


def _queues(picture: Picture) -> Any:
    if isinstance(picture.canary_ages, Unknown):
        return as_json(picture.canary_ages)
    waiting = {} if isinstance(picture.waiting, Unknown) else picture.waiting
    return {queue: {"canary_age_seconds": round(age, 3), "waiting": waiting.get(queue)} for queue, age in picture.canary_ages.items()}


def _symbol(view: SymbolView, picture: Picture) -> dict[str, Any]:
    """``price`` and ``actual`` are as of now; votes, target, sources, agreed, consensus, result and alert are the last decision's."""
    decided, state = view.decided or {}, view.state
    return {
        "is_product": view.is_product,
        "price": _aged(view.price),
        "votes": decided.get("vote"),
        "target": decided.get("target"),
        "actual": as_json(view.actual),
        "actual_age_seconds": as_json(picture.actual_age_seconds),
        "decided_age_seconds": as_json(picture.decided_age_seconds) if view.decided else None,
        "sources": decided.get("sources"),
        "agreed": decided.get("agreed"),
        "consensus": decided.get("consensus"),
        "result": decided.get("result"),
        "alert": decided.get("alert"),
        "foreign_orders": decided.get("foreign_orders"),
        "locked": state.why_locked if state is not None else decided.get("locked"),
        "lock": _lock(state) if state is not None else None,
        "hold_since": as_json(state.hold_since) if state is not None else None,
    }


def _other_origin(picture: Picture) -> dict[str, Any]:
    """What is at the venue and not ours: positions in no product, by symbol, and the number of orders. None where nobody could read it."""
    held = {view.symbol: view.actual for view in picture.symbols if not view.is_product}
    decided = [view.decided for view in picture.symbols if view.decided]
    return {
        "positions": {name: as_json(actual) for name, actual in held.items() if actual != 0},
        "orders": sum(len(entry.get("foreign_orders") or []) for entry in decided) if decided else None,
    }


def _lock(state: SymbolState) -> dict[str, Any]:
    """The engine's lock with what each source said at it, a person's own one, and who opened one last."""
    engine = {
        "reason": state.lock_reason,
        "at": as_json(state.locked_at),
        "sources": state.lock_sources,
        "agreeing_rounds": state.agreeing_rounds,
        "needs_person": state.needs_person,
    }
    person = {"reason": state.manual_reason, "by": state.manual_by, "until": as_json(state.manual_until)}
    return {
        "engine": None if state.lock_reason is None else engine,
        "person": None if state.manual_reason is None else person,
        "unlocked": state.unlocked,
    }


def _decision(picture: Picture) -> Any:
    decision = picture.decision
    if not isinstance(decision, DecisionRecord):
        return as_json(decision)
    return {
        "cycle_id": decision.cycle_id,
        "at": decision.at.isoformat(),
        "age_seconds": as_json(picture.decided_age_seconds),
        "status": decision.status,
        "reason": decision.reason,
        "plan": as_json(list(decision.plan)),
        "consensus_symbols": decision.consensus_symbols,
    }


def _orders(orders: Sequence[OrderRecord] | Unknown) -> Any:
    return as_json(orders) if isinstance(orders, Unknown) else [as_json(order) for order in orders]


def _aged(value: Aged | Unknown) -> Any:
    return as_json(value)
