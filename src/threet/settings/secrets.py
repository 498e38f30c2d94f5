"""secrets.yml as a frozen value that does not show itself, and the part of it that each service may have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, SecretStr

from threet.settings.errors import SettingsError, problem
from threet.settings.kinds import Name, refused


def _text(found: Any) -> Any:
    if found is None or isinstance(found, str | SecretStr):
        return found or None
    raise refused("a text in quotation marks", type(found))  # never the value


Secret = Annotated[SecretStr | None, BeforeValidator(_text)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ExchangeSecrets(_Part):
    """``walletAddress`` is the master account that holds the money, ``privateKey`` the agent wallet's that signs for it."""

    api_key: Secret = Field(default=None, alias="apiKey")
    wallet_address: Secret = Field(default=None, alias="walletAddress")
    private_key: Secret = Field(default=None, alias="privateKey")


class DatabaseSecrets(_Part):
    password: Secret = None
    root_password: Secret = None
    readonly_password: Secret = None


class RedisSecrets(_Part):
    password: Secret = None


class FlowerSecrets(_Part):
    user: Secret = None
    password: Secret = None


class GrafanaSecrets(_Part):
    password: Secret = None


class ObserverSecrets(_Part):
    private_key: Secret = None


class Secrets(_Part):
    """What this service may know. Names are dotted and spelt as in the file: ``exchange.privateKey``, ``observers.a.private_key``."""

    exchange: ExchangeSecrets = ExchangeSecrets()
    database: DatabaseSecrets = DatabaseSecrets()
    redis: RedisSecrets = RedisSecrets()
    flower: FlowerSecrets = FlowerSecrets()
    grafana: GrafanaSecrets = GrafanaSecrets()
    observers: dict[Name, ObserverSecrets] = Field(default_factory=dict)
    set_names: tuple[str, ...] | None = None

    _file: str = PrivateAttr(default="secrets.yml")

    def values(self) -> dict[str, SecretStr]:
        """Dotted name to value, of those that this service has."""
        return dict(_leaves(self))

    def is_set(self, name: str) -> bool:
        """Whether the secret is set anywhere, also where this service may not have its value."""
        return name in self.set_names if self.set_names is not None else name in self.values()

    def require(self, name: str) -> str:
        """The value. Raises SettingsError naming file, key and cure."""
        value = self.values().get(name)
        if value is None:
            why = "is set, but not for this service" if self.set_names and name in self.set_names else "expected a value, was missing"
            raise SettingsError([problem(self._file, name, f"{why}; set it in secrets.yml and start this service again")])
        return value.get_secret_value()

    def find(self, name: str) -> str | None:
        """The value, or None."""
        value = self.values().get(name)
        return value.get_secret_value() if value else None


def _leaves(part: BaseModel, prefix: str = "") -> Iterator[tuple[str, SecretStr]]:
    for field_name, field in type(part).model_fields.items():
        value = getattr(part, field_name)
        name = prefix + (field.alias or field_name)
        if isinstance(value, SecretStr):
            yield name, value
        elif isinstance(value, BaseModel):
            yield from _leaves(value, f"{name}.")
        elif isinstance(value, dict):
            for key, inner in value.items():
                yield from _leaves(inner, f"{name}.{key}.")


_MAY_HAVE: dict[str, tuple[str, ...]] = {
    "celery_beat": ("redis.password",),
    "celery_worker": ("exchange.walletAddress", "database.password", "redis.password"),
    "celery_worker_reconcile": (
        "exchange.walletAddress",
        "exchange.apiKey",
        "exchange.privateKey",
        "database.password",
        "redis.password",
    ),
    "providence": ("database.password", "redis.password"),
    "flower": ("redis.password", "flower.user", "flower.password"),
    "simulator": ("exchange.walletAddress", "exchange.apiKey"),
    "cli": ("exchange.walletAddress", "database.password", "redis.password"),
    "mariadb": ("database.password", "database.root_password", "database.readonly_password"),
    "grafana": ("database.readonly_password", "grafana.password"),
    "redis": ("redis.password",),
}


def may_have(service: str) -> tuple[str, ...]:
    """The dotted names of the secrets that a service gets. Raises ValueError for a service that nobody knows."""
    if service.startswith("observer_") and len(service) > len("observer_"):
        return ("exchange.walletAddress", f"observers.{service.removeprefix('observer_')}.private_key")
    if service not in _MAY_HAVE:
        raise ValueError(f"expected one of {', '.join(_MAY_HAVE)} or observer_NAME, was {service!r}")
    return _MAY_HAVE[service]


def secrets_for(service: str, secrets: Secrets) -> dict[str, Any]:
    """The content of one service's own secrets file: the values it may have, and the names of all that are set."""
    values = secrets.values()
    result: dict[str, Any] = {}
    for name in may_have(service):
        if name in values:
            *path, last = name.split(".")
            place = result
            for part in path:
                place = place.setdefault(part, {})
            place[last] = values[name].get_secret_value()
    result["set_names"] = sorted(values if secrets.set_names is None else secrets.set_names)
    return result


def named(secrets: Secrets, file: Path) -> Secrets:
    """The same, remembering the file for its messages."""
    secrets._file = str(file)
    return secrets
