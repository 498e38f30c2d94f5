"""Facts for the tests, with the one thing changed that a test is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.support.heartbeats import heartbeat_of

from threet.application.facts import AccountSnapshot, Fill, RunRow, ShardHeartbeat, SymbolRuns
from threet.application.store import DecisionRecord, OrderRecord
from threet.domain.values import OrderState, Position, Side, Symbol

BTC = Symbol("BTC/USDC:USDC")
ETH = Symbol("ETH/USDC:USDC")
ACCOUNT = "0x00000000000000000000000000000000000000aa"
NOON = datetime(2026, 6, 1, 12, 0, 0, 123456, tzinfo=UTC)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def order(number: int = 1, **changes: Any) -> OrderRecord:
    base = OrderRecord(
        client_order_id=f"0x{number:032x}",
        cycle_id=number,
        symbol=BTC,
        side=Side.BUY,
        contracts=Decimal("0.123456789012345678"),
        limit_price=Decimal("60000.5"),
        reduce_only=False,
        state=OrderState.INTENT,
        expires_at=NOON + seconds(8),
        created_at=NOON,
        reason="target above actual",
    )
    return replace(base, **changes)


def fill(number: int = 1, **changes: Any) -> Fill:
    base = Fill(
        fill_id=str(number),
        exchange_order_id=f"e{number}",
        client_order_id=f"0x{number:032x}",
        symbol=BTC,
        side=Side.SELL,
        contracts=Decimal("0.1"),
        price=Decimal("60000.5"),
        fee=Decimal("-0.0000001"),
        closed_pnl=Decimal("1.5"),
        exchange_time=NOON + seconds(number),
        is_liquidation=False,
    )
    return replace(base, **changes)


def snapshot(**changes: Any) -> AccountSnapshot:
    base = AccountSnapshot(
        account=ACCOUNT,
        account_value=Decimal("10000.000000000000000001"),
        withdrawable=Decimal("9000"),
        margin_used=Decimal("1000.5"),
        positions=(Position(BTC, Decimal("-0.25"), Decimal("60000")), Position(ETH, Decimal("3"))),
        exchange_time=NOON,
        observed_at=NOON + seconds(1),
    )
    return replace(base, **changes)


def run(name: str, **changes: Any) -> RunRow:
    base = RunRow(
        id=name,
        shard=0,
        strategy="trend",
        symbol=BTC,
        parameters={"fast_bars": 5.0},
        position_direction=1,
        live_pnl=0.1 + 0.2,
        closed_trades=3,
        votes=True,
        start_balance=10000.0,
        status="active",
        exit_reason=None,
        started_at=NOON,
        ended_at=None,
    )
    return replace(base, **changes)


def beat_of(*rows: RunRow, **changes: Any) -> ShardHeartbeat:
    """The one that goes with these rows, as if they were all that its shard has."""
    shard, shards = changes.pop("shard", 0), changes.pop("shards", 1)
    return replace(heartbeat_of(rows, NOON, shard=shard, shards=shards), **changes)


def beat(active: dict[Symbol, int], **changes: Any) -> ShardHeartbeat:
    """So many active runs of each symbol, of which none votes."""
    base = ShardHeartbeat(
        shard=0,
        shards=1,
        beat_at=NOON,
        market_time=None,
        seed=7,
        by_symbol={name: SymbolRuns(True, 0, 0, count, 0, NOON) for name, count in active.items()},
    )
    return replace(base, **changes)


def decision(cycle_id: int, **changes: Any) -> DecisionRecord:
    base = DecisionRecord(
        cycle_id=cycle_id,
        at=NOON,
        status="idle",
        reason="at target",
        inputs={"prices": {"BTC/USDC:USDC": "60000.5"}},
        inputs_hash="ab" * 32,
        targets={"BTC/USDC:USDC": {"kind": "Hold"}},
        plan=[{"symbol": "BTC/USDC:USDC"}],
        consensus_symbols=1,
    )
    return replace(base, **changes)
