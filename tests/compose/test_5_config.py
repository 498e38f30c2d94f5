"""An edit of config.yml: applied by `make restart`, refused where it is wrong, and trading waits while services differ."""

from __future__ import annotations

import secrets

import yaml
from tests.support.secret_search import found_in, values_of
from tests.support.stack import Stack, wait_for


def _hashes(stack: Stack) -> set[str]:
    """Of the services that have reported lately."""
    return {row[0] for row in stack.sql("SELECT config_hash FROM services WHERE seen_at > UTC_TIMESTAMP(6) - INTERVAL 30 SECOND")}


def test_an_edit_and_new_passwords_are_applied_to_all_services(stack: Stack) -> None:
    (before,) = wait_for("all run one config", lambda: h if len(h := _hashes(stack)) == 1 else None)
    stack.change_config({"reconciliation": {"max_hold_seconds": 601}})
    edited = stack.status()
    assert any("edited" in problem["what"] for problem in edited["problems"])
    for service, name in (("database", "password"), ("database", "readonly_password"), ("redis", "password")):
        stack.secrets[service][name] = secrets.token_hex(12)
    stack.write_secrets(stack.secrets)
    stack.make("restart")
    (after,) = wait_for("all run the new one", lambda: h if len(h := _hashes(stack)) == 1 and h != {before} else None)
    assert after == stack.status()["config_hash"]
    stack.wait_until_trading()


def test_a_wrong_edit_is_refused_and_nothing_is_touched(stack: Stack) -> None:
    path = stack.folder / "config.yml"
    good = path.read_text()
    started = stack.inspect("celery_worker")["State"]["StartedAt"]
    try:
        path.write_text(good.replace("risk_pos_percentage:", "risk_pos_percentge:"))
        output = stack.make("restart", fails=True)
        assert "risk_pos_percentge" in output
        assert "risk_pos_percentage" in output
        config = yaml.safe_load(good)
        config["observers"]["quorum"] = 9
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        assert "observers.quorum" in stack.make("restart", fails=True)
    finally:
        path.write_text(good)
    assert stack.inspect("celery_worker")["State"]["StartedAt"] == started
    assert not any("edited" in problem["what"] for problem in stack.status()["problems"])


def test_while_one_service_runs_another_config_status_names_it_and_trading_waits(stack: Stack) -> None:
    stack.change_config({"reconciliation": {"max_hold_seconds": 602}})
    stack.compose("run", "--rm", "preflight")
    stack.compose("restart", "celery_worker")
    stack.wait_until_well("celery_worker")
    wait_for("two configs", lambda: len(_hashes(stack)) == 2)
    wait_for("status tells them apart", lambda: any("config" in problem["what"] for problem in stack.status()["problems"]))
    cycle = stack.last_cycle()
    wait_for("a cycle that saw it", lambda: stack.last_cycle() >= cycle + 2)
    sent, cycle = len(stack.orders_sent()), stack.last_cycle()
    wait_for("three more", lambda: stack.last_cycle() >= cycle + 3)
    assert len(stack.orders_sent()) == sent
    stack.make("restart")
    wait_for("one config again", lambda: len(_hashes(stack)) == 1)
    stack.wait_until_trading()


def test_after_all_that_went_wrong_no_log_holds_a_secret(stack: Stack) -> None:
    """Nor one of those that were replaced. Where a store was away, or refused a password, is where one would be told."""
    values = {value for written in stack.written_secrets for value in values_of(written)}
    assert len(values) > 10
    logs = {name: stack.run("docker", "logs", name) for name in stack.containers()}
    assert all(logs.values())
    assert {name: found for name, text in logs.items() if (found := found_in(text, values))} == {}
