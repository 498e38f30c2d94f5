"""The sections of config.yml that decide what is traded and how much. What sizes a real order is Decimal; virtual runs are float."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from threet.settings.kinds import (
    BasisPoints,
    Count,
    CountOrZero,
    Factor,
    Flag,
    Folder,
    Leverage,
    Milliseconds,
    Name,
    Percent,
    PercentOrZero,
    PercentOverAll,
    PositiveRange,
    Range,
    Seconds,
    SecondsOrZero,
    SignedPercent,
    SymbolName,
    Usd,
)
from threet.settings.sections import Section


class ReconciliationSettings(Section):
    risk_pos_percentage: Percent
    vote_full_size_runs: Count
    tolerance_lots: CountOrZero
    account_value_tolerance_percent: Percent
    settle_margin_ms: Milliseconds
    order_slippage_bps: BasisPoints
    order_expires_seconds: Seconds
    order_min_life_seconds: Seconds
    expiry_margin_seconds: SecondsOrZero
    lease_seconds: Seconds
    lease_margin_seconds: Seconds
    max_hold_seconds: Seconds
    on_long_hold: Literal["alert", "flatten"]
    max_quarantined_percent: Percent
    on_external_change: Literal["lock", "correct"]
    unlock_after_rounds: Count
    stop_slippage_bps: BasisPoints
    mark_tolerance_percent: Percent
    fills_overlap_seconds: Seconds


class LimitsSettings(Section):
    max_gross_exposure_percent: PercentOverAll
    max_net_exposure_percent: PercentOverAll
    max_order_usd: Usd
    max_orders_per_hour: Count
    max_daily_loss_percent: Percent
    soft_drawdown_percent: Percent
    terminal_drawdown_percent: Percent
    drawdown_readings: Count


class SymbolSettings(Section):
    """How one symbol trades: ``symbol_defaults`` with what ``symbols.NAME`` says instead."""

    leverage: Leverage
    max_notional_usd: Usd
    no_trade_band_percent: Percent
    price_band_percent: Percent
    can_go_long: Flag
    can_go_short: Flag
    reduce_only: Flag
    stop_loss_percent: Percent | None
    half_spread_bps: BasisPoints
    slippage_bps: BasisPoints


_MAY_BE_NULL = frozenset({"stop_loss_percent"})
"""Keys whose null means something: it takes back what ``symbol_defaults`` says."""


class SymbolOverride(Section):
    """Any of the keys of SymbolSettings. An absent one means that ``symbol_defaults`` holds."""

    leverage: Leverage | None = None
    max_notional_usd: Usd | None = None
    no_trade_band_percent: Percent | None = None
    price_band_percent: Percent | None = None
    can_go_long: Flag | None = None
    can_go_short: Flag | None = None
    reduce_only: Flag | None = None
    stop_loss_percent: Percent | None = None
    half_spread_bps: BasisPoints | None = None
    slippage_bps: BasisPoints | None = None

    def over(self, defaults: SymbolSettings) -> SymbolSettings:
        given = {name: getattr(self, name) for name in self.model_fields_set if getattr(self, name) is not None or name in _MAY_BE_NULL}
        return defaults.model_copy(update=given)


class StrategySettings(Section):
    weight: Factor
    parameters: Mapping[Name, Range]


class ProvidenceSettings(Section):
    shards: Count
    saved_runs: Folder
    seed: CountOrZero
    runs_per_symbol: Count
    symbol_weights: Mapping[SymbolName, Factor]
    descend_percent: PercentOrZero
    mutation_percent: PercentOrZero
    ancestors_per_symbol: Count
    candle_interval: Literal["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "8h", "12h", "1d"]
    warmup_bars: Count
    warmup_spare_percent: PercentOverAll
    start_balance_usd: Factor
    leverage: Leverage
    taker_fee_bps: Factor
    duration_market_seconds: PositiveRange
    max_loss_percent: PositiveRange
    target_percent: PositiveRange
    vote_min_age_market_seconds: SecondsOrZero
    vote_min_trades: CountOrZero
    vote_enter_return_percent: SignedPercent
    vote_exit_return_percent: SignedPercent
    publish_interval_seconds: Seconds
    snapshot_interval_seconds: Seconds
    products_interval_seconds: Seconds
    summary_interval_seconds: Seconds
    poll_seconds: Seconds
    stop_timeout_seconds: Seconds
    last_snapshots_timeout_seconds: Seconds
    read_entries: Count
    inbox_messages: Count
    unpublished_runs: Count
    strategies_folder: Folder
    strategies: Mapping[Name, StrategySettings]
