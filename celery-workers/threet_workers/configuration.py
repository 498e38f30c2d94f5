"""Celery's own settings, made from config.yml when they are first needed, never at import."""

from __future__ import annotations

import ssl
from functools import cache
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from celery.loaders.app import AppLoader
from kombu.entity import Exchange, Queue

from threet.settings import Secrets, Settings, SettingsError, default_config_path, default_secrets_path, load_secrets, load_settings
from threet_workers.schedule import QUEUES, beat_schedule, intervals_seconds, task_routes


@cache
def configuration() -> tuple[Settings, Secrets]:
    """The settings and secrets of this process. Ends the process with one message where they cannot be used (A26)."""
    path = default_config_path()
    try:
        settings = load_settings(path)
        return settings, load_secrets(default_secrets_path(path), settings)
    except SettingsError as error:
        raise SystemExit(str(error)) from None


class SettingsLoader(AppLoader):  # type: ignore[misc]  # celery ships no types
    """Gives Celery its settings from ours."""

    def read_configuration(self, env: str = "") -> dict[str, Any]:
        return celery_settings(*configuration())


def broker_url(settings: Settings, secrets: Secrets) -> str:
    """``redis.url`` with the password in it. Celery hides the password where it shows the address."""
    parts = urlsplit(settings.redis.url)._replace(query="")
    password = secrets.find("redis.password")
    if password is None:
        return urlunsplit(parts)
    return urlunsplit(parts._replace(netloc=f":{quote(password, safe='')}@{parts.netloc.rpartition('@')[2]}"))


def broker_tls(settings: Settings) -> dict[str, Any] | None:
    """What Celery and Flower need to hold Redis' certificate against; Flower does not read it from the address."""
    if urlsplit(settings.redis.url).scheme != "rediss":
        return None
    checks = {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
    file = settings.redis.ca_file
    return checks if file is None else checks | {"ssl_ca_certs": str(file)}


def celery_settings(settings: Settings, secrets: Secrets) -> dict[str, Any]:
    """Tasks acknowledge early, are fetched one at a time and leave no result; nothing relies on a redelivery."""
    seconds = settings.redis.socket_timeout_seconds
    resend = {"max_retries": settings.redis.reconnect_attempts, "interval_start": 0, "interval_step": 0, "interval_max": 0}
    return {
        "broker_url": broker_url(settings, secrets),
        "broker_use_ssl": broker_tls(settings) or False,
        "broker_connection_timeout": seconds,
        "broker_connection_retry": True,
        "broker_connection_max_retries": None,
        "broker_connection_retry_on_startup": True,
        "broker_transport_options": {
            # Longer than any task: a message that is given back while its task runs would run twice.
            "visibility_timeout": int(2 * max(intervals_seconds(settings)) + settings.reconciliation.lease_seconds),
            "socket_timeout": seconds,
            "socket_connect_timeout": seconds,
            "socket_keepalive": True,
            # Of one send: the worker's own reconnection goes on for ever, by broker_connection_max_retries.
            **resend,
        },
        "result_backend": None,
        "result_expires": None,
        "task_ignore_result": True,
        "task_acks_late": False,
        "task_queues": [_queue(name) for name in QUEUES],
        "task_create_missing_queues": False,
        "task_default_queue": QUEUES[0],
        "task_routes": task_routes(),
        "task_send_sent_event": False,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_publish_retry_policy": resend,
        "worker_prefetch_multiplier": 1,
        "worker_send_task_events": True,
        "worker_autoscaler": "threet_workers.autoscaler:BacklogAutoscaler",
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_enable_prefetch_count_reduction": False,
        "timezone": "UTC",
        "enable_utc": True,
        "beat_schedule": beat_schedule(settings),
        "beat_scheduler": "threet_workers.beat:LockedScheduler",
    }


def _queue(name: str) -> Queue:
    """With an exchange and key of its own: by default all queues would share those of the first, and get each other's messages."""
    return Queue(name, Exchange(name, type="direct"), routing_key=name)  # type: ignore[no-untyped-call]
