"""What `3t status` cannot read is shown as unknown: no number, no empty list, no "not halted"."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.unit.cli.pictures import BTC, NOW, SETTINGS, picture

from threet.adapters.market_feed import FeedAway
from threet.adapters.sql.errors import DatabaseError
from threet.cli.run import build
from threet.cli.status import reading
from threet.cli.status.newest import newest_config_hash
from threet.cli.status.reading import Reader
from threet.domain.values import Unknown
from threet.settings import Secrets
from threet.settings.load import load_settings

PROJECT = Path(__file__).parents[3]


class NoDatabase:
    """A store whose database is away."""

    def __getattr__(self, name: str) -> Any:
        def fails(*unused: object) -> Any:
            raise DatabaseError(f"{name}: the server has gone away\nand more")

        return fails


class NoHaltFile:
    def is_halted(self) -> bool:
        raise OSError(5, "Input/output error")


class NoRedis:
    def last_prices(self) -> Unknown:
        return Unknown("redis is away")

    def last_runs(self) -> Unknown:
        return Unknown("redis is away")

    def queue_lengths(self, queues: object) -> Unknown:
        return Unknown("redis is away")


class NoPrice(NoRedis):
    def last_prices(self) -> Any:
        return {}


def reader(monkeypatch: pytest.MonkeyPatch, prices: NoRedis) -> Reader:
    monkeypatch.setattr(reading, "ask_observers", lambda told: [])
    services: Any = SimpleNamespace(
        store=NoDatabase(), halt=NoHaltFile(), account="0xA", prices=prices, clock=SimpleNamespace(now=lambda: NOW)
    )
    settings = SETTINGS.model_copy(update={"state": SETTINGS.state.model_copy(update={"folder": "/nowhere/at/all"})})
    away: Any = NoRedis()
    return Reader(services, away, NoDatabase().totals, settings)


def test_with_everything_away_every_part_is_unknown_and_says_why(monkeypatch):
    seen = reader(monkeypatch, NoRedis()).read()
    told = {name: getattr(seen, name) for name in seen.__dataclass_fields__}
    parts = "free_disk_mb halt_file control services canary_ages waiting heartbeat_age runs account_value unresolved last_orders decision"
    assert [name for name in parts.split() if not isinstance(told[name], Unknown)] == []
    assert seen.control == Unknown("the database cannot be read: control: the server has gone away")
    assert "cannot be told: No such file or directory" in told["free_disk_mb"].reason
    assert "the halt file could not be looked for" in told["halt_file"].reason
    assert seen.canary_ages == seen.waiting == Unknown("redis is away")
    assert seen.actual_age_seconds == seen.account_value
    assert seen.symbols == []


def test_a_symbol_without_a_price_has_none(monkeypatch):
    there = SimpleNamespace(symbol=BTC)
    for prices, said in ((NoRedis(), "redis is away"), (NoPrice(), "never published")):
        made = reader(monkeypatch, prices)
        store: Any = made._services.store
        store.products = lambda: [there]
        (shown,) = made.read().symbols
        assert shown.price == Unknown(said)
        assert isinstance(shown.actual, Unknown)


def test_the_age_of_an_account_value_that_is_not_known_is_not_known():
    assert picture(account_value=Unknown("away")).actual_age_seconds == Unknown("away")


def test_a_config_on_the_host_that_cannot_be_loaded_has_no_hash_but_the_reason(tmp_path):
    assert newest_config_hash(PROJECT / "config.yml") == load_settings(PROJECT / "config.yml").config_hash
    broken = tmp_path / "config.yml"
    broken.write_text((PROJECT / "config.yml").read_text().replace("quorum: 2", "quorum: 9"))
    told = newest_config_hash(broken)
    assert isinstance(told, Unknown)
    assert "observers.quorum" in told.reason


def test_candles_of_a_redis_that_is_away_are_unknown_and_not_none(monkeypatch):
    def away(*unused: object) -> Any:
        raise FeedAway("no answer\nand more")

    monkeypatch.setattr(build, "recent_candles", away)
    monkeypatch.setattr(build, "make_redis", lambda settings, secrets: None)
    nothing: Secrets = SimpleNamespace()  # type: ignore[assignment]
    since = NOW - timedelta(hours=1)
    assert build.candles_of(SETTINGS, nothing, BTC, round(since.timestamp() * 1000)) == Unknown("Redis is away: no answer")
