"""The one place that knows everybody: builds each process's services from its settings and secrets.

Process-lifetime things (engines, clients, the signer) are built once, by the process that uses them; nothing is built at import.
"""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from threet.adapters.clock import SystemClock
from threet.adapters.emergency_files import EmergencyFiles
from threet.adapters.files import NONCE, FileHalt, emergency_lock
from threet.adapters.market_feed import MarketFeed
from threet.adapters.observers import HttpObserver
from threet.adapters.redis.client import make_redis
from threet.adapters.redis.last_values import RedisLastValues
from threet.adapters.redis.publisher import RedisPublisher
from threet.adapters.sql import (
    SqlCycleStore,
    SqlObserverSequences,
    SqlProducts,
    SqlRunsPublisher,
    SqlRunWishes,
    SqlSnapshotStore,
    check_schema,
    make_engine,
    prune,
)
from threet.application.emergency_import import import_emergencies
from threet.application.execution import Executor
from threet.application.facts import Product
from threet.application.gathering import Gatherer, TradingTerms
from threet.application.halting import Controls
from threet.application.housekeeping import Housekeeping, Housekept
from threet.application.ports import AccountData, Clock, HaltFile, LastValues, MarketData, ObserverNode, Products, Trading
from threet.application.reconcile import CycleResult, CycleTerms, ReconcileCycle
from threet.application.rehearsal import ReadOnlySequences, Rehearsed, rehearse
from threet.application.roles import CELERY_WORKER, CELERY_WORKER_RECONCILE, service_name
from threet.application.settlement import Settler
from threet.application.store import CycleStore, ServiceReport
from threet.application.update_balance import BalanceUpdated, UpdateBalance
from threet.application.update_candles import CandlesUpdated, UpdateCandles
from threet.application.update_prices import PricesUpdated, UpdatePrices
from threet.domain.drawdown import RiskTerms
from threet.domain.terms import SymbolTerms, Terms
from threet.settings import CONTRACT_VERSION, Secrets, Settings, build_id


@dataclass(frozen=True, slots=True)
class WorkerServices:
    """What the market and account queues call. ``report`` tells the database which config and build this process runs, ``leave``: none."""

    update_prices: Callable[[], PricesUpdated]
    update_candles: Callable[[], CandlesUpdated]
    update_balance: Callable[[], BalanceUpdated]
    housekeeping: Callable[[], Housekept]
    report: Callable[[str], None]
    leave: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ReconcileServices:
    """What the reconcile queue calls."""

    reconcile: Callable[[], CycleResult]
    report: Callable[[str], None]
    leave: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ProvidenceServices:
    """What a manager of a shard reads and publishes with. Nothing connects before its first use."""

    feed: MarketFeed
    publisher: SqlRunsPublisher
    products: Products
    wishes: Callable[[], Mapping[str, str]]
    check_schema: Callable[[], None]
    report: Callable[[str], None]
    clock: Clock


@dataclass(frozen=True, slots=True)
class CliServices:
    """What the `3t` command reads and commands with. It holds no signing key."""

    store: CycleStore
    prices: LastValues
    controls: Controls
    halt: HaltFile
    clock: Clock
    account: str
    trading_terms: TradingTerms


def build_worker_services(settings: Settings, secrets: Secrets, clock: Clock | None = None) -> WorkerServices:
    """For the process on the queues `market` and `account`. Raises SettingsError, or what the schema check finds."""
    from threet.adapters.venue import CcxtAccount, CcxtMarketData  # ccxt: seconds and 70 MB, which a person's command does without
    from threet.adapters.venue.venue import Venue

    clock = clock or SystemClock()
    engine = make_engine(settings, secrets)
    check_schema(engine)
    publisher = RedisPublisher(make_redis(settings, secrets), settings.redis)
    venue = Venue(settings, clock, role=CELERY_WORKER)
    market = CcxtMarketData(settings, clock, venue)
    products = SqlProducts(engine)
    store = SqlCycleStore(engine)
    return WorkerServices(
        update_prices=UpdatePrices(products, market, publisher),
        update_candles=UpdateCandles(
            products,
            market,
            publisher,
            clock,
            interval=settings.providence.candle_interval,
            history_bars=_history_bars(settings),
            most_failures=settings.exchange.max_failures_per_round,
        ),
        update_balance=UpdateBalance(
            _once(lambda: CcxtAccount(settings, clock, secrets.require("exchange.walletAddress"), venue)),
            SqlSnapshotStore(engine),
            publisher,
            secrets.is_set,
        ),
        housekeeping=Housekeeping(lambda now: prune(engine, settings.retention, now), clock),
        report=_reporter(store, settings, CELERY_WORKER),
        leave=lambda name: store.forget_service(service_name(CELERY_WORKER, name)),
    )


