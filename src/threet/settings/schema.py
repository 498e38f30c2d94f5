"""The whole of config.yml as one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import PrivateAttr

from threet.domain.values import Symbol
from threet.settings.kinds import SymbolName
from threet.settings.sections import (
    CliSettings,
    DatabaseSettings,
    ExchangeSettings,
    FreshnessSettings,
    ObserversSettings,
    RedisSettings,
    RetentionSettings,
    ScheduleSettings,
    Section,
    SimulatorSettings,
    StateSettings,
    TelemetrySettings,
    WorkersSettings,
)
from threet.settings.trading import LimitsSettings, ProvidenceSettings, ReconciliationSettings, SymbolOverride, SymbolSettings


class Settings(Section):
    """config.yml, checked. Made by ``load_settings`` only, which also sets the folder and the hash."""

    exchange: ExchangeSettings
    database: DatabaseSettings
    redis: RedisSettings
    state: StateSettings
    schedule: ScheduleSettings
    freshness: FreshnessSettings
    workers: WorkersSettings
    observers: ObserversSettings
    reconciliation: ReconciliationSettings
    limits: LimitsSettings
    symbol_defaults: SymbolSettings
    symbols: Mapping[SymbolName, SymbolOverride]
    providence: ProvidenceSettings
    retention: RetentionSettings
    telemetry: TelemetrySettings
    cli: CliSettings
    simulator: SimulatorSettings

    _folder: Path = PrivateAttr(default=Path())
    _config_hash: str = PrivateAttr(default="")

    @property
    def config_hash(self) -> str:
        """sha256 over the values (not the comments, nor the file's place): services with different ones do not trade together."""
        return self._config_hash

    @property
    def state_folder(self) -> Path:
        return self.path(self.state.folder)

    def path(self, relative: str | Path) -> Path:
        """A path of config.yml, relative to the folder of that file; an absolute one stays."""
        return self._folder / relative

    def for_symbol(self, symbol: Symbol) -> SymbolSettings:
        """``symbol_defaults`` with what ``symbols`` says of this one instead."""
        override = self.symbols.get(symbol)
        return override.over(self.symbol_defaults) if override else self.symbol_defaults
