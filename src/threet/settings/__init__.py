"""The settings of config.yml and secrets.yml, in one frozen schema. See docs/configuration.md."""

from threet.settings.errors import SettingsError
from threet.settings.load import CONTRACT_VERSION, build_id, default_config_path, load_settings
from threet.settings.load_secrets import default_secrets_path, load_secrets
from threet.settings.schema import Settings
from threet.settings.secrets import Secrets, secrets_for
from threet.settings.sections import ObserverNodeSettings, SimulatorSettings
from threet.settings.trading import StrategySettings, SymbolSettings

__all__ = [
    "CONTRACT_VERSION",
    "ObserverNodeSettings",
    "Secrets",
    "Settings",
    "SettingsError",
    "SimulatorSettings",
    "StrategySettings",
    "SymbolSettings",
    "build_id",
    "default_config_path",
    "default_secrets_path",
    "load_secrets",
    "load_settings",
    "secrets_for",
]
