"""`3t preflight` as a process: what is right is handed over, what is wrong is told in one message and changes nothing."""

from __future__ import annotations

import os
import secrets as random_secrets
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from eth_account import Account
from tests.integration.preflight.conftest import OWNER, SERVICES, Place
from tests.support.settings import ROOT

from threet.settings import load_secrets, load_settings
from threet.settings.secrets import may_have


def of_ones_own(place: Place) -> None:
    """Mode testnet, with keys and passwords that nobody has read."""
    agent = Account.create()
    seeds = {name: random_secrets.token_hex(32) for name in "abc"}

    def secrets(values: dict[str, Any]) -> None:
        values["exchange"] = {
            "apiKey": agent.address,
            "walletAddress": Account.create().address,
            "privateKey": "0x" + agent.key.hex()[-64:],
        }
        values["observers"] = {name: {"private_key": seed} for name, seed in seeds.items()}
        for section in ("database", "redis", "flower", "grafana"):
            values[section] = {name: random_secrets.token_hex(8) for name in values[section]}

    def config(values: dict[str, Any]) -> None:
        values["exchange"] |= {"mode": "testnet", "base_url": None}
        for node in values["observers"]["nodes"]:
            key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seeds[node["name"]]))
            node["public_key"] = key.public_key().public_bytes_raw().hex()

    place.edit("secrets.yml", secrets)
    place.edit("config.yml", config)


def test_each_service_reads_its_own_secrets_and_no_other(place: Place) -> None:
    done = place.run()
    assert done.returncode == 0, done.stderr
    settings = load_settings(place.project / "config.yml")
    everything = load_secrets(place.project / "secrets.yml", settings)
    for service in SERVICES:
        found = {path.name for path in place.secrets_of(service).iterdir()}
        assert found == {*may_have(service), "set_names", *{"mariadb": ["root.cnf"], "redis": ["redis.conf"]}.get(service, [])}
    for service in set(SERVICES) - {"mariadb", "redis"}:
        own = load_secrets(place.secrets_of(service), settings)
        assert own.values() == {name: everything.values()[name] for name in may_have(service)}
        assert all(own.is_set(name) for name in everything.values())
    assert {mode for _, mode in place.handed_over().values()} == {0o444}
    assert place.handed_over()["config/config.yml"][0] == (ROOT / "config.yml").read_text()
    assert place.handed_over()["mariadb_init/1-init.sql"][0] == (ROOT / "init.sql").read_text()


def test_the_signing_key_is_in_one_place(place: Place) -> None:
    place.run()
    key = load_secrets(place.project / "secrets.yml", load_settings(place.project / "config.yml")).require("exchange.privateKey")
    assert [name for name, (text, _) in place.handed_over().items() if key in text] == [
        "secrets/celery_worker_reconcile/exchange.privateKey"
    ]


def test_it_says_the_mode_the_config_and_what_is_new_and_no_value(place: Place) -> None:
    first, second = place.run(), place.run()
    config_hash = load_settings(place.project / "config.yml").config_hash
    assert first.stdout.startswith(
        f"mode simulator, config {config_hash[:12]}\nhanded over to {len(SERVICES)} services; new for celery_beat, "
    )
    assert second.stdout.splitlines()[1] == f"handed over to {len(SERVICES)} services; nothing has changed"
    place.edit("secrets.yml", lambda values: values["flower"].update(password="another one"))
    third = place.run()
    assert third.stdout.splitlines()[1] == f"handed over to {len(SERVICES)} services; new for flower"
    for value in place.values():
        assert value not in first.stdout + first.stderr + third.stdout + third.stderr


def test_own_keys_are_handed_over_outside_the_simulator(place: Place) -> None:
    of_ones_own(place)
    done = place.run()
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("mode testnet, config ")


def test_an_observer_of_another_host_needs_no_key_here_outside_the_simulator(place: Place) -> None:
    of_ones_own(place)
    place.edit("secrets.yml", lambda values: values["observers"].pop("c"))
    assert place.run().returncode == 0
    assert {path.name for path in place.secrets_of("observer_c").iterdir()} == {"exchange.walletAddress", "set_names"}


def test_the_saved_runs_and_what_is_in_them_are_given_to_the_services(place: Place, tmp_path: Path) -> None:
    (place.saved_runs / "quarantine").mkdir()
    (place.saved_runs / "quarantine" / "run_1.json").touch()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.touch()
    before = elsewhere.stat().st_uid
    (place.saved_runs / "link").symlink_to(elsewhere)
    assert place.run().returncode == 0
    for path in (place.saved_runs, *place.saved_runs.rglob("*")):
        assert (path.lstat().st_uid, path.lstat().st_gid) == OWNER
    assert elsewhere.stat().st_uid == before


def missing_secrets(place: Place) -> None:
    (place.project / "secrets.yml").unlink()


def missing_config(place: Place) -> None:
    (place.project / "config.yml").unlink()


def missing_init(place: Place) -> None:
    (place.project / "init.sql").unlink()


def broken_config(place: Place) -> None:
    (place.project / "config.yml").write_text("exchange: [")


def broken_secrets(place: Place) -> None:
    (place.project / "secrets.yml").write_text("exchange: {privateKey: '0xfeed'\n")


def misspelt(place: Place) -> None:
    place.edit("secrets.yml", lambda values: values["redis"].update(pasword=values["redis"].pop("password")))


def no_value(place: Place) -> None:
    place.edit("secrets.yml", lambda values: values["database"].update(root_password=""))


