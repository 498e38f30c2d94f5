"""Several processes at one database: one holder of the lease, no lost update, one order for each id."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine
from tests.integration.sql.contender import COUNTER, SHARED, count_up
from tests.integration.sql.facts import order
from tests.support import children
from tests.support.databases import empty
from tests.support.settings import ROOT, write_config

from threet.adapters.sql import SqlCycleStore, make_engine
from threet.adapters.sql.state import get_state
from threet.adapters.sql.transactions import read, write
from threet.application.store import IntentRefused
from threet.settings import load_secrets, load_settings


def contend(folder: Path, engine: Engine, what: str, times: int, contenders: int = 2) -> list[list[int]]:
    """What each process printed, all of them started at once."""
    url = engine.url.render_as_string(hide_password=True).replace(":***@", "@")
    config = write_config(folder, {"database.url": url, "database.busy_timeout_seconds": 30})
    base = [sys.executable, "-m", "tests.integration.sql.contender", str(config), str(ROOT / "secrets.example.yml"), what]
    processes = [
        children.start([*base, f"holder-{number}", str(times)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for number in range(contenders)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        return [json.loads(process.communicate(timeout=90)[0]) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait(10)


def test_two_processes_never_share_a_token_of_the_lease(engine: Engine, tmp_path: Path) -> None:
    first, second = contend(tmp_path, engine, "lease", 40)
    assert sorted(first + second) == list(range(1, 81))
    assert first == sorted(first)
    assert second == sorted(second)
    assert len(SqlCycleStore(engine).orders(100)) == 80


def test_two_processes_lose_no_update_on_sqlite(sqlite_engine: Engine, tmp_path: Path) -> None:
    first, second = contend(tmp_path, sqlite_engine, "count", 200)
    assert sorted(first + second) == list(range(1, 401))


def test_an_id_is_committed_by_one_process_only(engine: Engine, tmp_path: Path) -> None:
    assert SqlCycleStore(engine).acquire_lease(SHARED.name, SHARED.holder, 120) is not None
    first, second = contend(tmp_path, engine, "intent", 60)
    assert sorted(first + second) == list(range(1, 61))


def test_threads_of_one_process_lose_no_update_and_wait_for_nobody_on_sqlite(sqlite_engine: Engine) -> None:
    threads = [threading.Thread(target=count_up, args=(sqlite_engine, 50)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert read(sqlite_engine, lambda connection: get_state(connection, COUNTER)) == "300"


def test_a_write_that_fails_leaves_nothing_and_frees_the_writer(engine: Engine) -> None:
    store = SqlCycleStore(engine)

    def halt_and_stumble(connection: Connection) -> None:
        connection.exec_driver_sql("INSERT INTO platform_state (name, value) VALUES ('halt', 'half done')")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write(engine, halt_and_stumble)
    assert not store.control().halted
    store.set_halt(True, "whole")
    assert store.control().halted


def test_a_halt_during_the_check_is_seen_or_comes_after(engine: Engine) -> None:
    """Whichever transaction is first, an intent that was committed before the halt is unsettled, and none is committed after it."""
    store = SqlCycleStore(engine)
    assert store.acquire_lease(SHARED.name, SHARED.holder, 120) is not None
    store.commit_intent(order(1), SHARED, lambda _: None)
    store.set_halt(True, "now")
    with pytest.raises(IntentRefused):
        store.commit_intent(order(2), SHARED, lambda _: None)
    assert [one.cycle_id for one in store.unsettled_orders()] == [1]


def test_a_locked_sqlite_gives_up_after_the_busy_time(sqlite_engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    config = write_config(folder, {"database.url": sqlite_engine.url.render_as_string(), "database.busy_timeout_seconds": 0.05})
    settings = load_settings(config)
    other = make_engine(settings, load_secrets(ROOT / "secrets.example.yml", settings))
    with sqlite_engine.connect() as connection:
        connection.exec_driver_sql("UPDATE platform_state SET value = value")
        # A transaction of a second process: the writer lock of this process is not held here.
        connection.commit()
        raw = sqlite_engine.raw_connection()
        raw.cursor().execute("BEGIN IMMEDIATE")
        with pytest.raises(Exception, match="locked"):
            SqlCycleStore(other).set_halt(True, "unheard")
        raw.rollback()
        raw.close()
    SqlCycleStore(other).set_halt(True, "heard")
    assert SqlCycleStore(other).control().halted


def test_deadlocked_writers_on_mariadb_are_run_again(mariadb_engine: Engine) -> None:
    """Two transactions take two rows in opposite order: MariaDB undoes one, which runs again and is done."""
    empty(mariadb_engine)
    with mariadb_engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO platform_state (name, value) VALUES ('left', '0'), ('right', '0')")
    both_hold_one = threading.Barrier(2)
    runs: list[str] = []

    def raise_both(first: str, second: str) -> None:
        def work(connection: Connection) -> None:
            runs.append(first)
            connection.exec_driver_sql(f"UPDATE platform_state SET value = value + 1 WHERE name = '{first}'")
            if len(runs) <= 2:
                both_hold_one.wait(10)
            connection.exec_driver_sql(f"UPDATE platform_state SET value = value + 1 WHERE name = '{second}'")

        write(mariadb_engine, work)

    threads = [threading.Thread(target=raise_both, args=names) for names in (("left", "right"), ("right", "left"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(runs) == 3
    with mariadb_engine.connect() as connection:
        values = connection.exec_driver_sql("SELECT value FROM platform_state WHERE name IN ('left', 'right')").scalars().all()
    assert list(values) == ["2", "2"]


def test_greenlets_of_a_worker_neither_lose_an_update_nor_lock_each_other_out(engine: Engine, tmp_path: Path) -> None:
    config = write_config(tmp_path, {"database.url": engine.url.render_as_string(hide_password=True).replace(":***@", "@")})
    command = [sys.executable, "-m", "tests.integration.sql.greenlets", str(config), str(ROOT / "secrets.example.yml")]
    done = children.run(command, cwd=ROOT, timeout=60)
    assert done.stdout.strip() == "200", done.stderr


def test_a_second_writer_of_the_process_waits_for_the_first_beyond_the_busy_time_on_sqlite(sqlite_engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "impatient"
    folder.mkdir()
    config = write_config(folder, {"database.url": sqlite_engine.url.render_as_string(), "database.busy_timeout_seconds": 0.01})
    settings = load_settings(config)
    engine = make_engine(settings, load_secrets(ROOT / "secrets.example.yml", settings))
    inside, go_on = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        connection.exec_driver_sql("UPDATE platform_state SET value = value")
        inside.set()
        go_on.wait(10)

    ended: list[str] = []

    def second() -> None:
        SqlCycleStore(engine).set_halt(True, "heard")
        ended.append("second")

    first = threading.Thread(target=write, args=(engine, slow))
    waiting = threading.Thread(target=second)
    first.start()
    assert inside.wait(10)
    waiting.start()
    waiting.join(0.3)  # without the writers' lock it has given up by now
    still_waiting = waiting.is_alive()
    go_on.set()
    for thread in (first, waiting):
        thread.join(10)
    assert still_waiting
    assert ended == ["second"]
    assert SqlCycleStore(engine).control().halted
    engine.dispose()