def build_reconcile_services(settings: Settings, secrets: Secrets, clock: Clock | None = None) -> ReconcileServices:
    """For the one process on the queue `reconcile`: the only holder of the signing key."""
    from threet.adapters.venue import CcxtAccount, CcxtMarketData, CcxtTrading
    from threet.adapters.venue.venue import Venue

    clock = clock or SystemClock()
    engine = make_engine(settings, secrets)
    check_schema(engine)
    store = SqlCycleStore(engine)
    wallet = secrets.require("exchange.walletAddress")
    venue = Venue(settings, clock)
    market = CcxtMarketData(settings, clock, venue)
    account = CcxtAccount(settings, clock, wallet, venue)
    settings.state_folder.mkdir(parents=True, exist_ok=True)
    nonces = settings.state_folder / NONCE
    trading = CcxtTrading(settings, clock, wallet, secrets.require("exchange.privateKey"), nonces, venue)
    halt = FileHalt(settings.state_folder, clock)
    trading_terms = build_trading_terms(settings, wallet)
    sequences = SqlObserverSequences(engine)
    observers = [HttpObserver(node, wallet, sequences, clock, settings) for node in settings.observers.nodes]
    prices = RedisLastValues(make_redis(settings, secrets))
    cycle = build_cycle(settings, CycleParts(store, market, account, trading, prices, observers, halt, clock, trading_terms))
    return ReconcileServices(
        reconcile=cycle.run,
        report=_reporter(store, settings, CELERY_WORKER_RECONCILE),
        leave=lambda name: store.forget_service(service_name(CELERY_WORKER_RECONCILE, name)),
    )


@dataclass(frozen=True, slots=True)
class CycleParts:
    """The ports that a cycle works on."""

    store: CycleStore
    market: MarketData
    account: AccountData
    trading: Trading
    prices: LastValues
    observers: Sequence[ObserverNode]
    halt: HaltFile
    clock: Clock
    terms: TradingTerms


def build_cycle(settings: Settings, parts: CycleParts) -> ReconcileCycle:
    """The cycle over its ports, with the limits of config.yml."""
    chosen, store, clock = settings.reconciliation, parts.store, parts.clock
    files = EmergencyFiles(settings.state_folder, emergency_lock(settings.state_folder / NONCE))
    return ReconcileCycle(
        store=store,
        market=parts.market,
        settler=Settler(
            store,
            parts.account,
            expiry_margin=timedelta(seconds=float(chosen.expiry_margin_seconds)),
            fills_overlap=timedelta(seconds=float(chosen.fills_overlap_seconds)),
            max_clock_skew=timedelta(seconds=float(settings.exchange.max_clock_skew_seconds)),
            imports=lambda: import_emergencies(files, store),
        ),
        gatherer=Gatherer(store, parts.market, parts.account, parts.prices, parts.observers, parts.terms),
        executor=Executor(store, parts.trading, parts.halt),
        halt=parts.halt,
        clock=clock,
        terms=CycleTerms(
            lease_seconds=float(chosen.lease_seconds),
            lease_margin=timedelta(seconds=float(chosen.lease_margin_seconds)),
            order_expires=timedelta(seconds=float(chosen.order_expires_seconds)),
            order_min_life=timedelta(seconds=float(chosen.order_min_life_seconds)),
            max_clock_skew=timedelta(seconds=float(settings.exchange.max_clock_skew_seconds)),
            max_service_age=timedelta(seconds=float(settings.freshness.max_service_age_seconds)),
        ),
        trading_terms=parts.terms,
        me=_me(CELERY_WORKER_RECONCILE, settings, clock.now()),
        holder=f"{socket.gethostname()}:{os.getpid()}",
    )


def build_providence_services(settings: Settings, secrets: Secrets, clock: Clock | None = None) -> ProvidenceServices:
    """For one manager: no exchange, no key."""
    clock = clock or SystemClock()
    engine = make_engine(settings, secrets)
    told = settings.providence
    return ProvidenceServices(
        feed=MarketFeed(make_redis(settings, secrets), told.poll_seconds, told.read_entries),
        publisher=SqlRunsPublisher(engine),
        products=SqlProducts(engine),
        wishes=SqlRunWishes(engine).open_ends,
        check_schema=lambda: check_schema(engine),
        report=_reporter(SqlCycleStore(engine), settings),
        clock=clock,
    )


def build_cli_services(settings: Settings, secrets: Secrets, clock: Clock | None = None) -> CliServices:
    """For a person's commands."""
    clock = clock or SystemClock()
    store = SqlCycleStore(make_engine(settings, secrets))
    wallet = secrets.require("exchange.walletAddress")
    halt = FileHalt(settings.state_folder, clock)
    return CliServices(
        store=store,
        prices=RedisLastValues(make_redis(settings, secrets)),
        controls=Controls(store, halt, wallet, settings.database.write_retries),
        halt=halt,
        clock=clock,
        account=wallet,
        trading_terms=build_trading_terms(settings, wallet),
    )


def build_account(settings: Settings, secrets: Secrets, clock: Clock | None = None) -> AccountData:
    """The venue's word about the account, for a person's command. Holds no signing key."""
    from threet.adapters.venue import CcxtAccount

    return CcxtAccount(settings, clock or SystemClock(), secrets.require("exchange.walletAddress"))


