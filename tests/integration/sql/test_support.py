"""Without MariaDB its tests are skipped with the command that installs it, and fail where CI is true."""

from __future__ import annotations

import pytest
from tests.support import mariadb


def begin() -> None:
    with mariadb.running_mariadb():
        raise AssertionError("expected no server")


def test_without_mariadb_the_skip_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mariadb, "_is_installed", lambda: False)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="make deps"):
        begin()


def test_without_mariadb_ci_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mariadb, "_is_installed", lambda: False)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="make deps"):
        begin()
