"""Prices, votes, faults, transfers, liquidations, crashes, restarts, lying observers, people: I1 to I5 after every step (D19)."""

from __future__ import annotations

from pathlib import Path

from hypothesis import settings
from sqlalchemy import Engine
from tests.support.databases import open_engine
from tests.support.machine.steps import Machine


def on_sqlite(folder: Path) -> Engine:
    place = folder / "database"
    place.mkdir()
    return open_engine(place, f"sqlite:///{place}/3t.db")


class OnSqlite(Machine):
    make_engine = staticmethod(on_sqlite)


@settings(max_examples=20, stateful_step_count=30)
def test_x():
    pass


TestOnSqlite = OnSqlite.TestCase
TestOnSqlite.settings = settings(max_examples=20, stateful_step_count=30)
