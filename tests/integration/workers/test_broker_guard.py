"""The guard around kombu's crash: the connection is closed twice while messages are un-acknowledged."""

from __future__ import annotations

import pytest
from kombu import Connection, Queue
from kombu.transport.redis import QoS
from tests.support.redis import RedisServer
from tests.support.venue_settings import write_config

from threet.settings import Secrets, load_settings
from threet_workers import broker_guard
from threet_workers.configuration import broker_url


@pytest.fixture
def channel(tmp_path):
    """A channel that has fetched one message and not acknowledged it, over a connection that is gone."""
    with RedisServer(tmp_path / "redis") as server:
        settings = load_settings(write_config(tmp_path, {"redis": {"url": server.url}}))
        url = broker_url(settings, Secrets.model_validate({"redis": {"password": server.password}}))
        with Connection(url) as connection:
            queue = Queue("market", routing_key="market")
            connection.SimpleQueue(queue).put({"hello": 1})
            channel = connection.channel()
            queue(channel).declare()
            assert queue(channel).get() is not None
            channel._disconnect_pools()  # as its close() does, twice where Redis was lost
            client, channel.connection.client = channel.connection.client, None
            yield channel, server
            channel.connection.client = client


def test_without_the_guard_it_crashes_so_that_the_guard_is_still_needed(channel, monkeypatch):
    monkeypatch.setattr(QoS, "restore_unacked", broker_guard._original)
    with pytest.raises(AttributeError, match="hostname"):
        channel[0].qos.restore_unacked()


def test_with_the_guard_the_message_stays_un_acknowledged_in_redis(channel, monkeypatch, caplog):
    monkeypatch.setattr(QoS, "restore_unacked", broker_guard._original)
    broker_guard.install()
    open_channel, server = channel
    open_channel.qos.restore_unacked()
    assert "1 messages stay un-acknowledged" in caplog.text
    assert server.client().hlen("unacked") == 1