def build_rehearsal(settings: Settings, secrets: Secrets, clock: Clock | None = None) -> Callable[[], Rehearsed]:
    """What a cycle of now would decide. Holds no signing key, and writes nothing."""
    from threet.adapters.venue import CcxtAccount, CcxtMarketData
    from threet.adapters.venue.venue import Venue

    clock = clock or SystemClock()
    engine = make_engine(settings, secrets)
    check_schema(engine)
    store, halt = SqlCycleStore(engine), FileHalt(settings.state_folder, clock)
    wallet, venue = secrets.require("exchange.walletAddress"), Venue(settings, clock)
    sequences = ReadOnlySequences(SqlObserverSequences(engine).highest)
    gatherer = Gatherer(
        store,
        CcxtMarketData(settings, clock, venue),
        CcxtAccount(settings, clock, wallet, venue),
        RedisLastValues(make_redis(settings, secrets)),
        [HttpObserver(node, wallet, sequences, clock, settings) for node in settings.observers.nodes],
        build_trading_terms(settings, wallet),
    )
    return lambda: rehearse(store, gatherer, clock.now, halt.reason)


def build_trading_terms(settings: Settings, account: str) -> TradingTerms:
    """config.yml as the rules need it."""
    chosen, fresh, limits = settings.reconciliation, settings.freshness, settings.limits
    terms = Terms(
        quorum=settings.observers.quorum,
        risk_pos_percentage=chosen.risk_pos_percentage,
        vote_full_size_runs=chosen.vote_full_size_runs,
        tolerance_lots=Decimal(chosen.tolerance_lots),
        account_value_tolerance_percent=chosen.account_value_tolerance_percent,
        settle_margin=timedelta(milliseconds=chosen.settle_margin_ms),
        max_position_age=timedelta(seconds=float(fresh.max_position_age_seconds)),
        max_observation_age=timedelta(seconds=float(fresh.max_observation_age_seconds)),
        max_price_age=timedelta(seconds=float(fresh.max_price_age_seconds)),
        max_clock_skew=timedelta(seconds=float(settings.exchange.max_clock_skew_seconds)),
        max_quarantined_percent=chosen.max_quarantined_percent,
        max_gross_exposure_percent=limits.max_gross_exposure_percent,
        max_net_exposure_percent=limits.max_net_exposure_percent,
        order_slippage_bps=chosen.order_slippage_bps,
        max_hold=timedelta(seconds=float(chosen.max_hold_seconds)),
        flatten_on_long_hold=chosen.on_long_hold == "flatten",
        lock_on_external_change=chosen.on_external_change == "lock",
        unlock_after_rounds=chosen.unlock_after_rounds,
        stop_slippage_bps=chosen.stop_slippage_bps,
        mark_tolerance_percent=chosen.mark_tolerance_percent,
        max_order_usd=limits.max_order_usd,
        max_orders_per_hour=limits.max_orders_per_hour,
        risk=RiskTerms(
            limits.max_daily_loss_percent, limits.soft_drawdown_percent, limits.terminal_drawdown_percent, limits.drawdown_readings
        ),
    )

    def for_product(product: Product) -> SymbolTerms:
        symbol = settings.for_symbol(product.symbol)
        return SymbolTerms(
            leverage=int(symbol.leverage),
            max_leverage=product.max_leverage,
            max_notional_usd=symbol.max_notional_usd,
            no_trade_band_percent=symbol.no_trade_band_percent,
            price_band_percent=symbol.price_band_percent,
            can_go_long=symbol.can_go_long,
            can_go_short=symbol.can_go_short,
            reduce_only=symbol.reduce_only,
            stop_loss_percent=symbol.stop_loss_percent,
        )

    return TradingTerms(
        account,
        terms,
        for_product,
        settings.providence.shards,
        timedelta(seconds=float(fresh.max_heartbeat_age_seconds)),
        timedelta(seconds=float(chosen.fills_overlap_seconds)),
    )


def _history_bars(settings: Settings) -> int:
    """What to ask for, so that the warm-up is complete also where a venue leaves out bars without a trade."""
    wanted = settings.providence
    return wanted.warmup_bars + math.ceil(wanted.warmup_bars * wanted.warmup_spare_percent / 100)


def _once(make: Callable[[], AccountData]) -> Callable[[], AccountData]:
    """Made at the first call and kept: a missing address is then named by the task that needs it, not at the start."""
    made: list[AccountData] = []

    def get() -> AccountData:
        if not made:
            made.append(make())
        return made[0]

    return get


def _me(name: str, settings: Settings, now: datetime) -> ServiceReport:
    return ServiceReport(name, settings.config_hash, CONTRACT_VERSION, build_id(), now)


def _reporter(store: CycleStore, settings: Settings, role: str | None = None) -> Callable[[str], None]:
    """By the database's clock: a host whose clock runs ahead must not look alive after it has gone. Without ``role`` the name is one."""

    def report(name: str) -> None:
        store.report_service(_me(service_name(role, name) if role else name, settings, store.now()))

    return report
