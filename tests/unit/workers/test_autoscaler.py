"""The autoscaler: up at once to what waits, down when the slots were long not needed, and Redis asked only when all are taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from threet.domain.values import Unknown
from threet_workers import autoscaler
from threet_workers.autoscaler import BacklogAutoscaler

SETTINGS = SimpleNamespace(workers=SimpleNamespace(autoscale_keepalive_seconds=30))


@dataclass
class FakePool:
    num_processes: int = 50

    def grow(self, n):
        self.num_processes += n

    def shrink(self, n):
        self.num_processes -= n

    def maintain_pool(self):
        pass


@dataclass
class World:
    """What the scaler sees: requests taken, messages waiting, the time."""

    taken: int = 0
    waiting: object = field(default_factory=dict)
    now: float = 1000.0
    asked: int = 0

    def queue_lengths(self, queues):
        self.asked += 1
        assert queues == ["market"]
        return self.waiting


class Scaler(BacklogAutoscaler):
    world: World

    @property
    def qty(self):
        return self.world.taken


@pytest.fixture
def world(monkeypatch):
    world = World()
    monkeypatch.setattr(autoscaler, "current", lambda: SimpleNamespace(canaries=world, settings=SETTINGS))
    monkeypatch.setattr(autoscaler, "monotonic", lambda: world.now)
    return world


@pytest.fixture
def scaler(world):
    queues = SimpleNamespace(app=SimpleNamespace(amqp=SimpleNamespace(queues=SimpleNamespace(consume_from={"market": None}))))
    made = Scaler(FakePool(), 100, 50, worker=queues)
    made.world = world
    return made


def test_it_grows_at_once_to_what_runs_and_waits(scaler, world):
    world.taken, world.waiting = 51, {"market": 20}
    scaler.maybe_scale()
    assert scaler.pool.num_processes == 71


def test_it_never_grows_beyond_its_maximum(scaler, world):
    world.taken, world.waiting = 51, {"market": 5000}
    scaler.maybe_scale()
    assert scaler.pool.num_processes == 100


def test_while_a_slot_is_free_redis_is_not_asked(scaler, world):
    world.taken = 49
    scaler.maybe_scale()
    assert (world.asked, scaler.pool.num_processes) == (0, 50)


def test_without_redis_it_counts_what_it_has_taken(scaler, world):
    world.taken, world.waiting = 51, Unknown("redis is away")
    scaler.maybe_scale()
    assert scaler.pool.num_processes == 51


def test_it_shrinks_only_when_the_slots_were_not_needed_for_the_whole_keepalive(scaler, world):
    world.taken, world.waiting = 51, {"market": 49}
    scaler.maybe_scale()
    world.taken = 2
    world.now += 30
    scaler.maybe_scale()
    assert scaler.pool.num_processes == 100
    scaler.on_task_received(None)  # ticks go on arriving, which keeps Celery's own from ever shrinking
    world.now += 0.1
    scaler.maybe_scale()
    assert scaler.pool.num_processes == 50
