"""What holds for every test: unit tests open no socket, e2e tests run alone, no process outlives the run, and how long Hypothesis looks."""

from __future__ import annotations

import gc
import socket
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tests.support.leftovers import Leftovers

UNIT_TESTS = Path(__file__).parent / "unit"
E2E_TESTS = Path(__file__).parent / "e2e"
SOAK = Path(__file__).parent / "soak"

USUAL_DEPTH = sys.getrecursionlimit()

# A busy machine is no failure, so that no milliseconds are counted.
settings.register_profile("3t", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("3t"), max_examples=1000)  # make test-faults
settings.register_profile("proof", settings.get_profile("3t"), max_examples=20_000)  # make proof
settings.load_profile("3t")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Leftovers(config))
    gc.disable()  # what is imported stays: looking through it again and again is a sixth of the unit tests' time


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: SOAK not in item.path.parents)  # it lasts three minutes and mostly waits: what begins last ends last
    for item in items:
        if E2E_TESTS in item.path.parents:
            item.add_marker(pytest.mark.alone)


@pytest.fixture(autouse=True)
def usual_depth() -> None:
    """py_ecc, which tests of wallets load, raises it to a hundred thousand calls; damaged JSON nested as deep then ends Python itself.

    The platform's processes never load it, so that they have what each test gets here.
    """
    sys.setrecursionlimit(USUAL_DEPTH)


@pytest.fixture(autouse=True)
def no_sockets_in_unit_tests(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that wants a socket belongs into tests/integration, tests/contracts or tests/e2e."""
    if UNIT_TESTS not in request.path.parents:
        return

    def refuse(opened: socket.socket, address: object) -> None:
        raise AssertionError(f"expected no socket in a unit test, was one for {address!r}; cure: move the test out of tests/unit")

    for method in ("connect", "connect_ex", "bind"):
        monkeypatch.setattr(socket.socket, method, refuse)
