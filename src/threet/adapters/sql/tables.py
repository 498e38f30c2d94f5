"""The tables of database ``3t``. init.sql and migrations/ hold the same schema; a test compares the three on a real MariaDB."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from threet.adapters.sql.types import Float64, Json, Money, Prose, Serial, UtcDateTime

SCHEMA_VERSION = 4
"""The number of the newest file in migrations/."""

metadata = MetaData()


def _table(name: str, *content: Any) -> Table:
    # utf8mb4_bin compares exactly: a symbol in other case is another symbol, as on SQLite.
    return Table(name, metadata, *content, mysql_engine="InnoDB", mysql_charset="utf8mb4", mysql_collate="utf8mb4_bin")


def _required(name: str, kind: Any, *more: Any, **options: Any) -> Column[Any]:
    return Column(name, kind, *more, nullable=False, **options)


def _key(name: str, kind: Any) -> Column[Any]:
    return Column(name, kind, primary_key=True, autoincrement=False)


exchanges = _table(
    "exchanges",
    Column("id", Integer, primary_key=True),
    _required("name", String(64)),
    UniqueConstraint("name", name="exchanges_name"),
)

instruments = _table(
    "instruments",
    Column("id", Integer, primary_key=True),
    _required("name", String(64)),
    UniqueConstraint("name", name="instruments_name"),
)

products = _table(
    "products",
    Column("id", Integer, primary_key=True),
    _required("instrument_id", Integer, ForeignKey("instruments.id", name="products_instrument")),
    _required("exchange_id", Integer, ForeignKey("exchanges.id", name="products_exchange")),
    _required("symbol", String(64)),
    _required("product_type", String(16)),
    _required("max_leverage", Integer),
    UniqueConstraint("exchange_id", "symbol", name="products_symbol"),
    Index("products_instrument", "instrument_id"),
)

balance_history = _table(
    "balance_history",
    Column("id", Serial, primary_key=True),
    _required("account", String(64)),
    _required("account_value", Money),
    _required("withdrawable", Money),
    _required("margin_used", Money),
    _required("exchange_time", UtcDateTime),
    _required("observed_at", UtcDateTime),
    Index("balance_history_observed", "observed_at"),
)

position_snapshots = _table(
    "position_snapshots",
    Column("id", Serial, primary_key=True),
    _required("account", String(64)),
    _required("balance_id", Serial, ForeignKey("balance_history.id", name="position_snapshots_balance")),
    _required("exchange_time", UtcDateTime),
    _required("observed_at", UtcDateTime),
    _required("complete", Boolean),
    Index("position_snapshots_latest", "account", "complete", "id"),
    Index("position_snapshots_observed", "observed_at"),
    Index("position_snapshots_balance", "balance_id"),
)

positions = _table(
    "positions",
    Column(
        "snapshot_id",
        Serial,
        ForeignKey("position_snapshots.id", name="positions_snapshot", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    _key("symbol", String(64)),
    _required("contracts", Money),
    Column("entry_price", Money),
)

runs = _table(
    "runs",
    _key("id", String(36)),
    _required("shard", Integer),
    _required("strategy", String(64)),
    _required("symbol", String(64)),
    _required("parameters", Json),
    _required("position_direction", SmallInteger),
    _required("live_pnl", Float64),
    _required("closed_trades", Integer),
    _required("votes", Boolean),
    _required("start_balance", Float64),
    _required("status", String(16)),
    Column("exit_reason", String(255)),
    _required("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    _required("updated_at", UtcDateTime),
    Index("runs_votes", "status", "symbol", "shard", "votes", "position_direction"),
    Index("runs_shard", "shard", "status"),
    Index("runs_updated", "status", "updated_at"),
)

run_wishes = _table(
    "run_wishes",
    _key("run_id", String(36)),
    _required("reason", String(255)),
    _required("asked_at", UtcDateTime),
    Index("run_wishes_asked", "asked_at"),
)

providence_shards = _table(
    "providence_shards",
    _key("shard", Integer),
    _required("shards", Integer),
    _required("beat_at", UtcDateTime),
    Column("market_time", UtcDateTime),
    _required("seed", BigInteger),
    _required("by_symbol", Json),
)

orders = _table(
    "orders",
    Column("id", Serial, primary_key=True),
    _required("client_order_id", String(64)),
    _required("cycle_id", BigInteger),
    _required("symbol", String(64)),
    _required("side", String(4)),
    _required("contracts", Money),
    _required("limit_price", Money),
    Column("trigger_price", Money),
    _required("reduce_only", Boolean),
    _required("state", String(16)),
    _required("expires_at", UtcDateTime),
    _required("created_at", UtcDateTime),
    _required("reason", Prose),
    Column("exchange_order_id", String(64)),
    _required("filled_contracts", Money),
    Column("average_price", Money),
    _required("text", Prose),
    Column("settled_at", UtcDateTime),
    UniqueConstraint("client_order_id", name="orders_client_order_id"),
    Index("orders_state", "state", "settled_at"),
    Index("orders_settled", "symbol", "settled_at"),
    Index("orders_cycle", "cycle_id"),
    Index("orders_exchange_order_id", "exchange_order_id"),
    Index("orders_created", "created_at"),
)

fills = _table(
    "fills",
    _key("fill_id", String(64)),
    _required("exchange_order_id", String(64)),
    Column("client_order_id", String(64)),
    _required("symbol", String(64)),
    _required("side", String(4)),
    _required("contracts", Money),
    _required("price", Money),
    _required("fee", Money),
    _required("closed_pnl", Money),
    _required("exchange_time", UtcDateTime),
    _required("is_liquidation", Boolean),
    _required("observed_at", UtcDateTime),
    Index("fills_symbol", "symbol", "exchange_time"),
    Index("fills_order", "client_order_id"),
    Index("fills_time", "exchange_time"),
)

decisions = _table(
    "decisions",
    _key("cycle_id", BigInteger),
    _required("at", UtcDateTime),
    _required("status", String(32)),
    _required("reason", Prose),
    _required("inputs", Json),
    _required("inputs_hash", String(64)),
    _required("targets", Json),
    _required("plan", Json),
    _required("consensus_symbols", Integer),
    Index("decisions_at", "at"),
)

leases = _table(
    "leases",
    _key("name", String(64)),
    _required("holder", String(255)),
    _required("token", BigInteger),
    _required("acquired_at", UtcDateTime),
    _required("expires_at", UtcDateTime),
)

platform_state = _table("platform_state", _key("name", String(64)), _required("value", Text))

symbol_states = _table(
    "symbol_states",
    _key("symbol", String(64)),
    Column("agreed_contracts", Money),
    Column("agreed_at", UtcDateTime),
    Column("lock_reason", Prose),
    Column("locked_at", UtcDateTime),
    _required("agreeing_rounds", Integer),
    _required("needs_person", Boolean),
    Column("hold_since", UtcDateTime),
    _required("dust", Boolean),
    Column("accepted_price", Money),
    Column("lock_sources", Prose),
    Column("manual_reason", Prose),
    Column("manual_by", String(255)),
    Column("manual_until", UtcDateTime),
    Column("unlocked", Prose),
    _required("astray_contracts", Money),
)

observer_sequences = _table("observer_sequences", _key("public_key", String(64)), _required("sequence", BigInteger))

services = _table(
    "services",
    _key("name", String(128)),
    _required("config_hash", String(64)),
    _required("contract_version", Integer),
    _required("build_id", String(128)),
    _required("seen_at", UtcDateTime),
)

schema_migrations = _table(
    "schema_migrations",
    _key("version", Integer),
    _required("name", String(128)),
    _required("applied_at", UtcDateTime),
)
