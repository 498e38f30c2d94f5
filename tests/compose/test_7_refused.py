"""What cannot start says why in one message, before anything runs. The last file: it starts from the images that are there."""

from __future__ import annotations

import socket

import pytest
import yaml
from tests.support.stack import Stack


@pytest.fixture
def stopped(stack: Stack) -> Stack:
    stack.make("clean")
    return stack


def test_without_secrets_the_start_names_the_file_and_the_cure(stopped: Stack) -> None:
    path = stopped.folder / "secrets.yml"
    kept = path.read_text()
    path.unlink()
    try:
        output = stopped.install(fails=True)
        assert "secrets.yml" in output
        assert "secrets.example.yml" in output
        assert stopped.run("docker", "compose", "ps", "--quiet") == ""
    finally:
        path.write_text(kept)
        path.chmod(0o600)


def test_a_missing_secret_is_named_before_any_service_starts(stopped: Stack) -> None:
    values = yaml.safe_load(yaml.safe_dump(stopped.secrets))
    del values["redis"]["password"]
    stopped.write_secrets(values)
    try:
        assert "redis.password" in stopped.install(fails=True)
        assert stopped.run("docker", "compose", "ps", "--quiet", "redis") == ""
    finally:
        stopped.write_secrets(stopped.secrets)


def test_example_secrets_are_refused_by_name_on_a_real_venue(stopped: Stack) -> None:
    path = stopped.folder / "config.yml"
    kept = path.read_text()
    config = yaml.safe_load(kept)
    config["exchange"] |= {"mode": "testnet", "base_url": None}
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    stopped.write_secrets(yaml.safe_load((stopped.folder / "secrets.example.yml").read_text()))
    try:
        output = stopped.install(fails=True)
        assert "exchange.privateKey" in output
        assert "secrets.example.yml" in output
    finally:
        path.write_text(kept)
        stopped.write_secrets(stopped.secrets)


def test_a_port_in_use_is_named_with_its_key(stopped: Stack) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", stopped.ports["FLOWER_PORT"]))
        taken.listen()
        output = stopped.install(fails=True)
    assert str(stopped.ports["FLOWER_PORT"]) in output
    assert "FLOWER_PORT" in output
