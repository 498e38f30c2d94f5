"""What the supervisor derives from the project's files: same schema, other values, no secret where none belongs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from threet.cli.demo.folder import OtherMarket, StateFolder
from threet.cli.demo.plan import make_plan
from threet.cli.demo.redis_server import NoRedis, redis_binary
from threet.cli.demo.settings_files import (
    Market,
    Ports,
    child_environment,
    make_keys,
    preferred_ports,
    split_password,
    write_secrets,
    write_settings,
)
from threet.settings import Secrets, Settings, load_secrets, load_settings

PROJECT = Path(__file__).parents[3]
PORTS = Ports(redis=21001, simulator=21002, flower=21003, observers={"a": 21004, "b": 21005, "c": 21006})


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    made = StateFolder(tmp_path / "state")
    made.make()
    return made


def derive(folder: StateFolder, market: Market | None = None, database_url: str | None = None) -> tuple[Settings, Secrets]:
    keys = make_keys(folder, ["a", "b", "c"])
    settings = write_settings(PROJECT / "config.yml", folder, market or Market(None, None), PORTS, keys, database_url)
    return settings, write_secrets(folder, settings, None)


def test_the_derived_config_passes_the_same_schema_and_has_the_same_keys(folder: StateFolder) -> None:
    settings, _ = derive(folder)

    def keys(value: object) -> object:
        return {key: keys(inner) for key, inner in value.items()} if isinstance(value, dict) else None

    assert keys(yaml.safe_load(folder.config.read_text())) == keys(yaml.safe_load((PROJECT / "config.yml").read_text()))
    assert settings.exchange.base_url == "http://127.0.0.1:21002"
    assert settings.database.url == f"sqlite:///{folder.root}/3t.db"
    assert settings.state_folder == folder.platform
    assert [node.url for node in settings.observers.nodes] == [f"http://127.0.0.1:{port}" for port in (21004, 21005, 21006)]


def test_what_sizes_a_trade_is_left_as_the_project_has_it(folder: StateFolder) -> None:
    settings, project = derive(folder)[0], load_settings(PROJECT / "config.yml")
    assert (settings.reconciliation, settings.limits, settings.symbol_defaults) == (
        project.reconciliation,
        project.limits,
        project.symbol_defaults,
    )


def test_candles_and_speed_reach_the_simulators_section(folder: StateFolder, tmp_path: Path) -> None:
    settings, _ = derive(folder, Market(tmp_path / "candles", 60.0))
    assert (settings.simulator.candles, settings.simulator.speed) == (str(tmp_path / "candles"), 60.0)


def test_keys_are_drawn_once_and_kept(folder: StateFolder) -> None:
    _, first = derive(folder)
    _, second = derive(folder)
    assert first.values() == second.values()
    assert first.require("exchange.walletAddress") != first.require("exchange.apiKey")


def test_two_folders_share_no_secret(folder: StateFolder, tmp_path: Path) -> None:
    other = StateFolder(tmp_path / "other")
    other.make()
    mine, theirs = (derive(f)[1].values() for f in (folder, other))
    same = {name for name in mine if mine[name] == theirs[name]}
    assert same == {"flower.user"}


def test_each_service_gets_its_own_secrets_and_no_others(folder: StateFolder) -> None:
    settings, _ = derive(folder)
    key = "exchange.privateKey"
    holders = {p.stem for p in folder.all_secrets.parent.glob("*.yml") if key in load_secrets(p, settings).values()}
    assert holders == {"all", "celery_worker_reconcile"}
    assert load_secrets(folder.secrets_of("celery_worker"), settings).is_set(key)


def test_files_with_secrets_are_for_their_owner_only(folder: StateFolder) -> None:
    settings, secrets = derive(folder)
    make_plan(folder, settings, secrets, PORTS, PROJECT)
    values = [value.get_secret_value() for name, value in secrets.values().items() if name not in ("flower.user",)]
    readable = [p for p in folder.root.rglob("*") if p.is_file() and p.stat().st_mode & 0o077]
    assert folder.root.stat().st_mode & 0o077 == 0
    assert [p for p in readable if any(value in p.read_text() for value in values)] == []


def test_no_secret_stands_on_a_command_line_or_in_an_environment(folder: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql+pymysql://threet:hush@127.0.0.1/3t")
    settings, secrets = derive(folder)
    public = {"exchange.walletAddress", "exchange.apiKey", "flower.user"}
    hidden = [value.get_secret_value() for name, value in secrets.values().items() if name not in public] + ["hush"]
    for part in make_plan(folder, settings, secrets, PORTS, PROJECT):
        shown = " ".join((*part.command.argv, *part.command.env.values()))
        assert not any(value in shown for value in hidden), part.name


def test_a_database_url_loses_its_password() -> None:
    assert split_password("mysql+pymysql://threet:hush@db:3307/3t") == ("mysql+pymysql://threet@db:3307/3t", "hush")
    assert split_password("mysql+pymysql://threet:a%40b@db/3t") == ("mysql+pymysql://threet@db/3t", "a@b")
    assert split_password("sqlite:////tmp/3t.db") == ("sqlite:////tmp/3t.db", None)


def test_a_child_learns_where_its_settings_are_and_nothing_of_ours(folder: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THREET_BUILD", "x")
    environment = child_environment(folder, "celery_beat")
    assert environment["THREET_CONFIG"] == str(folder.config)
    assert environment["THREET_SECRETS"] == str(folder.secrets_of("celery_beat"))
    assert "THREET_BUILD" not in environment


def test_the_preferred_ports_are_those_of_the_projects_config() -> None:
    assert preferred_ports(load_settings(PROJECT / "config.yml")) == {
        "redis": 6379,
        "simulator": 8900,
        "observer_a": 8911,
        "observer_b": 8912,
        "observer_c": 8913,
        "flower": 5555,
    }


def test_a_folder_of_another_market_is_refused(folder: StateFolder, tmp_path: Path) -> None:
    folder.belongs_to(str(Market(None, 60)))
    folder.belongs_to(str(Market(None, 1)))
    with pytest.raises(OtherMarket, match="the seeded market, not the candles of"):
        folder.belongs_to(str(Market(tmp_path, 60)))


def test_without_a_redis_server_the_cure_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(NoRedis, match="apt-get install redis-server"):
        redis_binary()
