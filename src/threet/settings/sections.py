"""The sections of config.yml about the machinery. docs/configuration.md explains each key; nothing here has a default."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, ConfigDict

from threet.settings.kinds import (
    BasisPoints,
    Count,
    CountOrZero,
    DatabaseUrl,
    Factor,
    Folder,
    HttpUrl,
    IpAddress,
    Name,
    Percent,
    Port,
    PublicKey,
    RedisUrl,
    Seconds,
    Usd,
)

VENUE_WEIGHT_PER_MINUTE = 1200
"""What Hyperliquid grants one internet address."""


class Section(BaseModel):
    """A frozen mapping with exactly these keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=False)


class RequestShares(Section):
    """Of each process: percentages of ``requests_per_minute``."""

    celery_worker: Percent
    celery_worker_reconcile: Percent
    observer: Percent


class ExchangeSettings(Section):
    id: Literal["hyperliquid"]
    mode: Literal["simulator", "testnet", "live"]
    base_url: HttpUrl | None
    request_timeout_seconds: Seconds
    requests_per_minute: Count
    request_shares_percent: RequestShares
    requests_burst_seconds: Seconds
    signer_reserve_percent: Percent
    rules_refresh_seconds: Seconds
    max_clock_skew_seconds: Seconds
    max_failures_per_round: Count

    def share_per_minute(self, role: str) -> float:
        """The weight that the process of ``role`` may ask in a minute. A real venue grants what it does, whatever stands here."""
        granted = self.requests_per_minute if self.mode == "simulator" else min(self.requests_per_minute, VENUE_WEIGHT_PER_MINUTE)
        share: Decimal = getattr(self.request_shares_percent, role)
        return granted * float(share) / 100


class _Server(Section):
    url: str

    @property
    def ca_file(self) -> Path | None:
        """Of the authority that the server's certificate is held against; None: no TLS, or the authorities that the system knows."""
        return next((Path(file) for name, file in parse_qsl(urlsplit(self.url).query) if name in ("ssl_ca", "ssl_ca_certs")), None)


class DatabaseSettings(_Server):
    url: DatabaseUrl
    pool_size: Count
    pool_recycle_seconds: Seconds
    connect_timeout_seconds: Seconds
    statement_timeout_seconds: Seconds
    busy_timeout_seconds: Seconds
    write_retries: CountOrZero


class RedisSettings(_Server):
    url: RedisUrl
    socket_timeout_seconds: Seconds
    reconnect_attempts: Count
    prices_stream_entries: Count
    candles_stream_entries: Count
    balance_stream_entries: Count


class StateSettings(Section):
    folder: Folder


class ScheduleSettings(Section):
    update_prices_seconds: Seconds
    update_candles_seconds: Seconds
    update_balance_seconds: Seconds
    reconcile_positions_seconds: Seconds
    canary_seconds: Seconds
    housekeeping_seconds: Seconds


class FreshnessSettings(Section):
    max_price_age_seconds: Seconds
    max_balance_age_seconds: Seconds
    max_position_age_seconds: Seconds
    max_observation_age_seconds: Seconds
    max_heartbeat_age_seconds: Seconds
    max_service_age_seconds: Seconds
    max_canary_age_seconds: Seconds
    max_decision_age_seconds: Seconds


class WorkersSettings(Section):
    autoscale_max: Count
    autoscale_min: Count
    autoscale_keepalive_seconds: Seconds
    redis_restore_seconds: Seconds
    redis_restore_messages: Count
    flower_entries: Count


class ObserverNodeSettings(Section):
    name: Name
    url: HttpUrl
    public_key: PublicKey


class ObserversSettings(Section):
    quorum: Count
    interval_seconds: Seconds
    request_timeout_seconds: Seconds
    answer_timeout_seconds: Seconds
    marks_refresh_seconds: Seconds
    sub_accounts_refresh_seconds: Seconds
    nodes: tuple[ObserverNodeSettings, ...]


class RetentionSettings(Section):
    decisions_days: Count
    balance_history_days: Count
    position_snapshots_days: Count
    ended_runs_days: Count
    orders_days: Count
    fills_days: Count
    services_hours: Count
    log_files_mb: Count
    batch_rows: Count
    round_rows: Count


class TelemetrySettings(Section):
    otlp_endpoint: HttpUrl | None
    otlp_timeout_seconds: Seconds
    otlp_queue_spans: Count
    metrics_address: IpAddress
    metrics_port: Port | None


class CliSettings(Section):
    orders_shown: Count
    refresh_seconds: Seconds
    flatten_wait_seconds: Seconds
    least_free_disk_mb: Count


class SimulatorSettings(Section):
    seed: CountOrZero
    speed: Factor
    candles: Folder | None
    history_bars: Count
    half_spread_bps: BasisPoints
    book_levels: Count
    book_level_usd: Usd
    book_level_step_bps: BasisPoints
    book_refill_seconds: Seconds
    tick_seconds: Seconds
    taker_fee_bps: BasisPoints
    maker_fee_bps: BasisPoints
    deposit_usd: Usd
