"""A worker that is stopped exactly between commit and send, past its lease, and revived: real processes, on both databases (D6)."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import Engine
from tests.integration.cycle.test_cycle import until
from tests.support import children
from tests.support.cycle import BTC, Desk
from tests.support.settings import ROOT

from threet.application.store import OrderRecord
from threet.domain.values import OrderState

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]


class Worker:
    """The other process. Its state folder is its own, as on another host."""

    def __init__(self, desk: Desk, engine: Engine, folder: Path, point: str) -> None:
        url = engine.url.render_as_string(hide_password=False)
        command = [sys.executable, "-m", "tests.support.stopped_worker", str(folder), desk.simulator.url, url, point]
        self._process = children.start(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def wait_until_stopped(self) -> None:
        worker = psutil.Process(self._process.pid)
        until(lambda: self._process.poll() is not None or worker.status() == psutil.STATUS_STOPPED, lambda: time.sleep(0.05), 60)
        assert self._process.poll() is None, self._process.communicate()

    def revive(self) -> dict[str, Any]:
        """What it says of its cycle."""
        self._process.send_signal(signal.SIGCONT)
        out, err = self._process.communicate(timeout=60)
        assert self._process.returncode == 0, err
        result: dict[str, Any] = json.loads(out.splitlines()[-1])
        return result

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture(params=["unsigned", "signed"])
def stopped(request: pytest.FixtureRequest, desk: Desk, engine: Engine, tmp_path: Path) -> Any:
    """A worker that wants to buy and hangs between commit and send."""
    desk.vote({BTC: 8})
    worker = Worker(desk, engine, tmp_path / "worker", request.param)
    try:
        worker.wait_until_stopped()
        yield worker, request.param
    finally:
        worker.kill()


def order(desk: Desk, client_order_id: str) -> OrderRecord:
    return next(one for one in desk.store.orders(20) if one.client_order_id == client_order_id)


def tried_at_the_venue(desk: Desk, client_order_id: str) -> list[dict[str, Any]]:
    return [action for action in desk.orders_at_the_venue() if action["action"]["orders"][0].get("c") == client_order_id]


def test_past_its_lease_nothing_is_executed_and_its_successor_settles_its_intent(desk, stopped):
    worker, point = stopped
    [intent] = desk.store.unsettled_orders()
    assert intent.state is OrderState.INTENT
    assert desk.cycle().status == "busy"
    until(lambda: order(desk, intent.client_order_id).state is OrderState.NOT_EXECUTED, desk.cycle, 60)
    until(lambda: desk.held(BTC) > 0 and not desk.store.unsettled_orders(), desk.cycle, 60)
    held, settled = desk.held(BTC), order(desk, intent.client_order_id)

    told = worker.revive()
    assert told["status"] == "overtaken"
    assert "ended as NOT_EXECUTED, it cannot become REJECTED" in told["reason"]
    assert told["sent"] == [intent.client_order_id]
    assert order(desk, intent.client_order_id) == settled
    tried = tried_at_the_venue(desk, intent.client_order_id)
    assert len(tried) == (1 if point == "signed" else 0)
    assert all("expired" in json.dumps(action["answer"]) for action in tried), tried
    assert desk.held(BTC) == held
    desk.cycle()
    fills = [fill for fill in desk.account.fills_since(intent.created_at) if fill.client_order_id == intent.client_order_id]
    assert fills == []
    assert sum((one.filled_contracts for one in desk.store.orders(20)), Decimal(0)) == held


def test_revived_before_anybody_else_it_has_not_sent_either(desk, stopped):
    worker, point = stopped
    [intent] = desk.store.unsettled_orders()
    until(lambda: desk.market.exchange_time() > intent.expires_at, lambda: time.sleep(0.05))
    told = worker.revive()
    assert told["sent"] == [intent.client_order_id]
    assert order(desk, intent.client_order_id).state is OrderState.REJECTED
    assert len(tried_at_the_venue(desk, intent.client_order_id)) == (1 if point == "signed" else 0)
    assert desk.held(BTC) == 0
    until(lambda: desk.held(BTC) > 0, desk.cycle, 60)
