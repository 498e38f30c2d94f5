"""What is handed over, as file names and texts: one file for each secret, and what MariaDB and Redis need in a form of their own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from threet.cli.preflight.cluster import certificates_of, has_tls, redis_lines
from threet.settings import Secrets, Settings
from threet.settings.secrets import may_have

Files = Mapping[str, str]

READER = "grafana"
"""The database's user for the dashboards, who changes nothing."""


def files_of(service: str, project: Path, settings: Settings, secrets: Secrets) -> Files:
    """The secrets that this service may have, the names of all that are set, its own forms of them, and its certificate."""
    values = secrets.values()
    files = {name: values[name].get_secret_value() for name in may_have(service) if name in values}
    # A host that joins is told the names of what is set where the orders are signed.
    files["set_names"] = "\n".join(sorted({*values, *(secrets.set_names or ())})) + "\n"
    if service == "mariadb":
        files["root.cnf"] = client_options("root", secrets.require("database.root_password"))
    if service == "redis":
        files["redis.conf"] = f"requirepass {in_quotes(secrets.require('redis.password'))}\n" + redis_lines(settings)
    return files | certificates_of(service, project, settings)


def database_files(project: Path, settings: Settings, secrets: Secrets) -> Files:
    """What a MariaDB on a new volume runs, in this order."""
    writer = unquote(urlsplit(settings.database.url).username or "")
    return {
        "1-init.sql": (project / "init.sql").read_text(encoding="utf-8"),
        "2-users.sql": users_sql(
            writer,
            secrets.require("database.password"),
            secrets.require("database.readonly_password"),
            tls=has_tls(settings, "mariadb"),
        ),
    }


def users_sql(writer: str, password: str, readonly_password: str, *, tls: bool = False) -> str:
    """Makes the two users, or gives those that are there these passwords. It holds their hashes: nothing to quote, nothing to read.

    ``tls``: neither is let in without it. root comes through the socket alone, and needs none.
    """
    rights = {writer: ("SELECT, INSERT, UPDATE, DELETE", password), READER: ("SELECT", readonly_password)}
    lines = ["-- The users of 3T and their rights. Runs on a new volume; by hand after a password was changed."]
    for name, (allowed, secret) in rights.items():
        user = f"`{name.replace('`', '``')}`@`%`"
        lines.append(f"CREATE USER IF NOT EXISTS {user};")
        lines.append(
            f"ALTER USER {user} IDENTIFIED VIA mysql_native_password USING '{native_hash(secret)}' REQUIRE {'SSL' if tls else 'NONE'};"
        )
        lines.append(f"GRANT {allowed} ON `3t`.* TO {user};")
    return "\n".join(lines) + "\n"


def native_hash(password: str) -> str:
    """As the server keeps it: ``*`` and SHA1(SHA1(password)) (MariaDB's manual: Authentication Plugin - mysql_native_password)."""
    return "*" + hashlib.sha1(hashlib.sha1(password.encode()).digest()).hexdigest().upper()


def client_options(user: str, password: str) -> str:
    """For ``mariadb --defaults-extra-file=FILE``, which keeps the password out of the command line."""
    return f"[client]\nuser={user}\npassword={in_quotes(password)}\n"


def in_quotes(text: str) -> str:
    """Double quotes as both MariaDB's option files and redis.conf read them; ``#``, blanks and the like then mean themselves."""
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
