"""Worker, beat, Redis, SQLite and the simulated exchange together: what is scheduled arrives, what is missing blocks nothing else."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from tests.integration.workers.harness import Stack, wait_for
from tests.support.settings import ROOT
from tests.support.simulator import SimulatorProcess

from threet.adapters.clock import SystemClock
from threet.adapters.redis import Canaries, RedisLastValues, make_redis
from threet.adapters.sql import SqlCycleStore, SqlProducts, SqlSnapshotStore, make_engine
from threet.domain.values import Known, Unknown

SCHEDULE = {
    "update_prices_seconds": 0.5,
    "update_candles_seconds": 0.5,
    "update_balance_seconds": 0.5,
    "canary_seconds": 1,
    "reconcile_positions_seconds": 600,
}


class Flow:
    def __init__(self, stack: Stack, simulator: SimulatorProcess) -> None:
        self.stack, self.simulator = stack, simulator
        self.worker = stack.worker("market,account", "--autoscale=100,50", app="threet_workers.app")
        self.beat = stack.beat()
        self.engine = make_engine(stack.settings, stack.loaded_secrets)
        redis = make_redis(stack.settings, stack.loaded_secrets)
        self.redis, self.last, self.canaries = stack.redis.client(), RedisLastValues(redis), Canaries(redis, SystemClock())

    def priced(self) -> set[str]:
        prices = self.last.last_prices()
        return set() if isinstance(prices, Unknown) else set(prices)


@pytest.fixture(scope="module")
def flow(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flow")
    with SimulatorProcess(folder / "simulator", ["--speed", "60"]) as simulator:
        changes: dict[str, dict[str, Any]] = {
            "exchange": {"base_url": simulator.url},
            "schedule": SCHEDULE,
            "freshness": {"max_decision_age_seconds": 1200},  # nobody decides here
            "providence": {"warmup_bars": 60},
        }
        with Stack(folder, changes) as stack:
            simulator.fund(stack.loaded_secrets.require("exchange.walletAddress"), "12345.5")
            yield Flow(stack, simulator)


def _products(flow: Flow) -> list[str]:
    return [product.symbol for product in SqlProducts(flow.engine).all()]


def test_a_workers_start_has_no_warning_that_the_runbook_does_not_explain(flow):
    start = flow.worker.text.partition(" ready.")[0].splitlines()
    told = [line for line in start if any(word in line for word in ("Warning", "WARNING", "ERROR", "CRITICAL", "Traceback", "error"))]
    explained = re.findall(r"^\| workers \| `(.+?)`", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
    assert {line for line in told if not any(words in line for words in explained)} == set()
    assert any("EventletDeprecationWarning" in line for line in told)


def test_all_products_are_priced_and_the_prices_stay_fresh(flow):
    products = set(_products(flow))
    assert len(products) >= 2
    wait_for("all are priced", lambda: flow.priced() == products)
    entries = flow.redis.xlen("prices")
    wait_for("the stream grows", lambda: flow.redis.xlen("prices") >= entries + 3)


def test_closed_candles_come_in_order_without_gaps_or_repetition(flow):
    symbol = _products(flow)[0]

    def bars() -> list[int]:
        rows = [entry for _, entry in flow.redis.xrange("candles") if entry["symbol"] == symbol]
        return [row[0] for entry in rows for row in json.loads(entry["candles"])]

    wait_for("the warm-up and more", lambda: len(bars()) >= 60 + 15 + 8)
    opened = bars()
    assert opened == list(range(opened[0], opened[-1] + 1, 60_000))
    market_now_ms = int(flow.redis.xrevrange("prices", count=1)[0][1]["market_time_ms"])
    assert opened[-1] <= market_now_ms


def test_the_balance_is_in_the_database_before_it_is_in_the_stream(flow):
    wait_for("a balance is published", lambda: flow.redis.xlen("balance"))
    entry = flow.redis.xrevrange("balance", count=1)[0][1]
    account = flow.stack.loaded_secrets.require("exchange.walletAddress")
    saved = SqlSnapshotStore(flow.engine).latest(account)
    assert isinstance(saved, Known)
    assert saved.value.account_value == Decimal(entry["account_value"]) == Decimal("12345.5")
    with flow.engine.connect() as connection:
        ids = connection.execute(text("SELECT id FROM position_snapshots")).scalars().all()
    assert int(entry["snapshot_id"]) in ids


def test_each_queue_has_its_canary_and_the_worker_reports_its_configuration(flow):
    wait_for("both canaries", lambda: set(_runs(flow)) >= {"market", "account"})
    services = wait_for("a report", lambda: SqlCycleStore(flow.engine).services())
    assert {service.config_hash for service in services} == {flow.stack.settings.config_hash}
    assert [service.name.partition("@")[0] for service in services] == ["celery_worker/market"]


def _runs(flow: Flow) -> dict:
    runs = flow.canaries.last_runs()
    return {} if isinstance(runs, Unknown) else dict(runs)


def test_a_new_product_is_reported_while_unlisted_and_priced_once_it_is_listed(flow):
    with flow.engine.begin() as connection:
        connection.execute(text("INSERT INTO instruments (name) VALUES ('NEW_INSTRUMENT')"))
        connection.execute(
            text(
                "INSERT INTO products (instrument_id, exchange_id, symbol, product_type, max_leverage) VALUES "
                "((SELECT id from instruments where name = 'NEW_INSTRUMENT'), 1, 'NEW/USDC:USDC', 'PERP', 10)"
            )
        )
    flow.worker.says("unlisted=('NEW/USDC:USDC',)")
    flow.worker.says("refused={'NEW/USDC:USDC'")
    entries = flow.redis.xlen("prices")
    wait_for("the others go on", lambda: flow.redis.xlen("prices") >= entries + 3)
    flow.simulator.list_coin("NEW", "5.5")
    wait_for("the new one is priced", lambda: "NEW/USDC:USDC" in flow.priced())
    wait_for("and has candles", lambda: flow.redis.hexists("last:candles", "NEW/USDC:USDC|1m"))


def test_a_removed_product_is_priced_no_more(flow):
    gone = "SOL/USDC:USDC"
    assert gone in _products(flow)
    with flow.engine.begin() as connection:
        connection.execute(text("DELETE FROM products WHERE symbol = :gone"), {"gone": gone})

    def newest() -> dict:
        return json.loads(flow.redis.xrevrange("prices", count=1)[0][1]["prices"])

    wait_for("it is left out", lambda: gone not in newest())
    assert "BTC/USDC:USDC" in newest()


def test_an_exchange_that_is_away_is_reported_in_lines_and_read_again_when_it_is_back(flow):
    flow.simulator.stop()
    seen = flow.worker.text.count("update_prices ok")
    flow.worker.says("VenueS", seconds=20)
    flow.simulator.start()
    flow.worker.says("update_prices ok", times=seen + 3)
    assert "Traceback" not in flow.worker.text


def test_a_stop_is_clean_and_takes_the_report_back(flow):
    store = SqlCycleStore(flow.engine)
    wait_for("it reports", lambda: [service for service in store.services() if service.name.startswith("celery_worker/")])
    flow.beat.stop()
    assert flow.worker.stop() == 0
    assert not [service for service in store.services() if service.name.startswith("celery_worker/")]
    assert "Traceback" not in flow.worker.text
