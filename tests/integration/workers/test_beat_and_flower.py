"""Beat is alone; Flower asks for its password; what cannot start says why in one message."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import requests
from tests.integration.workers.harness import Part, Stack, wait_for
from tests.support import children
from tests.support.redis import free_port

EVERY_HALF_SECOND = {"update_prices_seconds": 0.5}


def test_a_second_beat_is_refused_and_the_first_goes_on(tmp_path):
    with Stack(tmp_path, {"schedule": EVERY_HALF_SECOND}, database=False) as stack:
        first = stack.beat()
        client = stack.redis.client()
        wait_for("the first one ticks", lambda: client.llen("market"))
        second = stack.beat("beat2")
        assert second.process.wait(30) == 1
        assert f"another beat (process {first.process.pid}) holds" in second.text
        assert "Traceback" not in second.text
        waiting = client.llen("market")
        wait_for("the first one goes on", lambda: client.llen("market") >= waiting + 2)


def test_a_start_begins_with_one_of_each_however_rare_it_is(tmp_path):
    rare = {"update_prices_seconds": 500, "canary_seconds": 500, "housekeeping_seconds": 500, "update_balance_seconds": 500}
    ages = {"max_price_age_seconds": 2000, "max_canary_age_seconds": 2000, "max_balance_age_seconds": 2000, "max_service_age_seconds": 2000}
    with Stack(tmp_path, {"schedule": rare, "freshness": ages | {"max_position_age_seconds": 2000}}, database=False) as stack:
        stack.beat()
        client = stack.redis.client()
        wait_for("canary, balance and housekeeping", lambda: client.llen("account") == 3)


def test_beat_ticks_again_when_redis_is_back(tmp_path):
    with Stack(tmp_path, {"schedule": EVERY_HALF_SECOND}, database=False) as stack:
        beat = stack.beat()
        wait_for("it ticks", lambda: stack.redis.client().llen("market"))
        stack.redis.kill()
        beat.says("refused")
        stack.redis.start()
        waiting = stack.redis.client().llen("market")
        wait_for("it ticks again", lambda: stack.redis.client().llen("market") >= waiting + 2, 40)


def test_flower_shows_the_workers_to_who_knows_the_password_and_its_buttons_are_off(tmp_path):
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with Stack(tmp_path) as stack:
        worker = stack.worker("market,account", "-c", "2")
        flower = stack.python("flower", ["-m", "threet_workers.flower", "--port", str(port)])
        wait_for("flower is up", lambda: _status(f"{address}/healthcheck") == 200, 60)
        secrets = stack.loaded_secrets
        known = (secrets.require("flower.user"), secrets.require("flower.password"))
        assert _status(f"{address}/api/workers") == 401
        assert _status(f"{address}/api/workers", (known[0], "wrong")) == 401
        wait_for("it sees the worker", lambda: "market@" in _get(f"{address}/workers?json=1", known).text)
        stopping = requests.post(f"{address}/api/worker/shutdown/market@{_host()}", auth=known, timeout=10)
        assert stopping.status_code in (403, 405)
        assert worker.process.poll() is None
        _hides_its_secrets(flower, [known[1], stack.redis.password])
        assert {c.laddr.ip for c in psutil.Process(flower.process.pid).net_connections("tcp") if c.status == "LISTEN"} == {"127.0.0.1"}


def _host() -> str:
    import socket

    return socket.gethostname()


def _get(url: str, auth: tuple[str, str] | None = None) -> requests.Response:
    return requests.get(url, auth=auth, timeout=10)


def _status(url: str, auth: tuple[str, str] | None = None) -> int:
    try:
        return _get(url, auth).status_code
    except requests.ConnectionError:
        return 0


def _hides_its_secrets(part: Part, secrets: list[str]) -> None:
    shown = " ".join(psutil.Process(part.process.pid).cmdline()) + str(psutil.Process(part.process.pid).environ()) + part.text
    assert [secret for secret in secrets if secret in shown] == []


STARTS = {
    "worker": ["-m", "celery", "-A", "threet_workers.app", "worker", "-P", "eventlet", "-Q", "market", "-c", "1"],
    "beat": ["-m", "celery", "-A", "threet_workers.app", "beat"],
    "flower": ["-m", "threet_workers.flower"],
}


def _start(arguments: list[str], config: Path) -> subprocess.CompletedProcess[str]:
    environment = {"THREET_CONFIG": str(config), "PATH": "/usr/bin:/bin"}
    return children.run([sys.executable, *arguments], env=environment, timeout=60)


@pytest.mark.parametrize("part", STARTS)
def test_without_a_configuration_it_ends_and_says_what_to_do(part, tmp_path):
    ended = _start(STARTS[part], tmp_path / "config.yml")
    assert ended.returncode != 0
    assert str(tmp_path / "config.yml") in ended.stderr
    assert "THREET_CONFIG" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_misspelt_key_is_named(tmp_path):
    stack = Stack(tmp_path, database=False)
    stack.config.write_text(stack.config.read_text().replace("update_prices_seconds", "update_price_seconds"))
    ended = _start(STARTS["worker"], stack.config)
    assert ended.returncode != 0
    assert "schedule.update_price_seconds" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_worker_without_its_tables_does_not_start_and_says_so(tmp_path):
    with Stack(tmp_path, database=False) as stack:
        worker = stack.worker("market,account", "-c", "1", ready=False)
        assert worker.process.wait(60) != 0
        assert "cannot start" in worker.text
        assert "Traceback" not in worker.text
