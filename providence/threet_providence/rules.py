"""From config.yml to the rules of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from threet.adapters.strategy_files import StrategyFileError, known_strategies
from threet.domain.values import Symbol
from threet.engine.descent import DescentRules, Range
from threet.engine.engine import EngineRules
from threet.engine.population import PopulationRules, StrategyChoice
from threet.engine.strategy import Strategy
from threet.engine.votes import VoteRules
from threet.settings import Settings, SettingsError, StrategySettings

_MS = 1_000
_BPS = 10_000.0
_UNIT_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}


def interval_ms(interval: str) -> int:
    """``1m`` is 60,000."""
    return int(interval[:-1]) * _UNIT_MS[interval[-1]]


def engine_rules(settings: Settings, shard: int) -> EngineRules:
    """Raises SettingsError with every problem of ``providence.strategies`` at once."""
    told = settings.providence

    @cache
    def fill_cost(symbol: str) -> float:
        terms = settings.for_symbol(Symbol(symbol))
        return float(terms.half_spread_bps + terms.slippage_bps) / _BPS

    return EngineRules(
        population=PopulationRules(
            seed=told.seed,
            shard=shard,
            shards=told.shards,
            runs_per_symbol=told.runs_per_symbol,
            start_balance=told.start_balance_usd,
            leverage=float(told.leverage),
            fee_rate=told.taker_fee_bps / _BPS,
            duration_ms=_scaled(told.duration_market_seconds, _MS),
            max_loss=_scaled(told.max_loss_percent, 0.01),
            target=_scaled(told.target_percent, 0.01),
            choices=_choices(settings),
            symbol_weights=dict(told.symbol_weights),
            descent=DescentRules(float(told.descend_percent) / 100, float(told.mutation_percent) / 100, told.ancestors_per_symbol),
        ),
        votes=VoteRules(
            min_age_ms=int(told.vote_min_age_market_seconds * _MS),
            min_trades=told.vote_min_trades,
            enter_return=told.vote_enter_return_percent / 100,
            exit_return=told.vote_exit_return_percent / 100,
        ),
        interval_ms=interval_ms(told.candle_interval),
        warmup_bars=told.warmup_bars,
        fill_cost=fill_cost,
    )


def _scaled(limits: Range, factor: float) -> Range:
    return limits[0] * factor, limits[1] * factor


def _choices(settings: Settings) -> tuple[StrategyChoice, ...]:
    try:
        known = known_strategies(settings.path(settings.providence.strategies_folder))
    except StrategyFileError as error:
        raise SettingsError([f"{error} (config.yml: providence.strategies_folder)"]) from None
    problems = [
        p for name, told in settings.providence.strategies.items() for p in _problems(name, told, known, settings.providence.warmup_bars)
    ]
    if problems:
        raise SettingsError(problems)
    # By name, so that the order of the keys in the file is no part of the draw.
    return tuple(
        StrategyChoice(known[name], told.weight, dict(told.parameters)) for name, told in sorted(settings.providence.strategies.items())
    )


def _problems(name: str, told: StrategySettings, known: Mapping[str, Strategy], warmup_bars: int) -> list[str]:
    key = f"config.yml: providence.strategies.{name}"
    if name not in known:
        return [f"{key}: expected one of {', '.join(sorted(known))}, found {name}; correct the name"]
    strategy = known[name]
    expected, found = {p.name for p in strategy.parameters}, set(told.parameters)
    problems = [f"{key}.parameters.{p}: expected a range [low, high], found nothing; add it" for p in sorted(expected - found)]
    problems += [f"{key}.parameters.{p}: expected one of {', '.join(sorted(expected))}; remove it" for p in sorted(found - expected)]
    if problems:
        return problems
    needed = strategy.bars_needed({p: high for p, (_, high) in told.parameters.items()})
    if needed > warmup_bars:
        problems.append(
            f"{key}.parameters: expected at most providence.warmup_bars = {warmup_bars} bars of history, found {needed}; lower the range"
        )
    ranges = {p: told.parameters[p.name] for p in strategy.parameters}
    return problems + [
        f"{key}.parameters.{p.name}: expected a range inside [{p.low:g}, {p.high:g}], found {list(found)}; change it"
        for p, found in ranges.items()
        if not p.low <= found[0] <= found[1] <= p.high
    ]
