"""Real processes for tests: Redis, SQLite, workers, beat and Flower on a configuration of their own, each ended by its id."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from tests.support import children
from tests.support.redis import RedisServer
from tests.support.venue_settings import PROJECT, write_config

from threet.adapters.sql import create_schema, make_engine
from threet.settings import Secrets, Settings, load_secrets, load_settings

PROBE_APP = "tests.integration.workers.probe_app"
START_SECONDS = 60
NOWHERE = "http://127.0.0.1:9"  # a port that nobody serves


def wait_for(what: str, condition: Callable[[], Any], seconds: float = 30) -> Any:
    """The condition's first true value; an AssertionError after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.05)


class Part:
    """One child process with its log."""

    def __init__(self, name: str, command: list[str], log: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as file:
            self.process = children.start(command, stdout=file, stderr=file, env=dict(environment), cwd=PROJECT)

    @property
    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def says(self, text: str, times: int = 1, seconds: float = START_SECONDS) -> None:
        """Waits until the log holds ``text`` so many times; fails at once where the process has ended."""

        def said() -> bool:
            if self.text.count(text) >= times:
                return True
            assert self.process.poll() is None, f"{self.name} ended with {self.process.returncode}:\n{self.text[-3000:]}"
            return False

        try:
            wait_for(f"{self.name} says {text!r}", said, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text[-3000:]}") from None

    def stop(self, seconds: float = 20) -> int:
        """SIGTERM; SIGKILL where it does not end."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        return int(self.process.returncode)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


class Stack:
    """``with Stack(folder, changes) as stack``: Redis and an empty database run; the rest is started as the test asks."""

    def __init__(self, folder: Path, changes: Mapping[str, dict[str, Any]] | None = None, database: bool = True) -> None:
        self.folder = folder
        self.redis = RedisServer(folder / "redis")
        sections: dict[str, dict[str, Any]] = {
            "redis": {"url": self.redis.url, "socket_timeout_seconds": 2},
            "database": {"url": f"sqlite:///{folder}/3t.db"},
            "exchange": {"base_url": NOWHERE, "request_timeout_seconds": 2, "requests_per_minute": 60_000},
        }
        for name, values in (changes or {}).items():
            sections[name] = {**sections.get(name, {}), **values}
        self.config = write_config(folder, sections)
        self.secrets = folder / "secrets.yml"
        self.settings: Settings = load_settings(self.config)
        self._write_secrets()
        self._database = database
        self._parts: list[Part] = []

    def __enter__(self) -> Stack:
        self.redis.start()
        try:
            if self._database:
                create_schema(make_engine(self.settings, self.loaded_secrets))
        except BaseException:
            self.redis.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for part in self._parts:
            part.kill()  # a warm stop takes seconds, and has a test of its own
        self.redis.kill()

    @property
    def loaded_secrets(self) -> Secrets:
        return load_secrets(self.secrets, self.settings)

    def worker(self, queues: str = "market,account", *options: str, app: str = PROBE_APP, ready: bool = True, **environment: str) -> Part:
        """A real worker on eventlet. ``ready``: waits until it takes tasks."""
        name = queues.partition(",")[0]
        part = self.celery(
            name,
            [*f"-A {app} worker -P eventlet -Q {queues} -n {name}@%h -l INFO --without-gossip --without-mingle".split(), *options],
            **environment,
        )
        if ready:
            part.says(" ready.")
        return part

    def beat(self, name: str = "beat") -> Part:
        return self.celery(name, ["-A", "threet_workers.app", "beat", "-l", "INFO"])

    def celery(self, name: str, arguments: list[str], **environment: str) -> Part:
        return self.python(name, ["-m", "celery", *arguments], **environment)

    def python(self, name: str, arguments: list[str], **environment: str) -> Part:
        own = {"THREET_CONFIG": str(self.config), "THREET_SECRETS": str(self.secrets), "PYTHONPATH": str(PROJECT)}
        part = Part(name, [sys.executable, *arguments], self.folder / f"{name}.log", {**os.environ, **own, **environment})
        self._parts.append(part)
        return part

    def send(self, task: str, *args: Any, **options: Any) -> None:
        """Through the real producer, in a process-wide app that is configured as the workers are."""
        producer = self._producer()
        producer.send_task(task, args=args, **{"queue": "market", **options})

    def _producer(self) -> Any:
        from celery import Celery

        from threet_workers.configuration import celery_settings

        app = Celery("producer", set_as_current=False)
        app.conf.update(celery_settings(self.settings, self.loaded_secrets))
        return app

    def _write_secrets(self) -> None:
        values = yaml.safe_load((PROJECT / "secrets.example.yml").read_text())
        values["redis"]["password"] = self.redis.password
        self.secrets.write_text(yaml.safe_dump(values))
        self.secrets.chmod(0o600)
