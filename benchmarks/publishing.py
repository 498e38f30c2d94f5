"""What it costs to show the runs: the real publisher and strategy loop over a private MariaDB, against LOAD DATA of the same rows."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import cycle, islice
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any

import numpy as np
import pymysql
from sqlalchemy import Engine as Database
from sqlalchemy import text
from tests.support.mariadb import MariaDb

from benchmarks.files import StoredShard, folder
from benchmarks.measure import Figure, named, timed
from benchmarks.population import born
from benchmarks.servers import DATABASE, database, list_products
from threet.adapters.clock import SystemClock
from threet.adapters.sql import SqlProducts, SqlRunsPublisher
from threet.adapters.sql.tables import runs as runs_table
from threet.engine.engine import Engine
from threet_providence.messages import Stop
from threet_providence.publisher import Publisher, PublisherRules

RUNS, SYMBOLS = 10_000, 200
FEW_SYMBOLS = 2  # 1 % of the runs
ROUNDS = 15


def publish_full_vs_load_data() -> Figure:
    """Every run's result changed: all rows are shown anew."""
    return _figure("publish_full_vs_load_data", SYMBOLS, 1.5)


def publish_1pct_vs_load_data() -> Figure:
    """The reference loads all rows."""
    return _figure("publish_1pct_vs_load_data", FEW_SYMBOLS, 0.1)


def _figure(name: str, symbols: int, goal: float) -> Figure:
    with folder() as root, database() as (server, engine), _publishing(root, engine) as publication, _loading(root, server) as load:
        ours: list[float] = []
        reference: list[float] = []
        for _ in range(ROUNDS + 1):  # by turns, so that both meet the same machine
            reference.append(timed(load))
            publication.change(symbols)
            ours.append(timed(publication.publish))
        shown = _newest(engine)
    note = f"{shown} of {RUNS} rows: read from the strategy loop, compared, written, committed with the heartbeat; "
    note += f"against LOAD DATA LOCAL INFILE REPLACE of {RUNS} rows from a file that is there already, and its commit"
    return Figure(name, statistics.median(ours[1:]) * 1e3, statistics.median(reference[1:]) * 1e3, "ms", goal, note=note)


class Publication:
    """A shard whose strategy loop runs in its thread, as in a manager, and its publisher, which is called by hand."""

    def __init__(self, root: Path, database_engine: Database) -> None:
        engine, self._market = born(RUNS, SYMBOLS)
        _open_all(engine)
        list_products(database_engine, self._market.symbols)
        self.shard = StoredShard(root / "shard", engine)
        self._publisher = Publisher(
            PublisherRules(0, 1, seed=1, publish_seconds=10.0, products_seconds=1e9, most_waiting=5_000),
            SqlRunsPublisher(database_engine),
            SqlProducts(database_engine),
            lambda: None,
            lambda: None,
            self.shard.folders,
            SystemClock(),
            self.shard.loop.inbox,
            SimpleQueue(),
            Event(),
            Event(),
        )

    def change(self, symbols: int) -> None:
        """Another price of so many symbols; returns when the loop has taken it."""
        marks = dict(islice(self._market.marks().items(), symbols))
        ticks = self.shard.loop.ticks
        self.shard.loop.inbox.put(self.shard.batch(marks, self._market.now_ms, {}))
        while self.shard.loop.ticks == ticks:
            time.sleep(0.001)

    def publish(self) -> None:
        self._publisher.once()


@contextmanager
def _publishing(root: Path, database_engine: Database) -> Iterator[Publication]:
    publication = Publication(root, database_engine)
    loop = publication.shard.loop
    thread = Thread(target=loop.run, args=(lambda: None,))
    thread.start()
    try:
        publication.change(SYMBOLS)
        publication.publish()
        yield publication
    finally:
        loop.inbox.put(Stop())
        thread.join()


def _open_all(engine: Engine) -> None:
    """Every run holds a position, so that each price changes its row."""
    runs = engine.runs
    flat = np.flatnonzero(runs.active & (runs.size == 0))
    prices = engine.market.marks[runs.symbol[flat]]
    runs.trade(flat, np.full(len(flat), engine.market_ms), prices, runs.start_balance[flat] / prices)


def _newest(engine: Database) -> int:
    """How many rows the last publication wrote."""
    with engine.connect() as connection:
        found = connection.execute(text("SELECT COUNT(*) FROM runs WHERE updated_at = (SELECT MAX(updated_at) FROM runs)"))
        return int(found.scalar_one())


@contextmanager
def _loading(root: Path, server: MariaDb) -> Iterator[Callable[[], None]]:
    """Two files with other results take turns, so that each loading changes every row."""
    connection = pymysql.connect(host="127.0.0.1", port=server.port, user="root", database=DATABASE, charset="utf8mb4", local_infile=True)
    with connection, connection.cursor() as cursor:
        files = [root / "one.tsv", root / "two.tsv"]
        for number, file in enumerate(files):
            cursor.execute(f"SELECT {', '.join(_COLUMNS)} FROM runs")  # the names are the table's own
            file.write_text("".join(_line(row, number) for row in cursor.fetchall()))
        connection.commit()
        turns = cycle(files)

        def load() -> None:
            cursor.execute(f"LOAD DATA LOCAL INFILE '{next(turns)}' REPLACE INTO TABLE runs ({', '.join(_COLUMNS)})")
            connection.commit()

        yield load


_COLUMNS = tuple(column.name for column in runs_table.columns)


def _line(row: tuple[Any, ...], number: int) -> str:
    values = dict(zip(_COLUMNS, row, strict=True))
    values["live_pnl"] += number
    values["updated_at"] -= timedelta(seconds=number + 1)
    return "\t".join("\\N" if value is None else str(value) for value in values.values()) + "\n"


FIGURES = named(publish_full_vs_load_data, publish_1pct_vs_load_data)
