"""The numbers that a person chose, as the rules need them. They come from config.yml; none has a default."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from threet.domain.drawdown import RiskTerms


@dataclass(frozen=True, slots=True)
class SymbolTerms:
    """How one symbol is traded. ``no_trade_band_percent`` is of a full position; ``max_leverage`` is the product's own limit.

    ``can_go_long``, ``can_go_short`` and ``reduce_only`` stop new risk; none of them closes what is held.
    ``stop_loss_percent`` is of the entry price, None for no resting stop.
    """

    leverage: int
    max_leverage: int
    max_notional_usd: Decimal
    no_trade_band_percent: Decimal
    price_band_percent: Decimal
    can_go_long: bool
    can_go_short: bool
    reduce_only: bool
    stop_loss_percent: Decimal | None


@dataclass(frozen=True, slots=True)
class Terms:
    """How the account is traded. Percentages are of the account value; ``*_bps`` are basis points."""

    quorum: int
    risk_pos_percentage: Decimal
    vote_full_size_runs: int
    tolerance_lots: Decimal
    account_value_tolerance_percent: Decimal
    settle_margin: timedelta
    max_position_age: timedelta
    max_observation_age: timedelta
    max_price_age: timedelta
    max_clock_skew: timedelta
    max_quarantined_percent: Decimal
    max_gross_exposure_percent: Decimal
    max_net_exposure_percent: Decimal
    order_slippage_bps: Decimal
    max_hold: timedelta
    flatten_on_long_hold: bool
    lock_on_external_change: bool
    unlock_after_rounds: int
    mark_tolerance_percent: Decimal
    stop_slippage_bps: Decimal
    max_order_usd: Decimal
    max_orders_per_hour: int
    risk: RiskTerms
