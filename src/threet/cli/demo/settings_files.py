"""Writes the demo's own config.yml and secrets. They differ from the project's in values only: same keys, same schema, same checks."""

from __future__ import annotations

import os
import secrets as random_secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import yaml

from threet.cli.demo.folder import StateFolder, write_private
from threet.settings import Secrets, Settings, load_secrets, load_settings, secrets_for

FLOWER_PORT = 5555

_SHORT_SHOW: Mapping[str, Mapping[str, Any]] = {
    "exchange": {"mode": "simulator", "requests_per_minute": 60000, "request_timeout_seconds": 5},
    "state": {"folder": "platform"},
    "schedule": {
        "update_prices_seconds": 1,
        "update_candles_seconds": 1,
        "update_balance_seconds": 2,
        "reconcile_positions_seconds": 4,
        "canary_seconds": 5,
        "housekeeping_seconds": 60,
    },
    # Generous against the intervals: a slow machine shall not hold, and the heartbeat outlasts the last three cycles.
    "freshness": {
        "max_price_age_seconds": 12,
        "max_balance_age_seconds": 15,
        "max_position_age_seconds": 15,
        "max_observation_age_seconds": 15,
        "max_heartbeat_age_seconds": 60,
        "max_service_age_seconds": 60,
        "max_canary_age_seconds": 15,
        "max_decision_age_seconds": 17,
    },
    "observers": {"interval_seconds": 1, "marks_refresh_seconds": 1, "request_timeout_seconds": 3},
    "simulator": {"speed": 60},
    "providence": {
        "saved_runs": "saved_runs",
        "vote_min_age_market_seconds": 300,
        "publish_interval_seconds": 1,
        "products_interval_seconds": 2,
        "snapshot_interval_seconds": 15,
    },
    "telemetry": {"otlp_endpoint": None, "metrics_address": "127.0.0.1", "metrics_port": None},
}
"""What makes a short show on one machine out of the project's config.yml."""


@dataclass(frozen=True, slots=True)
class Market:
    """What the simulated exchange serves: ``candles`` is a folder of candle files, or None for its own seeded market."""

    candles: Path | None
    speed: float | None

    def __str__(self) -> str:
        return f"the candles of {self.candles}" if self.candles else "the seeded market"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the parts listen, all on 127.0.0.1."""

    redis: int
    simulator: int
    flower: int
    observers: Mapping[str, int]


def preferred_ports(project: Settings) -> dict[str, int]:
    """The ports that the project's config.yml names."""
    ports = {"redis": urlsplit(project.redis.url).port or 6379, "simulator": urlsplit(project.exchange.base_url or "").port or 8900}
    ports |= {f"observer_{node.name}": urlsplit(node.url).port or 8911 for node in project.observers.nodes}
    return ports | {"flower": FLOWER_PORT}


def write_settings(
    project_config: Path, folder: StateFolder, market: Market, ports: Ports, public_keys: Mapping[str, str], database_url: str | None
) -> Settings:
    """Derives STATE/config.yml and returns it checked. ``database_url`` is None for SQLite in the state folder."""
    raw = yaml.safe_load(project_config.read_text(encoding="utf-8"))
    for section, values in _SHORT_SHOW.items():
        raw[section].update(values)
    raw["exchange"]["base_url"] = f"http://127.0.0.1:{ports.simulator}"
    raw["providence"]["strategies_folder"] = str(project_config.absolute().parent / "providence" / "strategies")
    raw["redis"]["url"] = f"redis://127.0.0.1:{ports.redis}/0"
    raw["database"]["url"] = database_url or f"sqlite:///{folder.database.absolute()}"
    for node in raw["observers"]["nodes"]:
        node["url"] = f"http://127.0.0.1:{ports.observers[node['name']]}"
        node["public_key"] = public_keys[node["name"]]
    raw["simulator"]["candles"] = str(market.candles.absolute()) if market.candles else None
    if market.speed is not None:
        raw["simulator"]["speed"] = market.speed
    text = "# Written by the supervisor at each start, out of the project's config.yml; changes here are lost.\n"
    write_private(folder.config, text + yaml.safe_dump(raw, sort_keys=False, allow_unicode=True))
    return load_settings(folder.config)


def split_password(database_url: str) -> tuple[str, str | None]:
    """A database URL without its password, and the password: config.yml holds no secret."""
    parts = urlsplit(database_url)
    if parts.password is None:
        return database_url, None
    place = f"{parts.username or ''}@{parts.hostname or ''}" + (f":{parts.port}" if parts.port else "")
    return urlunsplit(parts._replace(netloc=place)), unquote(parts.password)


def write_secrets(folder: StateFolder, settings: Settings, database_password: str | None) -> Secrets:
    """Gives each service a file with what it may have, and the person the files of `3t` and of Flower."""
    everything = yaml.safe_load(folder.all_secrets.read_text(encoding="utf-8"))
    if database_password is not None:
        everything["database"]["password"] = database_password
        write_private(folder.all_secrets, yaml.safe_dump(everything))
    secrets = load_secrets(folder.all_secrets, settings)
    observers = [f"observer_{node.name}" for node in settings.observers.nodes]
    for service in ("celery_beat", "celery_worker", "celery_worker_reconcile", "providence", "flower", "simulator", *observers):
        write_private(folder.secrets_of(service), yaml.safe_dump(secrets_for(service, secrets)))
    write_private(folder.cli_secrets, yaml.safe_dump(secrets_for("cli", secrets)))
    write_private(folder.flower_password, secrets.require("flower.password") + "\n")
    return secrets


def make_keys(folder: StateFolder, observers: list[str]) -> dict[str, str]:
    """Draws keys and passwords at the first start and keeps them; returns each observer's public key."""
    there = folder.all_secrets.exists()
    everything = yaml.safe_load(folder.all_secrets.read_text(encoding="utf-8")) if there else _random_secrets()
    for name in observers:
        everything["observers"].setdefault(name, {"private_key": random_secrets.token_hex(32)})
    write_private(folder.all_secrets, yaml.safe_dump(everything))
    return {name: _public_key(everything["observers"][name]["private_key"]) for name in observers}


def _random_secrets() -> dict[str, Any]:
    from eth_account import Account  # takes a third of a second to import

    master, agent = Account.create(), Account.create()
    return {
        "exchange": {"apiKey": agent.address, "walletAddress": master.address, "privateKey": "0x" + agent.key.hex().removeprefix("0x")},
        "database": {"password": random_secrets.token_hex(16)},
        "redis": {"password": random_secrets.token_hex(16)},
        "flower": {"user": "3t", "password": random_secrets.token_hex(8)},
        "observers": {},
    }


def _public_key(seed_hex: str) -> str:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed_hex)).public_key().public_bytes_raw().hex()


def child_environment(folder: StateFolder, service: str) -> dict[str, str]:
    """A child's environment: where its settings are, and nothing of ours that could hold a password."""
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL" and not name.startswith("THREET_")}
    return kept | {
        "THREET_CONFIG": str(folder.config.absolute()),
        "THREET_SECRETS": str(folder.secrets_of(service).absolute()),
        "PYTHONUNBUFFERED": "1",
        "OPENBLAS_NUM_THREADS": "1",  # a thread pool for each process costs memory and helps nobody here
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
    }
