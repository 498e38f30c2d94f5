"""Which parts make the platform on one machine, what each is started with, and what each needs to be well before it starts."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from threet.cli.demo.fleet import Part
from threet.cli.demo.folder import StateFolder
from threet.cli.demo.health import all_of, http_ok, is_held, log_says, redis_answers
from threet.cli.demo.process import Command
from threet.cli.demo.redis_server import redis_binary, write_redis_config
from threet.cli.demo.reports import Reports
from threet.cli.demo.settings_files import Ports, child_environment
from threet.settings import Secrets, Settings

_QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat")
"""Workers that share no cluster need not talk to each other."""


_IS_MINE = log_says(" ready http://")
"""The part itself says where it listens; an answer alone could be somebody else's."""

_LOGGING = ("-l", "INFO")


def make_plan(folder: StateFolder, settings: Settings, secrets: Secrets, ports: Ports, project: Path) -> list[Part]:
    """The parts, in the order of the screen. ``project`` is the folder that holds ``providence/``."""
    observers = [f"observer_{node.name}" for node in settings.observers.nodes]
    reports = Reports(settings, secrets)
    return [
        _redis(folder, ports, secrets.require("redis.password")),
        _simulator(folder, settings, secrets, ports),
        *(_observer(folder, name, port) for name, port in ports.observers.items()),
        _worker(folder, settings, reports, "celery_worker", "market", ("-Q", "market,account")),
        _worker(folder, settings, reports, "celery_worker_reconcile", "reconcile", ("-Q", "reconcile")),
        _providence(folder, settings, reports, project),
        _beat(folder, ("celery_worker", "celery_worker_reconcile", "simulator", *observers)),
        _flower(folder, secrets, ports),
    ]


def _command(folder: StateFolder, service: str, *argv: str) -> Command:
    return Command(argv, child_environment(folder, service), folder.root)


def _module(folder: StateFolder, service: str, module: str, *arguments: str) -> Command:
    return _command(folder, service, sys.executable, "-m", module, *arguments)


def _files(folder: StateFolder, service: str) -> tuple[str, ...]:
    return ("--config", str(folder.config.absolute()), "--secrets", str(folder.secrets_of(service).absolute()))


def _redis(folder: StateFolder, ports: Ports, password: str) -> Part:
    config = write_redis_config(folder, ports.redis, password)
    check = redis_answers(ports.redis, password)
    return Part("redis", _command(folder, "redis", redis_binary(), str(config.absolute())), (), check, check)


def _simulator(folder: StateFolder, settings: Settings, secrets: Secrets, ports: Ports) -> Part:
    master, agent = secrets.require("exchange.walletAddress"), secrets.require("exchange.apiKey")
    command = _module(
        folder,
        "simulator",
        "threet.simulator",
        *("--config", str(folder.config.absolute()), "--state", str(folder.simulator.absolute()), "--port", str(ports.simulator)),
        *("--account", f"{master}={settings.simulator.deposit_usd}", "--agent", f"{master}={agent}"),
    )
    check = http_ok(f"http://127.0.0.1:{ports.simulator}/sim/health")
    return Part("simulator", command, (), all_of(_IS_MINE, check), check)


def _observer(folder: StateFolder, name: str, port: int) -> Part:
    service = f"observer_{name}"
    command = _module(folder, service, "threet.observer", *_files(folder, service), "--name", name, "--port", str(port))
    check = http_ok(f"http://127.0.0.1:{port}/health")
    return Part(service, command, ("simulator",), all_of(_IS_MINE, check), check)


def _worker(folder: StateFolder, settings: Settings, reports: Reports, service: str, node: str, queues: Sequence[str]) -> Part:
    """Its canaries report for it; they come once beat runs, so that its start is told by its log."""
    pool = ("-P", "eventlet", f"--autoscale={settings.workers.autoscale_max},{settings.workers.autoscale_min}")
    command = _module(
        folder, service, "celery", "-A", "threet_workers.app", "worker", *pool, *queues, "-n", f"{node}@%h", *_LOGGING, *_QUIET
    )
    well = reports.younger_than(settings.freshness.max_service_age_seconds, f"{service}/", or_never=True)
    return Part(service, command, ("redis",), log_says(" ready."), well, start_seconds=60, stop_seconds=12)


def _beat(folder: StateFolder, needs: Sequence[str]) -> Part:
    command = _module(folder, "celery_beat", "celery", "-A", "threet_workers.app", "beat", *_LOGGING)
    check = is_held(folder.platform / "beat.lock")
    return Part("celery_beat", command, tuple(needs), check, check)


def _flower(folder: StateFolder, secrets: Secrets, ports: Ports) -> Part:
    """Its ready check asks for what only our password opens: /healthcheck is open, and may be that of another Flower on the port."""
    command = _module(folder, "flower", "threet_workers.flower", "--port", str(ports.flower))
    address = f"http://127.0.0.1:{ports.flower}"
    check = http_ok(f"{address}/healthcheck")
    mine = http_ok(f"{address}/tasks", f"{secrets.require('flower.user')}:{secrets.require('flower.password')}")
    return Part("flower", command, ("redis", "celery_beat"), mine, check, stop_seconds=4)


def _providence(folder: StateFolder, settings: Settings, reports: Reports, project: Path) -> Part:
    script = project / "providence" / "3T-PROVIDENCE-v2.py"
    command = _command(folder, "providence", sys.executable, str(script), *_files(folder, "providence"))
    publishes = reports.younger_than(2.5 * settings.providence.publish_interval_seconds, "providence-")
    well = reports.younger_than(settings.freshness.max_heartbeat_age_seconds, "providence-")
    return Part("providence", command, ("redis",), publishes, well, stop_seconds=15)