def no_observers_key(place: Place) -> None:
    place.edit("secrets.yml", lambda values: values["observers"].pop("b"))


def another_seed(place: Place) -> None:
    place.edit("secrets.yml", lambda values: values["observers"]["a"].update(private_key="7" * 64))


def another_agent(place: Place) -> None:
    place.edit("secrets.yml", lambda values: values["exchange"].update(apiKey="0x" + "7" * 40))


def two_lines(place: Place) -> None:
    place.edit("secrets.yml", lambda values: values["flower"].update(password="fl0w\ner"))


def blank_at_the_end(place: Place) -> None:
    place.edit("secrets.yml", lambda values: values["flower"].update(password="fl0wer "))


def sqlite(place: Place) -> None:
    place.edit("config.yml", lambda values: values["database"].update(url="sqlite:////3t/state/3t.db"))


def placeholder(place: Place) -> None:
    of_ones_own(place)
    place.edit("secrets.yml", lambda values: values["redis"].update(password="example-redis-password"))


def open_file(place: Place) -> None:
    of_ones_own(place)
    (place.project / "secrets.yml").chmod(0o640)


def unknown_service(place: Place) -> None:
    place.secrets_of("celery_wrker").mkdir()


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (missing_secrets, "secrets.yml is missing: copy secrets.example.yml to secrets.yml"),
        (missing_config, "config.yml is missing: copy config.yml from the project"),
        (missing_init, "init.sql is missing"),
        (broken_config, "config.yml, line "),
        (broken_secrets, "secrets.yml, line "),
        (misspelt, "unknown key; did you mean password? (secrets.yml: redis.pasword)"),
        (misspelt, "was missing; needed by celery_beat, celery_worker, celery_worker_reconcile, cli, flower, providence, redis; set it in"),
        (no_value, "expected a value, was missing; needed by mariadb; set it in secrets.yml (secrets.yml: database.root_password)"),
        (no_observers_key, "needed by observer_b; set it in secrets.yml (secrets.yml: observers.b.private_key)"),
        (another_seed, "expected the key of the public_key of observer a in config.yml, was that of "),
        (
            another_agent,
            "expected the address that exchange.privateKey belongs to, 0x2b6C95016B295dB8AC4ccbB688cc774d9CCcCF80, was another",
        ),
        (
            two_lines,
            "expected a text in one line, with no blank at its ends and no control character; choose another (secrets.yml: flower.pass",
        ),
        (blank_at_the_end, "with no blank at its ends"),
        (sqlite, "containers share no SQLite file (config.yml: database.url)"),
        (placeholder, "expected a value of your own in mode testnet, was the one of secrets.example.yml (secrets.yml: redis.password)"),
        (open_file, "expected permissions 0600, were 0640; do: chmod 600 secrets.yml"),
        (unknown_service, "was 'celery_wrker'"),
    ],
)
def test_what_is_wrong_is_told_with_its_cure_and_nothing_is_handed_over(place: Place, spoil: Any, expected: str) -> None:
    place.run_here()
    before = place.handed_over()
    spoil(place)
    done = place.run()
    assert done.returncode == 2
    assert expected in done.stderr
    assert "Nothing was handed over" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert place.handed_over() == before
    secrets = place.project / "secrets.yml"
    for value in place.values() if secrets.exists() and spoil is not broken_secrets else ["0xfeed"]:
        assert not value or value == EXAMPLE_ADDRESS or value not in done.stderr


EXAMPLE_ADDRESS = "0x2b6C95016B295dB8AC4ccbB688cc774d9CCcCF80"  # the key's, which one message tells; everybody may know it


def test_all_that_is_wrong_with_both_files_is_one_message(place: Place) -> None:
    place.edit("config.yml", lambda values: values["observers"].update(quorum=9))
    place.edit("config.yml", lambda values: values["redis"].update(urll=1))
    misspelt(place)
    no_observers_key(place)
    done = place.run()
    for told in ("observers.quorum", "redis.urll", "redis.pasword", "redis.password", "observers.b.private_key"):
        assert f": {told})" in done.stderr
    assert str(place.project) not in done.stderr


def test_a_secret_that_is_gone_and_what_lay_there_by_mistake_are_removed(place: Place) -> None:
    of_ones_own(place)
    place.run_here()
    (place.secrets_of("flower") / "old.password").write_text("x")
    (place.secrets_of("flower") / ".flower.password.new").write_text("half")
    place.edit("secrets.yml", lambda values: values["observers"].pop("c"))
    assert place.run().returncode == 0
    names = {path.name for service in ("flower", "observer_c") for path in place.secrets_of(service).iterdir()}
    assert names == {"flower.user", "flower.password", "redis.password", "exchange.walletAddress", "set_names"}


def test_a_volume_that_takes_no_file_is_one_line(place: Place) -> None:
    (place.handover / "config").write_text("not a folder")
    done = place.run()
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("owner", ["threet", "10001", "10001:", ":1"])
def test_an_owner_is_two_numbers(place: Place, owner: str) -> None:
    done = place.run("--owner", owner)
    assert done.returncode == 2
    assert "expected UID:GID in numbers" in done.stderr


def test_without_a_volume_for_any_service_it_refuses(place: Place) -> None:
    for service in SERVICES:
        place.secrets_of(service).rmdir()
    done = place.run()
    assert done.returncode == 2
    assert "expected a folder for each service" in done.stderr
    assert not os.listdir(place.handover / "secrets")
