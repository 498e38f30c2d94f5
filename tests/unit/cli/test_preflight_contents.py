"""What preflight hands over, as names and texts."""

from __future__ import annotations

import pytest
from tests.support.settings import ROOT, example_secrets, settings_with

from threet.cli.preflight.contents import database_files, files_of, in_quotes, native_hash, users_sql
from threet.settings.secrets import may_have


@pytest.fixture
def settings(tmp_path):
    return settings_with(tmp_path, {})


@pytest.fixture
def secrets(settings):
    return example_secrets(settings)


@pytest.mark.parametrize("service", ["celery_worker", "celery_worker_reconcile", "observer_b", "cli", "grafana"])
def test_a_service_gets_a_file_for_each_secret_that_it_may_have_and_the_names_of_all(service: str, settings, secrets) -> None:
    files = files_of(service, ROOT, settings, secrets)
    assert set(files) == {*may_have(service), "set_names"}
    assert files["exchange.walletAddress" if service != "grafana" else "grafana.password"] in {
        value.get_secret_value() for value in secrets.values().values()
    }
    assert files["set_names"].split() == sorted(secrets.values())


def test_the_stock_images_get_forms_of_their_own(settings, secrets) -> None:
    assert files_of("redis", ROOT, settings, secrets)["redis.conf"] == 'requirepass "example-redis-password"\n'
    assert files_of("mariadb", ROOT, settings, secrets)["root.cnf"] == '[client]\nuser=root\npassword="example-database-root-password"\n'


def test_a_quote_and_a_backslash_are_marked() -> None:
    assert in_quotes(r'a"b\c#d') == r'"a\"b\\c#d"'


def test_the_hash_is_that_of_mariadbs_manual() -> None:
    assert native_hash("mariadb") == "*54958E764CE10E50764C2EECBB71D01F08549980"


def test_no_password_is_in_the_sql_and_a_users_name_cannot_end_its_quotes() -> None:
    sql = users_sql("wri`ter", "pass-word-1", "pass-word-2")
    assert "pass-word" not in sql
    assert "`wri``ter`@`%`" in sql
    assert "`wri`ter" not in sql


def test_the_database_is_built_first_and_its_users_follow(tmp_path, secrets) -> None:
    settings = settings_with(tmp_path, {"database.url": "mysql+pymysql://someone@mariadb:3306/3t"})
    files = database_files(ROOT, settings, secrets)
    assert sorted(files) == ["1-init.sql", "2-users.sql"]
    assert files["1-init.sql"] == (ROOT / "init.sql").read_text()
    assert "GRANT SELECT, INSERT, UPDATE, DELETE ON `3t`.* TO `someone`@`%`;" in files["2-users.sql"]
    assert "GRANT SELECT ON `3t`.* TO `grafana`@`%`;" in files["2-users.sql"]
