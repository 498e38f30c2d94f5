"""What holds for every test: unit tests open no socket, e2e tests run alone, Hypothesis does not count milliseconds on a busy machine."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

UNIT_TESTS = Path(__file__).parent / "unit"
E2E_TESTS = Path(__file__).parent / "e2e"

settings.register_profile("3t", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("3t")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if E2E_TESTS in item.path.parents:
            item.add_marker(pytest.mark.alone)


@pytest.fixture(autouse=True)
def no_sockets_in_unit_tests(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that wants a socket belongs into tests/integration, tests/contracts or tests/e2e."""
    if UNIT_TESTS not in request.path.parents:
        return

    def refuse(opened: socket.socket, address: object) -> None:
        raise AssertionError(f"expected no socket in a unit test, was one for {address!r}; cure: move the test out of tests/unit")

    for method in ("connect", "connect_ex", "bind"):
        monkeypatch.setattr(socket.socket, method, refuse)
