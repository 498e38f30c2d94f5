"""A healthy picture of the platform, to be changed in one place by a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from threet.adapters.sql.run_totals import RunTotals
from threet.application.roles import role_of
from threet.application.store import Control, DecisionRecord, OrderRecord
from threet.cli.status.picture import Aged, ObserverView, Picture, ServiceView, SymbolView
from threet.domain.symbol_state import SymbolState
from threet.domain.values import OrderState, Side, symbol
from threet.settings import load_settings

SETTINGS = load_settings(Path(__file__).parents[3] / "config.yml")
NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
BTC, ETH = symbol("BTC/USDC:USDC"), symbol("ETH/USDC:USDC")


def entry(
    target: str | None = "0.5", actual: str | None = "0.5", kind: str = "Target", reason: str | None = None, **changes: Any
) -> dict[str, Any]:
    """One symbol of a decision, as the cycle records it."""
    view = {"contracts": actual, "as_of": NOW.isoformat() if actual else None, "reason": None if actual else "away"}
    return {
        "target": {"kind": kind, "contracts": target, "reason": reason},
        "actual": actual,
        "agreed": actual is not None,
        "consensus": "local, a, b, c" if actual is not None else "quorum",
        "sources": {name: dict(view) for name in ("local", "a", "b", "c")},
        "vote": {"net": "0.25", "direction_sum": 2, "voters": 2, "active_runs": 24},
        "price": "100",
        "locked": None,
        "result": "at target",
        "alert": None,
        **changes,
    }


def decision(cycle_id: int = 7, at: datetime | None = None, targets: Mapping[Any, Any] | None = None, **changes: Any) -> DecisionRecord:
    at = at or NOW - timedelta(seconds=2)
    shown: Mapping[Any, Any] = {BTC: entry(), ETH: entry("0", "0")} if targets is None else targets
    return replace(DecisionRecord(cycle_id, at, "idle", "every symbol is at its target", {}, "", shown, [], 2), **changes)


def order(state: OrderState = OrderState.FILLED, filled: str = "0.5", **changes: Any) -> OrderRecord:
    made = OrderRecord(
        client_order_id="0x01",
        cycle_id=7,
        symbol=BTC,
        side=Side.BUY,
        contracts=Decimal("0.5"),
        limit_price=Decimal(101),
        reduce_only=False,
        state=state,
        expires_at=NOW + timedelta(seconds=5),
        created_at=NOW - timedelta(seconds=3),
        reason="Target 0.5 from 0",
        filled_contracts=Decimal(filled),
    )
    return replace(made, **changes)


def service(name: str = "celery_worker/market@host", **changes: Any) -> ServiceView:
    healthy = ServiceView(name, role_of(name), 1.0, True, False, True, SETTINGS.config_hash, 1, "dev")
    return replace(healthy, **changes)


def view(name: str = BTC, decided: dict[str, Any] | None = None, state: SymbolState | None = None, is_product: bool = True) -> SymbolView:
    return SymbolView(symbol(name), is_product, Aged(Decimal(100), 1.0), Decimal("0.5"), decided if decided is not None else entry(), state)


def picture(**changes: Any) -> Picture:
    healthy = Picture(
        at=NOW,
        account="0xabc",
        config_hash=SETTINGS.config_hash,
        free_disk_mb=9000.0,
        halt_file=None,
        control=Control(False, "", None, "0xabc"),
        services=[service(), service("celery_worker_reconcile/reconcile@host")],
        canary_ages={"market": 1.0, "account": 1.0, "reconcile": 1.0},
        waiting={"market": 0, "account": 0, "reconcile": 0},
        observers=[ObserverView(name, f"http://127.0.0.1:{port}", True, "ok") for name, port in (("a", 1), ("b", 2), ("c", 3))],
        heartbeat_age=0.5,
        runs=RunTotals(96, 40, 12.5),
        account_value=Aged(Decimal("10000.5"), 1.0),
        symbols=[view(BTC), view(ETH, entry("0", "0"))],
        unresolved=[],
        last_orders=[order()],
        decision=decision(),
    )
    return replace(healthy, **changes)
