"""What money depends on is proven on SQLite and on MariaDB: every test here runs over both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.support.cycle import Desk, fund
from tests.support.simulator import SimulatorProcess

from threet.settings import Settings


@pytest.fixture
def make_database(engine: Engine) -> Callable[[Settings], Engine]:
    """Gives the test's empty database of the right schema, whatever the settings say of a URL."""
    return lambda settings: engine


@pytest.fixture
def desk(tmp_path: Path, make_database: Callable[[Settings], Engine]) -> Iterator[Desk]:
    """A funded account whose market stands still."""
    flags = ["--speed", "1", "--seed", "3"]
    with SimulatorProcess(tmp_path / "simulator", flags) as simulator:
        fund(simulator)
        simulator.pause()
        desk = Desk(tmp_path, simulator, make_database)
        yield desk
        desk.close()
