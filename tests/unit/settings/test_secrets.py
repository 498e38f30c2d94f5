"""secrets.yml: what each service may know, and that nothing shows it."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from eth_account import Account
from tests.support.settings import ROOT, settings_with

from threet.settings import Secrets, Settings, SettingsError, default_secrets_path, load_secrets, load_settings, secrets_for
from threet.settings.examples import EXAMPLE_ADDRESS, EXAMPLE_PUBLIC_KEYS, example_key, is_example
from threet.settings.secrets import may_have

EXAMPLE = ROOT / "secrets.example.yml"
SERVICES = [
    "celery_beat",
    "celery_worker",
    "celery_worker_reconcile",
    "providence",
    "flower",
    "simulator",
    "cli",
    "observer_a",
    "mariadb",
    "redis",
    "grafana",
]


@pytest.fixture
def settings() -> Settings:
    return load_settings(ROOT / "config.yml")


@pytest.fixture
def testnet(tmp_path: Path) -> Settings:
    own = {f"observers.nodes.{number}.public_key": f"{number}" * 64 for number in range(3)}
    return settings_with(tmp_path, {"exchange.mode": "testnet", "exchange.base_url": None, **own})


@pytest.fixture
def example(settings: Settings) -> Secrets:
    return load_secrets(EXAMPLE, settings)


def written(folder: Path, values: dict[str, Any], mode: int = 0o600) -> Path:
    path = folder / "secrets.yml"
    path.write_text(yaml.safe_dump(values))
    path.chmod(mode)
    return path


def test_the_examples_keys_belong_together(settings: Settings, example: Secrets) -> None:
    assert Account.from_key(example.require("exchange.privateKey")).address == example.require("exchange.walletAddress") == EXAMPLE_ADDRESS
    for node in settings.observers.nodes:
        seed = bytes.fromhex(example.require(f"observers.{node.name}.private_key"))
        assert Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw().hex() == node.public_key
    assert {node.public_key for node in settings.observers.nodes} == EXAMPLE_PUBLIC_KEYS


def test_every_value_of_the_example_is_recognised(example: Secrets) -> None:
    assert len(example.values()) == 13
    for name, value in example.values().items():
        assert is_example(name, value.get_secret_value()), name


def test_a_value_of_ones_own_is_no_example() -> None:
    assert not is_example("exchange.privateKey", "0x" + "1" * 64)
    assert not is_example("database.password", "correct horse")


def test_the_example_is_refused_by_name_outside_the_simulator(tmp_path: Path, testnet: Settings, example: Secrets) -> None:
    path = written(tmp_path, yaml.safe_load(EXAMPLE.read_text()))
    with pytest.raises(SettingsError) as raised:
        load_secrets(path, testnet)
    assert len(raised.value.problems) == 13
    for name, value in example.values().items():
        assert f"({path}: {name})" in str(raised.value)
        assert value.get_secret_value() not in str(raised.value)


def test_own_values_are_taken_outside_the_simulator(tmp_path: Path, testnet: Settings) -> None:
    secrets = load_secrets(written(tmp_path, {"exchange": {"privateKey": "0x" + "1" * 64}}), testnet)
    assert secrets.require("exchange.privateKey") == "0x" + "1" * 64


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_open_permissions_are_refused_outside_the_simulator_with_the_cure(tmp_path: Path, testnet: Settings, mode: int) -> None:
    path = written(tmp_path, {"redis": {"password": "x"}}, mode)
    with pytest.raises(SettingsError, match=f"expected permissions 0600, were {mode:04o}; do: chmod 600"):
        load_secrets(path, testnet)


def test_open_permissions_do_not_matter_in_the_simulator(tmp_path: Path, settings: Settings) -> None:
    assert load_secrets(written(tmp_path, {"redis": {"password": "x"}}, 0o644), settings).require("redis.password") == "x"


def test_closed_permissions_are_good_outside_the_simulator(tmp_path: Path, testnet: Settings) -> None:
    for mode in (0o600, 0o400):
        load_secrets(written(tmp_path, {"redis": {"password": "x"}}, 0o600), testnet)
        (tmp_path / "secrets.yml").chmod(mode)


def test_nothing_shows_a_secret(example: Secrets) -> None:
    shown = f"{example!r} {example} {example.exchange!r} {example.model_dump()} {json.dumps(example.model_dump(mode='json'))}"
    for value in example.values().values():
        assert value.get_secret_value() not in shown


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"exchange": {"privatKey": "0xfeed"}}, "did you mean privateKey? ({path}: exchange.privatKey)"),
        ({"exchange": {"privateKey": 12345678901}}, "expected a text in quotation marks, was a value of type int"),
        ({"exchange": {"privateKey": "0xfeedfeed"}}, "expected a private key: 0x and 64 hex digits, was a text of 10 characters"),
        ({"exchange": {"privateKey": "0x" + "f" * 64}}, "expected a private key: 0x and 64 hex digits, was a text of 66 characters"),
        ({"exchange": {"walletAddress": "feedfeed"}}, "expected an address: 0x and 40 hex digits"),
        ({"observers": {"a": {"private_key": "feedfeed"}}}, "expected an Ed25519 seed: 64 hex digits"),
        ({"exchange": "feedfeed"}, "expected a section with keys"),
    ],
)
def test_a_wrong_form_is_named_without_the_value(tmp_path: Path, settings: Settings, values: dict[str, Any], expected: str) -> None:
    path = written(tmp_path, values)
    with pytest.raises(SettingsError) as raised:
        load_secrets(path, settings)
    told = "".join(traceback.format_exception(raised.value))
    assert expected.format(path=path) in str(raised.value)
    for value in ("feedfeed", "12345678901"):
        assert value not in told


def test_a_slip_in_one_key_hides_nothing_that_is_wrong_with_the_others(tmp_path: Path, testnet: Settings) -> None:
    values = {"exchange": {"privatKey": "0xfeed", "walletAddress": "feedfeed"}, "flower": "feedfeed", "redis": {"password": "example-x"}}
    with pytest.raises(SettingsError) as raised:
        load_secrets(written(tmp_path, values), testnet)
    told = str(raised.value)
    assert len(raised.value.problems) == 4, told
    for name in ("exchange.privatKey", "exchange.walletAddress", "flower", "redis.password"):
        assert f": {name})" in told


def test_a_missing_file_names_itself_and_the_cure(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(SettingsError, match=r"secrets\.yml is missing: copy secrets\.example\.yml"):
        load_secrets(tmp_path / "secrets.yml", settings)


def test_a_secret_that_is_needed_and_missing_names_file_key_and_cure(tmp_path: Path, settings: Settings) -> None:
    path = written(tmp_path, {"redis": {"password": ""}})
    with pytest.raises(SettingsError) as raised:
        load_secrets(path, settings).require("redis.password")
    assert f"({path}: redis.password)" in str(raised.value)
    assert "set it in secrets.yml" in str(raised.value)


def test_an_empty_value_is_not_set(tmp_path: Path, settings: Settings) -> None:
    secrets = load_secrets(written(tmp_path, {"exchange": {"apiKey": "", "walletAddress": None}}), settings)
    assert not secrets.is_set("exchange.apiKey")
    assert not secrets.is_set("exchange.walletAddress")
    assert secrets.find("exchange.apiKey") is None


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_gets_what_it_may_have_and_the_names_of_all(service: str, tmp_path: Path, settings: Settings, example: Secrets) -> None:
    own = load_secrets(written(tmp_path, secrets_for(service, example)), settings)
    assert set(own.values()) == set(may_have(service))
    for name, value in example.values().items():
        assert own.is_set(name)
        assert (own.find(name) == value.get_secret_value()) is (name in may_have(service))


@pytest.mark.parametrize("service", [service for service in SERVICES if service != "celery_worker_reconcile"])
def test_the_signing_key_goes_to_the_reconcile_worker_only(service: str, example: Secrets) -> None:
    assert example.require("exchange.privateKey") not in json.dumps(secrets_for(service, example))
    assert example.require("exchange.privateKey") in json.dumps(secrets_for("celery_worker_reconcile", example))


def test_an_observer_gets_the_address_and_its_own_key_only(example: Secrets) -> None:
    assert may_have("observer_b") == ("exchange.walletAddress", "observers.b.private_key")


def test_a_service_of_its_own_file_passes_the_names_on(tmp_path: Path, settings: Settings, example: Secrets) -> None:
    first = load_secrets(written(tmp_path, secrets_for("celery_worker_reconcile", example)), settings)
    assert secrets_for("celery_beat", first)["set_names"] == secrets_for("celery_beat", example)["set_names"]


def test_a_secret_that_this_service_may_not_have_says_so(tmp_path: Path, settings: Settings, example: Secrets) -> None:
    own = load_secrets(written(tmp_path, secrets_for("celery_worker", example)), settings)
    with pytest.raises(SettingsError, match="is set, but not for this service"):
        own.require("exchange.privateKey")


def test_a_name_that_is_not_set_is_not_in_the_list(tmp_path: Path, settings: Settings) -> None:
    secrets = load_secrets(written(tmp_path, {"exchange": {"walletAddress": EXAMPLE_ADDRESS}}), settings)
    own = load_secrets(written(tmp_path, secrets_for("celery_worker", secrets)), settings)
    missing = [name for name in ("apiKey", "walletAddress", "privateKey") if not own.is_set(f"exchange.{name}")]
    assert missing == ["apiKey", "privateKey"]


def test_a_service_that_nobody_knows_is_an_error(example: Secrets) -> None:
    for name in ("celery_wrker", "observer_"):
        with pytest.raises(ValueError, match="expected one of"):
            secrets_for(name, example)


def test_a_folder_of_files_is_read_by_dotted_names(tmp_path: Path, settings: Settings, testnet: Settings) -> None:
    folder = tmp_path / "run-secrets"
    folder.mkdir()
    (folder / "database.password").write_text("one\n")
    (folder / "observers.a.private_key").write_text("1" * 64 + "\n")
    (folder / "set_names").write_text("database.password\nexchange.privateKey\n")
    secrets = load_secrets(folder, testnet)
    assert secrets.require("database.password") == "one"
    assert secrets.require("observers.a.private_key") == "1" * 64
    assert secrets.is_set("exchange.privateKey")


def test_a_secrets_file_in_the_folder_is_read_instead(tmp_path: Path, settings: Settings) -> None:
    written(tmp_path, {"redis": {"password": "x"}})
    assert load_secrets(tmp_path, settings).require("redis.password") == "x"


def test_where_the_secrets_are_looked_for(tmp_path: Path) -> None:
    config = tmp_path / "config.yml"
    assert default_secrets_path(config, {"THREET_SECRETS": "/elsewhere"}) == Path("/elsewhere")
    written(tmp_path, {})
    assert default_secrets_path(config, {}) == tmp_path / "secrets.yml"


def test_the_examples_keys_are_what_they_say(example: Secrets) -> None:
    assert example.require("exchange.privateKey") == "0x" + example_key("exchange.privateKey")
