"""The files for MariaDB and Redis, read by real ones: any password that preflight takes is the password that they ask for."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

import pymysql
import pytest
import redis
import yaml
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from tests.integration.preflight.conftest import Place
from tests.support import children
from tests.support.mariadb import MariaDb, running_mariadb
from tests.support.redis import free_port, redis_binary
from tests.support.settings import ROOT, settings_with

from threet.adapters.sql import check_schema, make_engine
from threet.cli.preflight.contents import native_hash
from threet.settings import load_secrets

ODD = (
    "plain",
    """'single' "double" `back`""",
    r"back\slash \n \s \x41 \\",
    "100 % #no comment; $HOME ${x} !a &b|c<d>",
    "two  blanks, [section] user=root",
    "Grüße, 秘密 и 🔑",
    '"',
    "\\",
    "#",
    "a" * 900,
)


def with_passwords(place: Place, password: str) -> None:
    """Four that differ, so that none stands in for another."""

    def change(values):
        values["database"] = {name: f"{password}{number}" for number, name in enumerate(("password", "root_password", "readonly_password"))}
        values["redis"]["password"] = password

    place.edit("secrets.yml", change)
    place.run_here()


@pytest.fixture(scope="module")
def own_mariadb() -> Iterator[MariaDb]:
    """Not the shared one: its users change. Tables as a new volume gets them, and no user but root."""
    with running_mariadb() as server:
        server.client((ROOT / "init.sql").read_text())
        yield server


@pytest.mark.parametrize("password", ODD)
def test_mariadb_takes_the_users_and_each_may_do_what_it_needs_and_no_more(own_mariadb: MariaDb, place: Place, password: str) -> None:
    with_passwords(place, password)
    own_mariadb.client("DROP USER IF EXISTS threet@`%`, grafana@`%`")
    own_mariadb.client((place.handover / "mariadb_init" / "2-users.sql").read_text())
    settings = settings_with(place.project, {"database.url": own_mariadb.url("3t")})
    engine = make_engine(settings, load_secrets(place.secrets_of("celery_worker"), settings))
    check_schema(engine)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO instruments (name) VALUES ('TEST')"))
        connection.execute(text("DELETE FROM instruments WHERE name = 'TEST'"))
    for refused in ("DROP TABLE runs", "ALTER TABLE runs ADD x INT", "SELECT * FROM mysql.global_priv", "CREATE DATABASE other"):
        with pytest.raises(SQLAlchemyError), engine.begin() as connection:
            connection.execute(text(refused))
    engine.dispose()
    readonly = (place.secrets_of("grafana") / "database.readonly_password").read_text()
    with pymysql.connect(host="127.0.0.1", port=own_mariadb.port, user="grafana", password=readonly.encode(), database="3t") as reader:
        cursor = reader.cursor()
        cursor.execute("SELECT COUNT(*) FROM products")
        assert cursor.fetchone() == (4,)
        with pytest.raises(pymysql.err.OperationalError, match="denied"):
            cursor.execute("DELETE FROM products")


@pytest.mark.parametrize("password", ODD)
def test_the_hash_is_the_servers_own(own_mariadb: MariaDb, password: str) -> None:
    with pymysql.connect(host="127.0.0.1", port=own_mariadb.port, user="root", charset="utf8mb4") as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT PASSWORD(%s)", (password,))
        assert cursor.fetchone() == (native_hash(password),)


@pytest.mark.parametrize("password", ODD)
def test_the_mariadb_client_reads_roots_password_from_its_option_file(own_mariadb: MariaDb, place: Place, password: str) -> None:
    with_passwords(place, password)
    root_password = (place.secrets_of("mariadb") / "database.root_password").read_text()
    # The server's root has no password; this user stands for it.
    own_mariadb.client(f"CREATE OR REPLACE USER chief@`%` IDENTIFIED VIA mysql_native_password USING '{native_hash(root_password)}'")
    program = shutil.which("mariadb")
    assert program is not None
    options = place.secrets_of("mariadb") / "root.cnf"
    where = ["-h127.0.0.1", f"-P{own_mariadb.port}", "--batch", "--skip-column-names"]
    done = children.run([program, f"--defaults-file={options}", *where, "-uchief", "-eSELECT CURRENT_USER()"], timeout=30)
    assert done.stdout == "chief@%\n", done.stderr
    as_root = children.run([program, f"--defaults-file={options}", *where, "-eSELECT 1"], timeout=30)
    assert "Access denied for user 'root'" in as_root.stderr


def test_the_users_sql_run_again_changes_the_passwords(own_mariadb: MariaDb, place: Place) -> None:
    for password in ("first", "second"):
        with_passwords(place, password)
        own_mariadb.client((place.handover / "mariadb_init" / "2-users.sql").read_text())
        pymysql.connect(host="127.0.0.1", port=own_mariadb.port, user="threet", password=f"{password}0", database="3t").close()
    with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
        pymysql.connect(host="127.0.0.1", port=own_mariadb.port, user="threet", password="first0")


def test_a_password_that_changed_while_mariadb_was_down_is_its_users_at_the_next_start(own_mariadb: MariaDb, place: Place) -> None:
    """As docker-compose.yml starts it: the file is run by the server itself."""
    option = next(word for word in _command_of("mariadb") if word.startswith("--init-file="))
    assert option == "--init-file=/docker-entrypoint-initdb.d/2-users.sql"
    own_mariadb.client("DROP USER IF EXISTS threet@`%`, grafana@`%`")
    for password in ("before", "after"):
        with_passwords(place, password)
        file = own_mariadb.folder / "2-users.sql"
        file.write_text((place.handover / "mariadb_init" / "2-users.sql").read_text())
        file.chmod(0o444)
        own_mariadb.stop()
        own_mariadb.start(f"--init-file={file}")
        pymysql.connect(host="127.0.0.1", port=own_mariadb.port, user="threet", password=f"{password}0", database="3t").close()
    with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
        pymysql.connect(host="127.0.0.1", port=own_mariadb.port, user="threet", password="before0")


def _command_of(service: str) -> list[str]:
    command: list[str] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"][service]["command"]
    return command


@pytest.mark.parametrize("password", ODD)
def test_redis_asks_for_the_password_of_its_configuration(place: Place, password: str) -> None:
    with_passwords(place, password)
    port = free_port()
    configuration = place.secrets_of("redis") / "redis.conf"
    server = children.start(
        [redis_binary(), configuration, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", place.project],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert any("Ready to accept connections" in line for line in server.stdout or ())  # ends with the server, if it does not start
        once = Retry(NoBackoff(), 0)  # a wrong password is no lost connection
        assert redis.Redis(port=port, password=password, retry=once).ping()
        for wrong in (None, password + "x"):
            with pytest.raises(redis.AuthenticationError):
                redis.Redis(port=port, password=wrong, retry=once).ping()
    finally:
        server.kill()
        server.wait(10)
