"""What a person does by hand on the running system, as docs/runbook.md has it."""

from __future__ import annotations

import time

from tests.compose.conftest import Figures
from tests.support.stack import Stack, wait_for

NEW = "NEW/USDC:USDC"


def _mysql(stack: Stack, statement: str) -> str:
    """As it stands in the runbook, here string and all."""
    command = f'docker exec -i {stack.name}_mariadb mysql -u root -p"$MARIADB_ROOT_PASSWORD" 3t <<< "{statement}"'
    password = stack.secrets["database"]["root_password"]
    return stack.run("env", f"MARIADB_ROOT_PASSWORD={password}", "bash", "-c", command)


def test_a_product_that_is_added_with_two_statements_is_traded_without_a_restart(stack: Stack) -> None:
    stack.simulator("/sim/market", {"action": "list_coin", "coin": "NEW", "price": "5.5"})
    _mysql(stack, "INSERT INTO instruments (name) VALUES ('NEW_INSTRUMENT');")
    _mysql(
        stack,
        "INSERT INTO products (instrument_id, exchange_id, symbol, product_type, max_leverage)"
        f" VALUES ((SELECT id from instruments where name = 'NEW_INSTRUMENT'), 1, '{NEW}', 'PERP', 10);",
    )
    wait_for("it is priced", lambda: _is_known(stack.status()["symbols"][NEW]["price"]))
    wait_for("it has runs", lambda: stack.sql(f"SELECT COUNT(*) FROM runs WHERE symbol = '{NEW}'")[0] != ["0"], 60)
    wait_for("it is traded", lambda: any(row[0] == NEW for row in stack.sql("SELECT symbol FROM orders WHERE state = 'FILLED'")), 240)


def _is_known(price: object) -> bool:
    return price is not None and "unknown" not in str(price)


def test_a_symbol_that_the_venue_does_not_list_is_reported_and_blocks_nothing(stack: Stack) -> None:
    _mysql(stack, "INSERT INTO instruments (name) VALUES ('GHOST');")
    _mysql(
        stack,
        "INSERT INTO products (instrument_id, exchange_id, symbol, product_type, max_leverage)"
        " VALUES ((SELECT id from instruments where name = 'GHOST'), 1, 'GHOST/USDC:USDC', 'PERP', 10);",
    )
    wait_for("it is named", lambda: any("GHOST" in problem["what"] for problem in stack.status()["problems"]))
    stack.wait_until_trading()
    _mysql(stack, "DELETE FROM products WHERE symbol = 'GHOST/USDC:USDC';")


def test_a_service_is_built_and_replaced_while_the_others_trade(stack: Stack, figures: Figures) -> None:
    source = stack.folder / "src" / "threet" / "application" / "housekeeping.py"
    source.write_text(source.read_text() + "\n# another build\n")
    before, cycle = stack.container("celery_worker"), stack.last_cycle()
    stack.compose("up", "-d", "--build", "--no-deps", "celery_worker")
    stack.note_images()
    stack.wait_until_well("celery_worker")
    assert stack.container("celery_worker") != before
    assert stack.last_cycle() > cycle
    stack.wait_until_trading()
    source.write_text(source.read_text() + "\n# and another\n")
    started = time.monotonic()
    stack.install()
    figures.add("code_change_s", time.monotonic() - started, "s", 30)
    stack.wait_until_trading()


def test_the_logs_of_one_service_are_shown_alone(stack: Stack) -> None:
    lines = stack.make("logs", "SERVICE=celery_beat").splitlines()
    assert lines
    assert [line for line in lines if "celery_beat" not in line.partition("|")[0]] == []


def test_halt_and_resume(stack: Stack) -> None:
    assert "halted" in stack.make("halt", "REASON=somebody's lunch")
    assert "somebody's lunch" in str(stack.status()["halted"])
    sent, cycle = len(stack.orders_sent()), stack.last_cycle()
    wait_for("three more cycles", lambda: stack.last_cycle() >= cycle + 3)
    assert len(stack.orders_sent()) <= sent + 1  # one may have been on its way
    assert "resumed" in stack.make("resume")
    stack.wait_until_trading()


def test_a_migration_is_applied_once_and_only_in_order(stack: Stack) -> None:
    number = int(stack.sql("SELECT MAX(version) FROM schema_migrations")[0][0]) + 1
    file = stack.folder / "migrations" / f"{number:04d}_a_comment.sql"
    later = stack.folder / "migrations" / f"{number + 1:04d}_too_early.sql"
    for one, which in ((file, number), (later, number + 1)):
        one.write_text(f"INSERT INTO schema_migrations (version, name, applied_at) VALUES ({which}, '{one.stem}', UTC_TIMESTAMP(6));\n")
    try:
        assert f"so {number} is next, and this is {number + 1}" in stack.make("migrate", f"FILE=migrations/{later.name}", fails=True)
        assert "already" in stack.make("migrate", "FILE=migrations/0001_first_release.sql", fails=True)
        stack.make("migrate", f"FILE=migrations/{file.name}")
        assert stack.sql("SELECT MAX(version) FROM schema_migrations") == [[str(number)]]
        stack.compose("restart", "celery_worker")
        wait_for(
            "a worker that is older says so", lambda: "expected schema version" in stack.compose("logs", "--tail", "50", "celery_worker")
        )
    finally:
        stack.sql(f"DELETE FROM schema_migrations WHERE version >= {number}")
        file.unlink(missing_ok=True)
        later.unlink(missing_ok=True)
    stack.wait_until_well("celery_worker")


def test_a_missing_table_is_named_with_its_cure(stack: Stack) -> None:
    stack.sql("RENAME TABLE leases TO leases_away")
    try:
        stack.compose("restart", "celery_worker_reconcile")
        logs = wait_for("it says so", lambda: _words(stack.compose("logs", "--tail", "80", "celery_worker_reconcile"), "missing: leases"))
        assert "make migrate" in logs
    finally:
        stack.sql("RENAME TABLE leases_away TO leases")
    stack.wait_until_well("celery_worker_reconcile")
    stack.wait_until_trading()


def _words(text: str, words: str) -> str | None:
    return text if words in text else None
