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
from benchmarks.measure import Figure, median_seconds, named, timed
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
ROUNDS = 11


def publish_full_vs_load_data() -> Figure:
    """Every run's result changed: all rows are shown anew."""
    return _figure("publish_full_vs_load_data", SYMBOLS, 1.5)


def publish_1pct_vs_load_data() -> Figure:
    """The reference loads all rows."""
    return _figure("publish_1pct_vs_load_data", FEW_SYMBOLS, 0.1)


def _figure(name: str, symbols: int, goal: float) -> Figure:
    with folder() as root, database() as (server, engine):
        with _publishing(root, engine) as publication:
            ours = _median_of(lambda: publication.change(symbols), publication.publish)
            shown = _newest(engine)
        reference = _load_data(root, server)
    note = f"{shown} of {RUNS} rows: read from the strategy loop, compared, written, committed with the heartbeat; "
    note += f"against LOAD DATA LOCAL INFILE REPLACE of {RUNS} rows from a file that is there already, and its commit"
    return Figure(name, ours * 1e3, reference * 1e3, "ms", goal, note=note)


def _median_of(before: Callable[[], None], work: Callable[[], None]) -> float:
    """``before`` is not counted."""
    seconds: list[float] = []
    for number in range(ROUNDS + 1):
        before()
        took = timed(work)
        seconds += [took] if number else []
    return statistics.median(seconds)


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


def _load_data(root: Path, server: MariaDb) -> float:
    """Two files with other results take turns, so that each loading changes every row."""
    connection = pymysql.connect(host="127.0.0.1", port=server.port, user="root", database=DATABASE, charset="utf8mb4", local_infile=True)
    with connection, connection.cursor() as cursor:
        files = [root / "one.tsv", root / "two.tsv"]
        for number, file in enumerate(files):
            cursor.execute(f"SELECT {', '.join(_COLUMNS)} FROM runs")  # the names are the table's own
            file.write_text("".join(_line(row, number) for row in cursor.fetchall()))
        turns = cycle(files)

        def load() -> None:
            cursor.execute(f"LOAD DATA LOCAL INFILE '{next(turns)}' REPLACE INTO TABLE runs ({', '.join(_COLUMNS)})")
            connection.commit()

        return median_seconds(load, rounds=ROUNDS)


_COLUMNS = tuple(column.name for column in runs_table.columns)


def _line(row: tuple[Any, ...], number: int) -> str:
    values = dict(zip(_COLUMNS, row, strict=True))
    values["live_pnl"] += number
    values["updated_at"] += timedelta(seconds=number)
    return "\t".join("\\N" if value is None else str(value) for value in values.values()) + "\n"


FIGURES = named(publish_full_vs_load_data, publish_1pct_vs_load_data)
