"""The schedule: from config.yml alone, each task through its own queue, and nothing that piles up."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest
from tests.support.settings import settings_with

from threet.settings import Secrets, load_settings
from threet.settings.sections import ScheduleSettings
from threet_workers.beat import hold
from threet_workers.configuration import broker_url, celery_settings
from threet_workers.schedule import QUEUES, beat_schedule, task_routes

CONFIG = Path(__file__).parents[3] / "config.yml"


@pytest.fixture(scope="module")
def settings():
    return load_settings(CONFIG)


def test_every_interval_of_the_config_is_used_and_no_other(settings):
    used = {entry["schedule"] for entry in beat_schedule(settings).values()}
    assert used == {getattr(settings.schedule, name) for name in ScheduleSettings.model_fields}


def test_entries_are_named_after_their_action(settings):
    assert {name: entry["task"] for name, entry in beat_schedule(settings).items()} == {
        "update-prices": "update_prices",
        "update-candles": "update_candles",
        "update-balance": "update_balance",
        "housekeeping": "housekeeping",
        "reconcile-positions": "reconcile_positions",
        "canary-market": "canary_market",
        "canary-account": "canary_account",
        "canary-reconcile": "canary_reconcile",
    }


def test_what_reconciles_goes_through_its_own_queue():
    through = {task: route["queue"] for task, route in task_routes().items()}
    assert {task for task, queue in through.items() if queue == "reconcile"} == {"reconcile_positions", "canary_reconcile"}
    assert set(through.values()) == set(QUEUES)


def test_a_tick_expires_when_the_next_is_due(settings):
    for entry in beat_schedule(settings).values():
        assert entry["options"]["expires"] == entry["schedule"]


def test_no_queue_gets_the_messages_of_another(settings):
    queues = celery_settings(settings, Secrets())["task_queues"]
    assert [(q.name, q.exchange.name, q.routing_key) for q in queues] == [(name, name, name) for name in QUEUES]


def test_tasks_acknowledge_early_are_fetched_one_at_a_time_and_leave_no_result(settings):
    conf = celery_settings(settings, Secrets())
    assert (conf["task_acks_late"], conf["worker_prefetch_multiplier"], conf["result_backend"]) == (False, 1, None)
    assert conf["broker_transport_options"]["visibility_timeout"] > max(e["schedule"] for e in conf["beat_schedule"].values())


def test_the_password_of_the_broker_comes_from_the_secrets_and_survives_its_odd_letters(settings):
    assert broker_url(settings, Secrets()) == settings.redis.url
    secrets = Secrets.model_validate({"redis": {"password": "p/w:@ ü"}})
    assert broker_url(settings, secrets) == "redis://:p%2Fw%3A%40%20%C3%BC@redis:6379/0"


def test_a_broker_with_tls_is_held_against_its_authority_and_one_without_against_none(tmp_path):
    settings = settings_with(tmp_path, {"redis.url": "rediss://redis:6380/0?ssl_ca_certs=/3t/config/ca.pem"})
    conf = celery_settings(settings, Secrets.model_validate({"redis": {"password": "p"}}))
    assert conf["broker_url"] == "rediss://:p@redis:6380/0"
    assert conf["broker_use_ssl"] == {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True, "ssl_ca_certs": "/3t/config/ca.pem"}
    assert celery_settings(settings_with(tmp_path, {}), Secrets())["broker_use_ssl"] is False


def test_a_second_beat_is_refused_and_the_first_one_named(tmp_path):
    path = tmp_path / "state" / "beat.lock"
    first = hold(path)
    with pytest.raises(SystemExit, match=f"process {os.getpid()}") as caught:
        hold(path)
    assert str(path) in str(caught.value)
    first.close()
    hold(path).close()
